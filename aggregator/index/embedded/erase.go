package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
)

// Erasing goes in this order, so that nothing comes back, whatever is killed on the way:
//
//  1. a checkpoint, behind which a replay begins; the log is cut there, once the alerts have seen it,
//  2. a search for what is to go, of the rows that the checkpoint covers, by their positions, which are never given twice,
//  3. a task of logstorage for each shelf and some thousand positions: it writes the parts that have such rows anew,
//     without them, and puts those in the place of the old ones in one step. The task is on disk before it begins, and
//     goes on at the next start if it must,
//  4. a look whether they are gone.
//
// The ledger goes on saying that the events are held, so a repeat of the agent does not bring them back. The names of
// hosts stay in the storage's table of streams until the day goes.

// eraseAtOnce is how many events one task removes.
const eraseAtOnce = 50_000

// eraseTries bounds the tasks for the same events. A part that is being merged has logstorage try again by itself.
const eraseTries = 5

// eraser lets one erase at a time.
type eraser struct {
	mu    sync.Mutex
	tasks int
}

// Erase removes the events that a search finds, for good. See index.Index. What is written while it runs stays. When it
// ends with an error, those that it told of are gone; others may be, at once or behind the next start.
func (x *Index) Erase(ctx context.Context, s index.Search, progress func(gone uint64)) (uint64, error) {
	x.eraser.mu.Lock()
	defer x.eraser.mu.Unlock()
	settled, err := x.settle(ctx)
	if err != nil {
		return 0, fmt.Errorf("erase: %w", err)
	}
	e := &erasing{x: x, rows: make(map[*shelf][]rowKey), progress: progress}
	err = x.walk(ctx, s, func(r found) error {
		if r.position>>rowBits > settled {
			return nil
		}
		e.rows[r.shelf] = append(e.rows[r.shelf], r.rowKey)
		if e.waiting++; e.waiting < eraseAtOnce {
			return nil
		}
		return e.erase(ctx)
	})
	if err == nil {
		err = e.erase(ctx)
	}
	if err != nil {
		err = fmt.Errorf("erase: %w", err)
	}
	return e.gone, err
}

// settle makes a checkpoint, waits until the alerts have seen all before it, cuts the log there, and returns the lsn.
func (x *Index) settle(ctx context.Context) (lsn uint64, err error) {
	asked := x.askLoop(ctx, func() {
		if err = x.makeCheckpoint(); err == nil {
			err = x.wal.Roll()
		}
		lsn = x.checkpoint.Load()
	})
	if err := errors.Join(asked, err); err != nil {
		return 0, err
	}
	for {
		cut := false
		asked := x.askLoop(ctx, func() {
			err = x.wal.TruncateBefore(min(lsn, x.alertsAt.Load()) + 1)
			cut = x.wal.First() > lsn
			x.logBytes.Store(x.wal.Bytes())
		})
		if err := errors.Join(asked, err); err != nil || cut {
			return lsn, err
		}
		if err := pause(ctx, settleEvery); err != nil {
			return 0, fmt.Errorf("the alerts have not yet seen what is in the log: %w", err)
		}
	}
}

const settleEvery = 20 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// erasing is an Erase on its way.
type erasing struct {
	x        *Index
	rows     map[*shelf][]rowKey // that wait
	waiting  int
	gone     uint64
	progress func(uint64)
}

// erase removes the rows that wait.
func (e *erasing) erase(ctx context.Context) error {
	for f, rows := range e.rows {
		if err := e.x.eraseRows(ctx, f, rows); err != nil {
			return err
		}
		delete(e.rows, f)
		e.waiting -= len(rows)
		e.gone += uint64(len(rows))
		e.x.measures.erased.Add(len(rows))
		if e.progress != nil {
			e.progress(e.gone)
		}
	}
	return nil
}

func (x *Index) eraseRows(ctx context.Context, f *shelf, rows []rowKey) error {
	filter, from, to := placesOf(rows)
	for range eraseTries {
		if err := x.eraseTask(ctx, f, filter); err != nil {
			return err
		}
		left, err := x.countRows(ctx, f, filter, from, to)
		if err != nil || left == 0 {
			return err
		}
	}
	return fmt.Errorf("class %s: some events are still there", f.class)
}

// placesOf returns the filter for rows, and the times between which they are.
func placesOf(rows []rowKey) (filter string, from, to int64) {
	from, to = math.MaxInt64, math.MinInt64
	b := append(strconv.AppendQuote(nil, columnPosition), ":in("...)
	slices.SortFunc(rows, func(a, b rowKey) int { return compareHeld(heldRow{a.position, 0}, heldRow{b.position, 0}) })
	for i, r := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendUint(append(b, '"'), r.position, 10), '"')
		from, to = min(from, r.ts), max(to, r.ts)
	}
	stamp := func(ts int64) string { return time.Unix(0, ts).UTC().Format("2006-01-02T15:04:05.000000000Z") }
	return fmt.Sprintf("%s:[%s,%s] %s)", columnTime, stamp(from), stamp(to), b), from, to
}

// taskEvery is how often the index looks whether a task is over. logstorage begins one a second.
const taskEvery = 20 * time.Millisecond

// taskAhead makes the task look at all rows: it passes over those that are newer than itself.
const taskAhead = 30 * 24 * time.Hour

// eraseTask removes rows, and returns when they are.
func (x *Index) eraseTask(ctx context.Context, f *shelf, filter string) error {
	x.eraser.tasks++
	begin := x.now()
	id := fmt.Sprintf("belfry-%d-%d", begin.UnixNano(), x.eraser.tasks)
	parsed, err := logstorage.ParseFilter(filter)
	if err != nil {
		return fmt.Errorf("the storage does not take the filter: %w", err)
	}
	begun := false
	for over := false; !over; {
		err := x.lend(func() (err error) {
			if !begun {
				begun = true
				tenants := []logstorage.TenantID{tenant}
				return f.storage.DeleteRunTask(ctx, id, begin.Add(taskAhead).UnixNano(), tenants, parsed)
			}
			active, err := f.storage.DeleteActiveTasks(ctx)
			over = !slices.ContainsFunc(active, func(t *logstorage.DeleteTask) bool { return t.TaskID == id })
			return err
		})
		if err == nil && !over {
			err = pause(ctx, taskEvery)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lend calls fn while the shelves are open, or returns index.ErrClosed.
func (x *Index) lend(fn func() error) error {
	_, done, err := x.borrow()
	if err != nil {
		return err
	}
	defer done()
	return fn()
}

func (x *Index) countRows(ctx context.Context, f *shelf, filter string, from, to int64) (n uint64, err error) {
	q, err := newQuery(filter, ` | stats count() as "`+columnCount+`"`, from, to)
	if err != nil {
		return 0, err
	}
	err = x.lend(func() error {
		f.storage.DebugFlush()
		return f.runQuery(ctx, q, func(_ uint, b *logstorage.DataBlock) {
			n += parsePosition(at(column(b.GetColumns(false), columnCount), 0))
		})
	})
	if err == nil {
		err = ctx.Err()
	}
	return n, err
}
