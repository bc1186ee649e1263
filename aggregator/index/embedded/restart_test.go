package embedded

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"belfry/aggregator/index"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// unclean copies an index that does not run, as a process that is killed leaves it: without what is in memory only. The
// storage must have few parts, or it merges them meanwhile.
func unclean(t testing.TB, x *Index) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(x.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runWhile runs an index until do returns.
func runWhile(t testing.TB, x *Index, do func()) {
	t.Helper()
	stop := runIndex(t, x)
	do()
	stop()
}

// checkFound expects the events first to end of a stream, each once, and no others.
func checkFound(t testing.TB, x *Index, first, end uint64) {
	t.Helper()
	all := counted(t, x)
	for n := first; n < end; n++ {
		if k := all[idAt(testPos, n)]; k != 1 {
			t.Errorf("event %d is found %d times", n, k)
		}
	}
	if uint64(len(all)) != end-first {
		t.Errorf("%d events are found, want %d", len(all), end-first)
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	var h handed
	last := uint64(0)
	for n := range uint64(4) {
		x := openIndex(t, Config{Dir: dir}, h.take)
		checkFound(t, x, 0, 10*n)
		runWhile(t, x, func() {
			if r := mustWrite(t, x, data(testPos, 0, 10*n+10)); r.New != 10 || r.Repeats != int(10*n) || r.Position <= last {
				t.Errorf("round %d, behind %d: %+v", n, last, r)
			}
			r := mustWrite(t, x, without(data(testPos, 1000+n, 1001+n), batch.Dropped))
			last = r.Position
		})
		h.check(t, x)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if h.last != 8 {
		t.Errorf("last position %d, want 8", h.last)
	}
}

// TestUncleanEnd kills with some rows on disk, some in memory only, and some behind a checkpoint.
func TestUncleanEnd(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, func(uint64, []*event.Event) error { return nil })
	last := uint64(0)
	writeHere(t, x, data(testPos, 0, 10))
	x.makeCheckpointHere()
	for n := range uint64(5) {
		last = writeHere(t, x, data(testPos, 10+10*n, 20+10*n))
		if n == 2 {
			if err := x.flushStorage(); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := unclean(t, x)
	for range 2 { // the second time behind a start that wrote nothing
		y := openIndex(t, Config{Dir: dir}, nil)
		checkFound(t, y, 0, 60)
		if got := y.Stats(); got.Position != last || got.Checkpoint != 1 {
			t.Errorf("%+v, want position %d", got, last)
		}
		checkSince(t, y, 3, 3, 4, 5, 6)
		checkSince(t, y, last+1)
		dir = unclean(t, y)
		y.Close()
	}
	y := start(t, Config{Dir: dir}, nil)
	if r := mustWrite(t, y, data(testPos, 0, 70)); r.New != 10 || r.Repeats != 60 || r.Position != last+1 {
		t.Errorf("after an unclean end: %+v", r)
	}
	checkFound(t, y, 0, 70)
}

// makeCheckpointHere makes a checkpoint of an index that does not run.
func (x *Index) makeCheckpointHere() {
	go func() { close((<-x.applying).idle) }()
	_ = x.makeCheckpoint()
}

// writeHere writes to an index that does not run, and returns the position.
func writeHere(t testing.TB, x *Index, w index.Write) uint64 {
	t.Helper()
	return resultHere(t, x, w).Position
}

// resultHere is writeHere, and returns what became of it.
func resultHere(t testing.TB, x *Index, w index.Write) index.Result {
	t.Helper()
	var answered index.Result
	p := &pending{w: w, cost: queueLeast, done: func(r index.Result, err error) {
		if answered = r; err != nil {
			t.Fatal(err)
		}
	}}
	if err := x.prepare(p); err != nil {
		t.Fatal(err)
	}
	if err := x.gate.Enter(t.Context(), x.life.Stop, p.cost); err != nil {
		t.Fatal(err)
	}
	x.commit([]*pending{p})
	x.apply(<-x.applying)
	return answered
}

// checkSince expects the records of these positions.
func checkSince(t testing.TB, x *Index, from uint64, want ...uint64) {
	t.Helper()
	var got []uint64
	err := x.Since(from, func(position uint64, events []*event.Event) error {
		got = append(got, position)
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("since %d: records %v, %v; want %v", from, got, err, want)
	}
	stop := errors.New("stop")
	if err := x.Since(from, func(uint64, []*event.Event) error { return stop }); len(want) > 0 && !errors.Is(err, stop) {
		t.Errorf("since %d ends with %v", from, err)
	}
}

// TestOddIDs replays events with no id, several, and ids that look like something else, of which the storage has some.
func TestOddIDs(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	ids := [][]string{{}, {"a", "b"}, {"007"}, {"1.50"}, {`["x"]`}, {"10.0.0.1"}, {"2026-11-24T01:02:03Z"}, {"ü\u2028"}, {"-0"}, {}}
	write := func() {
		var w index.Write
		for i, all := range ids {
			e := sampleEvent(i, x.now())
			e.Delete("event.id")
			for _, id := range all {
				e.Append("event.id", id)
			}
			w.Items = append(w.Items, index.Item{Event: e})
		}
		writeHere(t, x, w)
	}
	write()
	if err := x.flushStorage(); err != nil {
		t.Fatal(err)
	}
	write()
	y := openIndex(t, Config{Dir: unclean(t, x)}, nil)
	if n := len(search(t, y, "", index.Search{Limit: -1})); n != 2*len(ids) {
		t.Errorf("%d events are found, want %d", n, 2*len(ids))
	}
}

func TestOldCheckpoint(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	writeHere(t, x, data(testPos, 0, 10))
	x.makeCheckpointHere()
	old, err := os.ReadFile(x.checkpointPath())
	if err != nil {
		t.Fatal(err)
	}
	writeHere(t, x, data(testPos, 10, 20))
	x.makeCheckpointHere()
	f := func(name string, spoil func(path string) error, want string) {
		t.Helper()
		dir := unclean(t, x)
		if err := spoil(filepath.Join(dir, "checkpoint")); err != nil {
			t.Fatal(err)
		}
		for range 2 { // and it can be tried again
			_, err := Open(Config{Dir: dir, MinFree: -1}, slog.New(slog.DiscardHandler), nil, nil)
			if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "checkpoint")) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	f("missing", os.Remove, "the log begins at record 3")
	f("old", func(path string) error { return os.WriteFile(path, old, 0o600) }, "covers the records up to 1,")
	f("empty", func(path string) error { return os.Truncate(path, 0) }, "damaged")
	f("cut", func(path string) error { return os.Truncate(path, int64(len(old)-1)) }, "damaged")
	f("changed", func(path string) error { return flipByte(path, 10) }, "damaged")
	f("ledger changed", func(path string) error { return flipByte(path, checkpointHeader+10) }, "damaged")
	y := openIndex(t, Config{Dir: unclean(t, x)}, nil)
	checkFound(t, y, 0, 20)
}

// flipByte spoils a byte of a file, counted from its end if at is negative.
func flipByte(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 0x10
	return os.WriteFile(path, b, 0o600)
}

// TestDamagedLog spoils the log of an unclean end: what is lost is told, and nothing else is lost.
func TestDamagedLog(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	for n := range uint64(4) {
		writeHere(t, x, data(testPos, 10*n, 10*n+10))
	}
	f := func(name string, spoil func(path string) error, first, end uint64) {
		t.Helper()
		dir := unclean(t, x)
		logs, err := filepath.Glob(filepath.Join(dir, "log", "*.seg"))
		if err != nil || len(logs) != 1 {
			t.Fatal(logs, err)
		}
		if err := spoil(logs[0]); err != nil {
			t.Fatal(err)
		}
		var told strings.Builder
		y, err := Open(Config{Dir: dir, MinFree: -1}, slog.New(slog.NewTextHandler(&told, nil)), nil, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer y.Close()
		if n := strings.Count(told.String(), `msg="log is damaged" file=`+logs[0]); n != 1 {
			t.Errorf("%s: the damage is told %d times: %s", name, n, told.String())
		}
		checkFound(t, y, first, end)
		before := y.Stats().Position
		if before < 4 {
			t.Errorf("%s: position %d", name, before)
		}
		runWhile(t, y, func() {
			if r := mustWrite(t, y, data(testPos, 0, 40)); r.New != int(40-end+first) || r.Position <= before {
				t.Errorf("%s: %+v behind %d", name, r, before)
			}
		})
		checkFound(t, y, 0, 40)
	}
	cut := func(n int64) func(string) error {
		return func(path string) error {
			fi, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, fi.Size()-n)
		}
	}
	f("last byte cut", cut(1), 0, 30)
	f("some bytes cut", cut(100), 0, 30)
	f("byte changed in the last record", func(path string) error { return flipByte(path, -20) }, 0, 30)
	f("byte changed in the first record", func(path string) error { return flipByte(path, 60) }, 10, 40)
}

// TestDamagedOnlyRecord loses all that was to be replayed.
func TestDamagedOnlyRecord(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	writeHere(t, x, data(testPos, 0, 10))
	dir := unclean(t, x)
	logs, _ := filepath.Glob(filepath.Join(dir, "log", "*.seg"))
	if err := flipByte(logs[0], -1); err != nil {
		t.Fatal(err)
	}
	y := openIndex(t, Config{Dir: dir}, nil)
	if y.measures.damage.Get() != 1 {
		t.Errorf("damage is told %d times", y.measures.damage.Get())
	}
	checkFound(t, y, 0, 0)
}
