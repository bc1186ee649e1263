package rotate

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"belfry/shared/segment"
)

func testJournal(t *testing.T, dir string) *journal {
	t.Helper()
	j, err := openJournal(dir, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.close() })
	return j
}

func begin(t *testing.T, j *journal, r record) *job {
	t.Helper()
	o, err := j.begin(r.Path, func() (record, error) { return r, nil })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func examplePlan() *plan {
	return &plan{Live: handle{1, 2}, Shifts: []move{{"a.1", "a.2", handle{3, 4}}}, To: "a.1", New: &owned{0o640, 5, 6},
		Notice: &notice{Signal: &Signal{PIDFile: "/p", Signal: "HUP"}}}
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	j := testJournal(t, dir)
	a := begin(t, j, record{Do: doRotate, Path: "/a", Plan: examplePlan()})
	if begin(t, j, record{Do: doPack, Path: "/a", File: &target{}}) != nil {
		t.Error("two jobs of one family")
	}
	b := begin(t, j, record{Do: doDelete, Path: "/b", File: &target{Name: "b.1", File: handle{7, 8}, Size: 9}})
	made := handle{10, 11}
	if err := errors.Join(j.write(a, record{Do: doShift}), j.write(a, record{Do: doRename, Step: 2, Made: &made}), j.write(b, record{Do: doEnd})); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	j = testJournal(t, dir)
	all := j.jobs(doRotate, doPack, doDelete)
	if len(all) != 1 || all[0].did != doRename || all[0].step != 2 || all[0].made != made || all[0].plan.Shifts[0].To != "a.2" || all[0].path != "/a" {
		t.Errorf("%+v", all)
	}
	if begin(t, j, record{Do: doPack, Path: "/a", File: &target{}}) != nil {
		t.Error("two jobs of one family after a restart")
	}
}

// What is done goes, what is not stays, however much is written.
func TestJournalStaysSmall(t *testing.T) {
	dir := t.TempDir()
	j := testJournal(t, dir)
	a := begin(t, j, record{Do: doRotate, Path: "/a", Plan: examplePlan()})
	if err := j.write(a, record{Do: doShift}); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		o := begin(t, j, record{Do: doDelete, Path: "/b", File: &target{Name: strings.Repeat("b", 4<<10)}})
		if err := j.write(o, record{Do: doEnd}); err != nil {
			t.Fatal(err)
		}
	}
	if n := j.log.Bytes(); n > spareBytes+2*segmentBytes {
		t.Errorf("%d bytes", n)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if all := testJournal(t, dir).jobs(doRotate); len(all) != 1 || all[0].did != doShift || all[0].id != a.id {
		t.Errorf("%+v", all)
	}
}

// A later version's step means something that this one does not know.
func TestJournalOfALaterVersion(t *testing.T) {
	for _, rec := range []string{`{"job":1,"do":"fly"}`, `{"job":1,"do":"rotate"}`, "x"} {
		dir := t.TempDir()
		l, err := segment.Open(dir, segment.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append([]byte(rec)); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := openJournal(dir, quietLog); err == nil || !strings.Contains(err.Error(), "read journal of rotations: record") {
			t.Errorf("%s: %v", rec, err)
		}
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// The journals of older versions are read for ever.
func TestJournalSample(t *testing.T) {
	const sample = "testdata/journal-v1"
	made := handle{10, 11}
	file := &target{Name: "b.log.1", File: handle{7, 8}, Size: 9, Time: time.Unix(1_700_000_000, 0).UTC()}
	if *update {
		os.RemoveAll(sample)
		j := testJournal(t, sample)
		a := begin(t, j, record{Do: doRotate, Path: "/logs/a.log", Plan: examplePlan()})
		b := begin(t, j, record{Do: doPack, Path: "/logs/b.log", File: file})
		c := begin(t, j, record{Do: doDelete, Path: "/logs/c.log", File: file})
		if err := errors.Join(j.write(a, record{Do: doShift}), j.write(a, record{Do: doPrepare, Step: 1}),
			j.write(a, record{Do: doRename, Step: 2, Made: &made}), j.write(b, record{Do: doName, Made: &made}),
			j.write(c, record{Do: doEnd}), j.close()); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	all := testJournal(t, dir).jobs(doRotate, doPack, doDelete)
	if len(all) != 2 {
		t.Fatalf("%d jobs", len(all))
	}
	a, b := all[0], all[1]
	if a.path != "/logs/a.log" || a.did != doRename || a.step != 2 || a.made != made || a.plan.Live != (handle{1, 2}) ||
		*a.plan.New != (owned{0o640, 5, 6}) || a.plan.Notice.Signal.PIDFile != "/p" || a.plan.To != "a.1" {
		t.Errorf("%+v", a)
	}
	if b.did != doName || b.made != made || *b.file != *file {
		t.Errorf("%+v, %+v", b, b.file)
	}
}

func FuzzJournalRecord(f *testing.F) {
	f.Add(`{"job":1,"do":"rotate","path":"/a","plan":{"live":{"ino":1},"to":"a.1"}}`, `{"job":1,"do":"shift","step":9}`)
	f.Add(`{"job":1,"do":"pack","file":{"name":"x"}}`, `{"job":1,"do":"name","made":{"ino":1}}`)
	f.Add(`{"job":1,"do":"end"}`, `{}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		j := &journal{open: map[uint64]*job{}}
		if j.replay([]byte(first)) != nil || j.replay([]byte(second)) != nil {
			return
		}
		for _, o := range j.open {
			if o.kind == doRotate && o.plan == nil || o.kind != doRotate && o.file == nil {
				t.Errorf("%+v", o)
			}
			if o.kind == doRotate {
				_ = stepsOf(o)
			}
		}
	})
}
