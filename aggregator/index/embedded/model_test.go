package embedded

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// TestModel writes, repeats, stops and kills in any order, and holds the index to a map of bytes.
func TestModel(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	if checks.String() == "100" { // nobody wants another number, and each history makes many files
		checks.Set("10")
		defer checks.Set("100")
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{t: rt, dir: t.TempDir(), ranks: map[place]int{}, want: map[string]bool{}, got: map[string]int{}}
		m.open()
		rt.Repeat(map[string]func(*rapid.T){
			"write":   m.writes,
			"again":   m.writes,
			"more":    m.writes,
			"restart": m.restart,
			"kill":    m.kill,
			"search":  m.search,
		})
		m.restart(rt)
		m.search(rt)
		m.close()
	})
}

// place is where an item is in its stream.
type place struct {
	pos    ledger.Position
	offset uint64
}

type machine struct {
	t     *rapid.T
	dir   string
	gen   int
	x     *Index
	ended chan error
	last  uint64          // position of the last record that the alerts have seen
	ranks map[place]int   // of the bytes: 0 unknown, 4 data
	want  map[string]bool // event.id of what was acknowledged as new
	got   map[string]int  // how often the alerts have seen it
}

var rankOf = map[batch.Kind]int{batch.Skipped: 1, batch.Dropped: 2, batch.Dead: 3, batch.Data: 4}

func (m *machine) path() string { return filepath.Join(m.dir, fmt.Sprint(m.gen)) }

func (m *machine) open() {
	var err error
	m.x, err = Open(Config{Dir: m.path(), Memory: 64 << 20, MinFree: -1, CheckpointBytes: 20_000},
		slog.New(slog.DiscardHandler), nil, m.durable)
	if err != nil {
		m.t.Fatal(err)
	}
	m.x.AlertsAt(m.last)
	if at := m.x.Stats().Position; at < m.last {
		m.t.Fatalf("position %d after %d", at, m.last)
	}
	m.ended = make(chan error, 1)
	go func() { m.ended <- m.x.Run(context.Background()) }()
}

func (m *machine) durable(position uint64, events []*event.Event) error {
	if position <= m.last {
		return fmt.Errorf("position %d came behind %d", position, m.last)
	}
	m.last = position
	for _, e := range events {
		m.got[e.Get("event.id")]++
	}
	m.x.AlertsAt(position)
	return nil
}

func (m *machine) close() {
	err, ended := m.x.Close(), <-m.ended
	if err != nil || ended != nil && !errors.Is(ended, index.ErrClosed) { // it may not have begun
		m.t.Fatal(err, ended)
	}
}

func (m *machine) restart(*rapid.T) {
	m.close()
	m.open()
}

// kill goes on with a copy of the files as they are before a clean end.
func (m *machine) kill(*rapid.T) {
	m.x.life.Halt(index.ErrClosed)
	err := <-m.ended
	m.ended <- err
	old := m.path()
	m.gen++
	err = os.CopyFS(m.path(), os.DirFS(old))
	m.close()
	if err := errors.Join(err, os.RemoveAll(old)); err != nil {
		m.t.Fatal(err)
	}
	m.open()
}

// writes sends some writes at once.
func (m *machine) writes(t *rapid.T) {
	type sent struct {
		w      index.Write
		answer chan answer
	}
	var all []sent
	for range rapid.IntRange(1, 4).Draw(t, "writes") {
		s := sent{m.draw(t), make(chan answer, 2)}
		all = append(all, s)
		m.x.Write(context.Background(), index.Write{Items: s.w.Items, Ranges: s.w.Ranges}, func(r index.Result, err error) { s.answer <- answer{r, err} })
	}
	for _, s := range all {
		m.expect(s.w, <-s.answer)
	}
}

func (m *machine) draw(t *rapid.T) index.Write {
	var w index.Write
	for range rapid.IntRange(0, 3).Draw(t, "ranges") {
		pos := testPos
		pos.Epoch = rapid.Uint64Max(1).Draw(t, "epoch")
		first := rapid.Uint64Max(40).Draw(t, "first")
		part := data(pos, first, first+rapid.Uint64Range(1, 12).Draw(t, "n"))
		part.Ranges[0].Kind = rapid.SampledFrom([]batch.Kind{batch.Data, batch.Data, batch.Data, batch.Dropped, batch.Skipped, batch.Dead}).Draw(t, "kind")
		w.Ranges = append(w.Ranges, part.Ranges...)
		if part.Ranges[0].Kind == batch.Data || rapid.IntRange(0, 9).Draw(t, "wrong") == 0 {
			w.Items = append(w.Items, part.Items[rapid.IntRange(0, len(part.Items)).Draw(t, "from"):]...)
		}
	}
	return w
}

// expect says what must become of a write, and notes it.
func (m *machine) expect(w index.Write, a answer) {
	after := maps.Clone(m.ranks)
	for _, r := range w.Ranges {
		for n := r.First; n < r.End; n++ {
			after[place{r.Pos, n}] = max(after[place{r.Pos, n}], rankOf[r.Kind])
		}
	}
	fresh, covered := make(map[string]bool), true
	for _, it := range w.Items {
		at := place{it.Pos, it.Offset}
		if m.ranks[at] < 4 {
			fresh[idAt(it.Pos, it.Offset)] = true
			covered = covered && after[at] == 4
		}
	}
	if !covered {
		if !errors.Is(a.err, index.ErrBadWrite) {
			m.t.Fatalf("an event in no data range: %+v", a)
		}
		return
	}
	if a.err != nil || a.New != len(fresh) || a.New+a.Repeats != len(w.Items) {
		m.t.Fatalf("%+v, want %d new of %d", a, len(fresh), len(w.Items))
	}
	m.ranks = after
	maps.Copy(m.want, fresh)
}

func (m *machine) search(t *rapid.T) {
	times := make(map[string]int)
	s := index.Search{Limit: -1, Oldest: rapid.Bool().Draw(t, "oldest")}
	err := m.x.Search(context.Background(), s, func(e *event.Event, _ index.Cursor) error { times[e.Get("event.id")]++; return nil })
	if err != nil || len(times) != len(m.want) || len(m.got) != len(m.want) {
		t.Fatalf("%v: %d events found, %d handed on, want %d", err, len(times), len(m.got), len(m.want))
	}
	for id := range m.want {
		if times[id] != 1 || m.got[id] != 1 {
			t.Fatalf("event %s is found %d times, and was handed on %d times", id, times[id], m.got[id])
		}
	}
	for at, rank := range m.ranks {
		if m.x.Held(at.pos, at.offset) != (rank == 4) {
			t.Fatalf("offset %d of epoch %d: held is %v", at.offset, at.pos.Epoch, rank != 4)
		}
	}
}
