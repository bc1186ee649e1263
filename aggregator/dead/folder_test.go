package dead

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

// Each run of the tests may be one of a child that is killed: see child.
func TestMain(m *testing.M) {
	switch os.Getenv("BELFRY_DEAD_CHILD") {
	case "":
		m.Run()
	case "folder-bury":
		childBuries()
	case "folder-retry":
		f, err := OpenFolder(os.Getenv("BELFRY_DEAD_DIR"), 0)
		if err != nil {
			panic(err)
		}
		childRetries(f, func(l *Letter) error {
			return os.WriteFile(os.Getenv("BELFRY_DEAD_DIR")+"/elsewhere", l.Body, 0o600)
		})
	case "queue-retry":
		childRetriesByBroker()
	}
}

func childBuries() {
	f, err := OpenFolder(os.Getenv("BELFRY_DEAD_DIR"), 0)
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		l := letterOf(n)
		if err := f.Bury(context.Background(), l); err != nil {
			panic(err)
		}
		fmt.Println(l.ID)
	}
}

// childRetries does what a retry does, and is to be killed before the letter is removed.
func childRetries(s store, elsewhere func(*Letter) error) {
	err := s.Visit(context.Background(), func(l *Letter) (Verdict, error) {
		if err := elsewhere(l); err != nil {
			return Keep, err
		}
		fmt.Println(l.ID)
		select {}
	})
	panic(err)
}

// killed runs a child, kills it when it has printed n lines, and returns them.
func killed(t *testing.T, n int, env ...string) (lines []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for len(lines) < n && in.Scan() {
		lines = append(lines, in.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	_ = cmd.Wait() // killed
	if len(lines) < n {
		t.Fatalf("the child said %q", lines)
	}
	return lines
}

// store is what both have.
type store interface {
	Bury(context.Context, *Letter) error
	Visit(context.Context, func(*Letter) (Verdict, error)) error
	Count() int
}

// list returns the ids of all letters, in order.
func list(t *testing.T, s store) (ids []string) {
	t.Helper()
	err := s.Visit(t.Context(), func(l *Letter) (Verdict, error) {
		ids = append(ids, l.ID.String())
		return Keep, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func want(t *testing.T, s store, letters ...*Letter) {
	t.Helper()
	var ids []string
	for _, l := range letters {
		ids = append(ids, l.ID.String())
	}
	got := list(t, s)
	if _, isFolder := s.(*Folder); !isFolder { // a queue turns
		slices.Sort(got)
		slices.Sort(ids)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("letters %q, want %q", got, ids)
	}
	if n := s.Count(); n != len(ids) {
		t.Errorf("counted %d letters, want %d", n, len(ids))
	}
}

func bury(t *testing.T, s store, letters ...*Letter) {
	t.Helper()
	for _, l := range letters {
		if err := s.Bury(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
}

// testStore holds a store, empty at first and in the end, to what both guarantee.
func testStore(t *testing.T, s store) {
	a, b, c := letterOf(1), sealed(t), letterOf(3)
	bury(t, s, a, b, c)
	want(t, s, a, b, c)
	want(t, s, a, b, c) // to look at them changes nothing

	boom := errors.New("boom")
	moved := 0
	err := s.Visit(t.Context(), func(l *Letter) (Verdict, error) {
		if l.ID != b.ID {
			return Keep, nil
		}
		if moved++; string(l.Body) != string(b.Body) || l.Headers["belfry-signature"] != "s\xff\x00" {
			t.Errorf("%+v", l)
		}
		return Keep, boom // it is elsewhere, and then something happens
	})
	if !errors.Is(err, boom) || moved != 1 {
		t.Errorf("%v, %d", err, moved)
	}
	want(t, s, a, b, c)

	var gone event.Key
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Visit(ctx, func(l *Letter) (Verdict, error) {
		gone = l.ID
		cancel()
		return Remove, nil // it is elsewhere: though we are to stop, it must not come twice
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	rest := slices.DeleteFunc([]*Letter{a, b, c}, func(l *Letter) bool { return l.ID == gone })
	want(t, s, rest...)

	stopped := 0
	if err := s.Visit(t.Context(), func(*Letter) (Verdict, error) { stopped++; return Keep, ErrStop }); err != nil || stopped != 1 {
		t.Errorf("%v, %d", err, stopped)
	}
	want(t, s, rest...)

	// A letter that is buried again while it is visited is not visited twice.
	visits := 0
	err = s.Visit(t.Context(), func(l *Letter) (Verdict, error) {
		visits++
		again := *l
		again.Retries++
		bury(t, s, &again)
		_, isFolder := s.(*Folder)
		return Verdict(!isFolder), nil // in a folder it is the same letter
	})
	if err != nil || visits != 2 {
		t.Errorf("%v, %d", err, visits)
	}
	err = s.Visit(t.Context(), func(l *Letter) (Verdict, error) {
		if l.Retries != 1 {
			t.Errorf("%d retries", l.Retries)
		}
		return Remove, nil
	})
	if err != nil {
		t.Error(err)
	}
	want(t, s)
}

func folder(t *testing.T, dir string, limit int64) *Folder {
	t.Helper()
	f, err := OpenFolder(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	f := folder(t, dir, 0)
	testStore(t, f)
	if f.bytes != 0 {
		t.Errorf("%d bytes are counted in an empty folder", f.bytes)
	}
	a := letterOf(1)
	bury(t, f, a, letterOf(2), a, a) // the same letter again is one
	want(t, f, a, letterOf(2))
	want(t, folder(t, dir, 0), a, letterOf(2))
	// Who writes them down need not be quick: order is that of the files, whatever their names.
	if err := os.Chtimes(f.path(a), time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want(t, f, letterOf(2), a)
}

func TestFolderIsBounded(t *testing.T) {
	dir := t.TempDir()
	a, b := letterOf(1), letterOf(2)
	bury(t, folder(t, dir, 0), a)
	f := folder(t, dir, folder(t, dir, 0).bytes+10)
	if err := f.Bury(t.Context(), b); !errors.Is(err, ErrFolderFull) {
		t.Errorf("%v", err)
	}
	again := *a
	again.Retries, again.Reason = 1, "other" // what is there already may be written anew
	bury(t, f, a, &again)
	want(t, f, a)
	if err := f.Visit(t.Context(), func(*Letter) (Verdict, error) { return Remove, nil }); err != nil {
		t.Fatal(err)
	}
	bury(t, f, b)
	want(t, f, b)
}

// A damaged file is shown as one, and hides no other; the same letter again takes its place.
func TestFolderWithDamage(t *testing.T) {
	f := folder(t, t.TempDir(), 0)
	a, b := letterOf(1), letterOf(2)
	bury(t, f, a, b)
	other := letterOf(3) // by hand
	for _, name := range []string{f.path(a), f.path(other), filepath.Join(f.dir, "x.letter.new"), filepath.Join(f.dir, "notes.txt")} {
		if err := os.WriteFile(name, []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	err := f.Visit(t.Context(), func(l *Letter) (Verdict, error) {
		if seen++; l.ID == a.ID && (l.Whole() || !strings.Contains(l.Reason, f.path(a)+": not a letter")) {
			t.Errorf("%+v", l)
		}
		return Keep, nil
	})
	if err != nil || seen != 3 {
		t.Errorf("%v, %d", err, seen)
	}
	bury(t, f, a, other)
	err = f.Visit(t.Context(), func(l *Letter) (Verdict, error) {
		if !l.Whole() {
			t.Errorf("%+v", l)
		}
		return Remove, nil
	})
	if err != nil {
		t.Error(err)
	}
	want(t, f)
	if _, err := os.Stat(filepath.Join(f.dir, "x.letter.new")); err == nil {
		t.Error("what a power cut left is still there")
	}
}

func TestFolderKilled(t *testing.T) {
	dir := t.TempDir()
	buried := killed(t, 50, "BELFRY_DEAD_CHILD=folder-bury", "BELFRY_DEAD_DIR="+dir)
	f := folder(t, dir, 0)
	there := list(t, f)
	for _, id := range buried {
		if !slices.Contains(there, id) {
			t.Errorf("letter %s was durable, and is gone", id)
		}
	}
	retried := killed(t, 1, "BELFRY_DEAD_CHILD=folder-retry", "BELFRY_DEAD_DIR="+dir)
	if _, err := event.ParseKey(retried[0]); err != nil || !slices.Equal(list(t, f), there) {
		t.Errorf("%v: letters %q, want %q", err, list(t, f), there)
	}
}
