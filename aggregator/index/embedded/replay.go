package embedded

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// replay brings ledger and storage to where the log is: what the records behind the checkpoint say is added to the
// ledger, and those of their rows that the storage does not hold to the storage.
func (x *Index) replay(checkpoint uint64) error {
	begin := time.Now()
	defer x.reportDamage()
	span, err := x.replayLedger(checkpoint)
	if err != nil || span.rows == 0 {
		return err
	}
	held, err := x.heldRows(checkpoint, span)
	if err != nil {
		return fmt.Errorf("ask the storage what it holds: %w", err)
	}
	added, err := x.replayRows(checkpoint, held)
	if err != nil {
		return err
	}
	x.log.Info("log replayed", "from", checkpoint+1, "rows", span.rows, "added", added,
		"took", time.Since(begin).Round(time.Millisecond))
	return nil
}

// timeSpan is the times of some rows.
type timeSpan struct {
	rows     int
	from, to int64
}

func (x *Index) eachRecord(checkpoint uint64, fn func(lsn uint64, r record) error) error {
	return x.wal.Read(checkpoint+1, func(lsn uint64, rec []byte) error {
		r, err := decodeRecord(rec)
		if err == nil {
			err = fn(lsn, r)
		}
		if err != nil {
			return fmt.Errorf("replay log record %d: %w", lsn, err)
		}
		return nil
	})
}

func (x *Index) replayLedger(checkpoint uint64) (timeSpan, error) {
	s := timeSpan{from: math.MaxInt64, to: math.MinInt64}
	err := x.eachRecord(checkpoint, func(_ uint64, r record) error {
		for _, g := range r.ranges {
			if err := x.ledger.Add(g.Pos, g.Kind, g.First, g.End); err != nil {
				return err
			}
		}
		for _, i := range r.named {
			key, err := event.ParseKey(r.events[i].Get("event.id"))
			if err != nil {
				return err
			}
			x.names.add(r.day, key)
		}
		for _, e := range r.events {
			ts, err := timeOf(e)
			if err != nil {
				return err
			}
			s = timeSpan{s.rows + 1, min(s.from, ts), max(s.to, ts)}
		}
		return nil
	})
	return s, err
}

// heldRow says which row has which event. A row of the log is held if position and id are: the position alone would
// do, if nobody ever takes away files of the log. The id is a hash of the column event.id; 0 if there is none.
type heldRow struct{ position, id uint64 }

func compareHeld(a, b heldRow) int {
	switch {
	case a.position < b.position, a.position == b.position && a.id < b.id:
		return -1
	case a == b:
		return 0
	}
	return 1
}

var idSeed = maphash.MakeSeed()

func hashID(text string) uint64 {
	if text == "" {
		return 0
	}
	return maphash.String(idSeed, text)
}

// heldRows returns, in order, which rows behind the checkpoint the storage holds.
func (x *Index) heldRows(checkpoint uint64, span timeSpan) ([]heldRow, error) {
	least := rowPosition(checkpoint+1, 0)
	var mu sync.Mutex
	var held []heldRow
	filter := fmt.Sprintf(`%q:>=%d`, columnPosition, least)
	err := x.ask(context.Background(), index.Span{}, filter, onlyPlaces, span.from, span.to, func(_ *shelf, b *logstorage.DataBlock) {
		all := b.GetColumns(false)
		positions, ids := column(all, columnPosition), column(all, "event.id")
		mu.Lock()
		defer mu.Unlock()
		for i, s := range positions {
			h := heldRow{position: parsePosition(s)}
			if h.position < least { // logstorage compares as floats
				continue
			}
			if ids != nil {
				h.id = hashID(ids[i])
			}
			held = append(held, h)
		}
	})
	slices.SortFunc(held, compareHeld)
	return held, err
}

func (x *Index) replayRows(checkpoint uint64, held []heldRow) (added int, err error) {
	a := x.adders[0]
	x.beginDay()
	err = x.eachRecord(checkpoint, func(lsn uint64, r record) error {
		for i, e := range r.events {
			h := heldRow{rowPosition(lsn, i), hashID(a.maker.idOf(e))}
			if _, ok := slices.BinarySearchFunc(held, h, compareHeld); ok {
				continue
			}
			ts, err := timeOf(e)
			if err != nil {
				return err
			}
			a.add(x.shelf(r.class(i), math.MaxInt), ts, e, h.position)
			added++
		}
		return nil
	})
	a.flush()
	return added, err
}

// reportDamage tells of what the log has lost, each place once.
func (x *Index) reportDamage() {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.wal.Damage()
	for _, d := range all[min(x.damaged, len(all)):] {
		x.measures.damage.Inc()
		x.log.Error("log is damaged", "file", d.File, "offset", d.Offset, "bytes", d.Bytes, "torn", d.Torn)
	}
	x.damaged = len(all)
}
