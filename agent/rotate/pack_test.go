package rotate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"belfry/shared/conf"
)

// The archive has the name and the time of what is in it.
func TestGzipHeader(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log.1", 1, 20000) // more than one piece
	then := time.Unix(1_700_000_000, 5e8)
	if err := os.Chtimes(g.path("app.log.1"), then, then); err != nil {
		t.Fatal(err)
	}
	pieces := 0
	g.r.pause = func(context.Context, time.Duration) { pieces++ }
	g.once()
	g.want("app.log.1.gz=1")
	f, err := os.Open(g.path("app.log.1.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil || z.Name != "app.log.1" || z.ModTime.Unix() != then.Unix() || pieces < 4 {
		t.Errorf("%+v, %v, %d pieces", z.Header, err, pieces)
	}
	if n := len(lines(t, g.logs)); n != 20000 {
		t.Errorf("%d lines", n)
	}
}

// A plain file that somebody has open for writing stays as it is, and status says who.
func TestWaitsForTheWriter(t *testing.T) {
	g := newRig(t, Config{Keep: 1}, generations(9))
	defer g.close()
	g.write("app.log.1", 2, 9)
	g.write("app.log.2", 1, 9)
	var open []*os.File
	for _, name := range []string{"app.log.1", "app.log.2"} {
		f, err := os.OpenFile(g.path(name), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
	}
	g.once()
	g.want("app.log.1=2 app.log.2=1")
	me := "open for writing by " + filepath.Base(os.Args[0])
	if got := g.notes(); strings.Count(got, me[:len("open for writing by ")+8]) != 2 || !strings.Contains(got, "app.log.2: kept: ") {
		t.Errorf("notes %q", got)
	}
	for _, f := range open {
		f.Close()
	}
	g.once()
	g.want("app.log.1.gz=2")
	if g.notes() != "" {
		t.Errorf("notes %q", g.notes())
	}
}

// Where the kernel does not tell who writes, a file must have been quiet; and a change begins the wait anew.
func TestQuiet(t *testing.T) {
	g := newRig(t, Config{Wait: conf.Duration(time.Hour), Keep: 1}, generations(9))
	defer g.close()
	g.r.leased = func(*os.File) (bool, bool) { return false, false }
	g.write("app.log.1", 2, 9)
	g.write("app.log.2", 1, 9)
	age := func(d time.Duration) {
		for h, q := range g.r.quiet {
			q.since = q.since.Add(-d)
			g.r.quiet[h] = q
		}
	}
	g.once()
	age(59 * time.Minute)
	g.once()
	g.want("app.log.1=2 app.log.2=1")
	if got := g.notes(); strings.Count(got, "is to be quiet for 1h0m0s") != 2 {
		t.Errorf("notes %q", got)
	}
	g.write("app.log.1", 3, 9)
	age(2 * time.Minute)
	g.once()
	g.want("app.log.1=3")
	age(2 * time.Hour)
	g.once()
	g.want("app.log.1.gz=3")
	g.once()
	if len(g.r.quiet) > 0 {
		t.Error("what is gone is remembered")
	}
	// Who writes can be seen without the kernel's help, too.
	g.write("app.log.1", 3, 9)
	f, err := os.OpenFile(g.path("app.log.1"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(g.path("app.log.1.gz")); err != nil {
		t.Fatal(err)
	}
	g.once()
	if got := g.notes(); !strings.Contains(got, "open for writing by") {
		t.Errorf("notes %q", got)
	}
}

// A file that changes while it is compressed stays, and so it does when somebody opens it.
func TestChangedMeanwhile(t *testing.T) {
	f := func(at string, do func(g *rig) error, want string) {
		t.Helper()
		g := newRig(t, Config{}, nil)
		defer g.close()
		g.write("app.log.1", 1, 9)
		g.r.journal.hook = func(now string) {
			if now == at {
				g.r.journal.hook = func(string) {}
				if err := do(g); err != nil {
					t.Error(err)
				}
			}
		}
		g.once()
		g.want(want)
		if g.notes() == "" || g.metric("errors_total") != 1 || len(g.r.journal.open) > 0 {
			t.Errorf("%s: notes %q", at, g.notes())
		}
	}
	grow := func(g *rig) error { g.write("app.log.1", 1, 10); return nil }
	f("before pack", grow, "app.log.1=1")
	f("written", grow, "app.log.1=1")
	f("after pack", grow, "app.log.1=1")
	f("before name", grow, "app.log.1=1")
	f("after name", grow, "app.log.1=1")
	var open *os.File
	f("after name", func(g *rig) (err error) {
		open, err = os.OpenFile(g.path("app.log.1"), os.O_WRONLY, 0)
		return err
	}, "app.log.1=1")
	open.Close()
	f("before name", func(g *rig) error { g.write("app.log.1.gz", 7, 1); return nil }, "app.log.1=1 app.log.1.gz=7")
	f("after name", func(g *rig) error { return os.Rename(g.path("app.log.1"), g.path("mine")) }, "app.log.1.gz=1 mine=1")
	f("after pack", func(g *rig) error { return os.Remove(g.path(".app.log.1.gz.tmp")) }, "app.log.1=1")
}

// An archive that is not what was compressed never gets its name.
func TestVerify(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log.1", 1, 9)
	g.r.journal.hook = func(now string) {
		if now != "written" {
			return
		}
		b, err := os.ReadFile(g.path(".app.log.1.gz.tmp"))
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-6] ^= 1 // in the checksum
		if err := os.WriteFile(g.path(".app.log.1.gz.tmp"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.once()
	g.want("app.log.1=1")
	if !strings.Contains(g.notes(), "checksum") {
		t.Error(g.notes())
	}
}

func TestAtEnd(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte("x"))
	w.Close()
	f := func(text []byte, ok bool) {
		t.Helper()
		z, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		z.Read(make([]byte, 1))
		if err := atEnd("f", z); (err == nil) != ok {
			t.Errorf("%v", err)
		}
	}
	f(b.Bytes(), true)
	f(b.Bytes()[:b.Len()-1], false)
	f(append(b.Bytes()[:b.Len():b.Len()], b.Bytes()...), false)
}

// An ordered stop leaves no half archive behind.
func TestStopWhileCompressing(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log.1", 1, 20000)
	ctx, stop := context.WithCancel(context.Background())
	g.r.pause = func(context.Context, time.Duration) { stop() }
	g.r.tidy(ctx)
	g.want("app.log.1=1")
	if g.metric("errors_total") != 0 || len(g.r.journal.open) > 0 {
		t.Error(g.said.String())
	}
}

// unsure is an index that knows nothing.
type unsure struct{}

func (unsure) Indexed(string) (bool, error) { return true, errors.New("never heard of it") }

// changing is an index during whose answer the file grows.
type changing struct{ g *rig }

func (c changing) Indexed(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, err = f.WriteString("more\n")
	return true, err
}

func TestKeepsWhatIsNotKnown(t *testing.T) {
	no := false
	f := func(index func(*rig) Index, want string) {
		t.Helper()
		g := newRig(t, Config{Keep: 1, Compress: &no}, nil)
		defer g.close()
		g.r.index = index(g)
		g.write("app.log.1", 2, 9)
		g.write("app.log.2", 1, 9)
		g.once()
		g.want("app.log.1=2 app.log.2=1")
		if got := g.notes(); !strings.Contains(got, want) {
			t.Errorf("notes %q, want %q", got, want)
		}
	}
	f(func(*rig) Index { return nil }, "app.log.2: kept: not indexed yet")
	f(func(*rig) Index { return unsure{} }, "app.log.2: kept: what the index has of it is not known: never heard of it")
	f(func(g *rig) Index { return changing{g} }, "app.log.2: kept: somebody else has changed it")
}

// slow is an index that ends the process while it is asked.
type slow struct {
	stop  context.CancelFunc
	asked *int
}

func (s slow) Indexed(string) (bool, error) {
	s.stop()
	*s.asked++
	return false, nil
}

// What ends does not ask for each of many files any more: the index may answer late, or not at all.
func TestStopWhileAsking(t *testing.T) {
	no, asked := false, 0
	g := newRig(t, Config{Keep: 1, Compress: &no}, nil)
	defer g.close()
	ctx, stop := context.WithCancel(t.Context())
	g.r.index = slow{stop, &asked}
	for i := range 5 {
		g.write(fmt.Sprintf("app.log.%d", i+1), 5-i, 9)
	}
	g.r.turn(ctx)
	g.r.tidy(ctx)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// Archives that were there before count, whoever made them; what has two forms is left alone.
func TestOtherArchives(t *testing.T) {
	g := newRig(t, Config{Keep: 2}, generations(9))
	defer g.close()
	g.write("app.log.1", 4, 9)
	g.write("app.log.1.gz", 4, 9)
	g.write("app.log-20260101", 3, 9)
	g.write("app.log-20250101.gz", 2, 9)
	g.once()
	g.want("app.log-20260101.gz=3 app.log.1=4 app.log.1.gz=4")
	if !strings.Contains(g.notes(), "is there already") {
		t.Error(g.notes())
	}
}

// A rotation may rename a file between the look at it and the job on it: then it is left for the next round.
func TestRenamedBeforeTheJob(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log.1", 1, 9)
	g.r.scanLeft()
	f := g.r.families[g.path("app.log")]
	d, err := openFolder(g.logs)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	in, st, err := d.open("app.log.1")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := os.Rename(g.path("app.log.1"), g.path("app.log.2")); err != nil {
		t.Fatal(err)
	}
	if err := g.r.pack(context.Background(), f, d, in, "app.log.1", st); err != nil {
		t.Error(err)
	}
	g.want("app.log.2=1")
	if err := g.r.remove(f, d, "app.log.1", st); err == nil {
		t.Error("another file would have been removed")
	}
	g.want("app.log.2=1")
}
