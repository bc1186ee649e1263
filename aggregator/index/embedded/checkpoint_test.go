package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

func TestCheckpointCutsLog(t *testing.T) {
	var x *Index
	behind := true // of the loop that applies
	x = openIndex(t, Config{Dir: t.TempDir(), CheckpointBytes: 1}, func(position uint64, _ []*event.Event) error {
		if position == 5 {
			x.AlertsAt(4)
			x.AlertsAt(2) // does not go back
		}
		if !behind {
			x.AlertsAt(position)
		}
		return nil
	})
	for n := range uint64(10) {
		writeHere(t, x, data(testPos, 10*n, 10*n+10))
		x.makeCheckpointHere()
	}
	checkSince(t, x, 5, 5, 6, 7, 8, 9, 10)
	long := x.Stats()
	if long.Checkpoint != 10 || x.checkpointDue() {
		t.Errorf("after a checkpoint: %+v", long)
	}
	behind = false
	writeHere(t, x, data(testPos, 100, 110))
	if !x.checkpointDue() {
		t.Error("no checkpoint is due")
	}
	x.makeCheckpointHere()
	if short := x.Stats(); short.LogBytes >= long.LogBytes/4 || short.Checkpoint != 11 || short.Position != 11 {
		t.Errorf("the log had %d bytes: %+v", long.LogBytes, short)
	}
	checkSince(t, x, 1)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	y := openIndex(t, Config{Dir: x.cfg.Dir}, nil)
	checkFound(t, y, 0, 110)
	if r := writeHere(t, y, data(testPos, 0, 120)); r != 12 {
		t.Errorf("position %d behind a cut log, want 12", r)
	}
	checkFound(t, y, 0, 120)
}

func TestCheckpointDue(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	now := time.Now()
	x.now = func() time.Time { return now }
	x.last = now
	f := func(later time.Duration, grown int64, want bool) {
		t.Helper()
		now = now.Add(later)
		if x.grown = grown; x.checkpointDue() != want {
			t.Errorf("%v later, %d bytes: due is %v", later, grown, !want)
		}
	}
	f(time.Hour, 1<<30, false) // nothing is new
	now = x.last
	writeHere(t, x, data(testPos, 0, 1))
	f(0, 1, false)
	f(0, 256<<20, true)
	f(5*time.Minute-1, 1, false)
	f(1, 1, true)
	x.makeCheckpointHere()
	f(time.Hour, 1, false)
}

// TestCheckpoints lets Run make them, while writes and searches go on.
func TestCheckpoints(t *testing.T) {
	var h handed
	x := openIndex(t, Config{Dir: t.TempDir(), CheckpointBytes: 5 << 10}, nil)
	x.onDurable = func(position uint64, events []*event.Event) error {
		x.AlertsAt(position)
		return h.take(position, events)
	}
	runWhile(t, x, func() {
		for n := range uint64(50) {
			mustWrite(t, x, data(testPos, 20*n, 20*n+20))
			if got := search(t, x, "", index.Search{Limit: 1, Oldest: n%2 == 0}); len(got) != 1 {
				t.Fatal("nothing is found")
			}
		}
	})
	if s := x.Stats(); s.Checkpoint == 0 || s.LogBytes > 40<<10 {
		t.Errorf("%+v", s)
	}
	h.check(t, x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	checkFound(t, openIndex(t, Config{Dir: x.cfg.Dir}, nil), 0, 1000)
}

// TestCheckpointThatFails tells of it, and goes on.
func TestCheckpointThatFails(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	writeHere(t, x, data(testPos, 0, 10))
	dir := x.cfg.Dir
	x.cfg.Dir = dir + "/none"
	x.makeCheckpointHere()
	x.cfg.Dir = dir
	if s := x.Stats(); x.measures.checkpointFaults.Get() != 1 || s.Checkpoint != 0 {
		t.Errorf("%+v", s)
	}
	writeHere(t, x, data(testPos, 10, 20))
	x.makeCheckpointHere()
	if s := x.Stats(); s.Checkpoint != 2 {
		t.Errorf("%+v", s)
	}
	checkFound(t, x, 0, 20)
}

// An index whose rows have no folded words is refused: words would be missed in it.
func TestOldVersion(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir(), MinFree: -1}, nil)
	writeHere(t, x, data(testPos, 0, 10))
	x.makeCheckpointHere()
	dir := unclean(t, x)
	path := filepath.Join(dir, "checkpoint")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(at int, to byte, want string) {
		t.Helper()
		bad := bytes.Clone(b)
		bad[at] = to
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Config{Dir: dir, MinFree: -1}, x.log, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("byte %d: %v", at, err)
		}
		if checked := CheckVersion(dir); checked == nil || checked.Error() != err.Error() {
			t.Errorf("byte %d: the check says %v, the index %v", at, checked, err)
		}
	}
	for _, dir := range []string{dir, t.TempDir()} {
		if err := CheckVersion(dir); err != nil {
			t.Error(err)
		}
	}
	f(7, 2, "version 2 of the index, this program has version 3: export with the program that wrote it")
	f(7, 4, "not a checkpoint of this version, or damaged")
	f(0, 'B', "not a checkpoint of this version, or damaged")
	f(9, 0xff, "header is damaged")
}
