package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/index/admit"
	"belfry/shared/event"
)

const day = 24 * time.Hour

// classed returns a Write of one event of a class at a time.
func classed(n int, class string, at time.Time) index.Write {
	return index.Write{Items: []index.Item{{Event: plainEvent(n, at), Class: class}}}
}

// statsOf returns what the index says of a class.
func statsOf(t testing.TB, x *Index, class string) index.ClassStats {
	t.Helper()
	for _, c := range x.Stats().Classes {
		if c.Class == class {
			return c
		}
	}
	return index.ClassStats{}
}

// TestClasses writes events of several ages into classes with a retention of their own.
func TestClasses(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, Config{Dir: dir, Retention: 10 * day, Classes: map[string]time.Duration{"auth": 400 * day, "short": 2 * day}}, nil)
	stop := runIndex(t, x)
	n := 0
	f := func(class string, age time.Duration, tags ...string) {
		t.Helper()
		w := classed(n, class, time.Now().Add(-age))
		n++
		e := w.Items[0].Event
		mustWrite(t, x, w)
		if got := e.All("tags"); !slices.Equal(got, tags) {
			t.Errorf("class %q, %v old: tags %q, want %q", class, age, got, tags)
		}
	}
	f("auth", 399*day)
	f("auth", 401*day, admit.TagTime)
	f("", 9*day)
	f("", 11*day, admit.TagTime)
	f("default", 9*day)
	f("short", day)
	f("short", 3*day, admit.TagTime)
	f("other", 9*day)
	f("other", 11*day, admit.TagTime)
	f("No Class", day, tagClass)
	f("../up", 11*day, tagClass, admit.TagTime)
	if got := len(search(t, x, "", index.Search{})); got != n {
		t.Errorf("%d events are found, want %d", got, n)
	}
	check := func(x *Index, class string, rows uint64, keep string) {
		t.Helper()
		if c := statsOf(t, x, class); c.Rows != rows || c.Keep != keep {
			t.Errorf("%+v, want %d rows, kept for %s", c, rows, keep)
		}
	}
	check(x, "auth", 2, "9600h0m0s")
	check(x, index.DefaultClass, 5, "240h0m0s")
	check(x, "short", 2, "48h0m0s")
	check(x, "other", 2, "240h0m0s")
	if c := statsOf(t, x, "auth"); c.First != time.Now().UTC().Add(-399*day).Format(time.DateOnly) || c.Last != time.Now().UTC().Format(time.DateOnly) {
		t.Errorf("%+v", c)
	}
	if got := len(search(t, x, "", index.Search{Span: index.Span{Class: "auth"}})); got != 2 {
		t.Errorf("%d events of a class are found, want 2", got)
	}
	stop()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	y := openIndex(t, Config{Dir: dir, Retention: 20 * day}, nil) // which drops what is older
	check(y, index.DefaultClass, 5, "480h0m0s")
	check(y, "other", 2, "480h0m0s")
	waitFor(t, "the end of a day", func() bool { return statsOf(t, y, "auth").Rows == 1 })
}

// TestClassOver removes the folder of a class that nobody names and that holds nothing.
func TestClassOver(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, Config{Dir: dir, Classes: map[string]time.Duration{"kept": day}}, nil)
	stop := runIndex(t, x)
	for n, class := range []string{"kept", "over", "held"} {
		mustWrite(t, x, classed(n, class, time.Now()))
	}
	tomorrow := time.Now().UTC().Add(2 * day).Format(time.DateOnly)
	for _, class := range []string{"kept", "over"} {
		if n, err := x.Drop(t.Context(), class, tomorrow); n != 1 || err != nil {
			t.Errorf("drop %s: %d, %v", class, n, err)
		}
	}
	stop()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	y := openIndex(t, Config{Dir: dir, Classes: map[string]time.Duration{"kept": day}}, nil)
	var classes []string
	for _, c := range y.Stats().Classes {
		classes = append(classes, c.Class)
	}
	if want := []string{index.DefaultClass, "held", "kept"}; !slices.Equal(classes, want) {
		t.Errorf("classes %q, want %q", classes, want)
	}
}

// TestManyClasses has a sender of ever new classes: those that are configured have their shelf all the same.
func TestManyClasses(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir(), Classes: map[string]time.Duration{"auth": day, "late": day}}, nil)
	refused := 0
	for n := range 2 * maxClasses {
		w := classed(n, fmt.Sprint("class", n), time.Now())
		e := w.Items[0].Event
		mustWrite(t, x, w)
		if slices.Contains(e.All("tags"), tagClass) {
			refused++
		}
	}
	mustWrite(t, x, classed(1000, "late", time.Now()))
	if c := statsOf(t, x, "late"); c.Rows != 1 {
		t.Errorf("%+v", c)
	}
	if want := 2*maxClasses - (maxClasses - 3); refused != want { // "default", "auth" and "late" have theirs
		t.Errorf("%d events went to the default class, want %d", refused, want)
	}
	if got := len(search(t, x, "", index.Search{})); got != 2*maxClasses+1 {
		t.Errorf("%d events are found", got)
	}
}

// TestTakeOver opens an index of a version that knew no classes.
func TestTakeOver(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	writeHere(t, x, numbered(testPos, 0, 20, time.Now()))
	x.makeCheckpointHere()
	writeHere(t, x, numbered(testPos, 20, 40, time.Now()))
	y := openIndex(t, Config{Dir: unclean(t, x), Classes: map[string]time.Duration{"auth": 400 * day}}, nil)
	checkFound(t, y, 0, 40)
	if c := y.Stats().Classes; len(c) != 1 || c[0].Class != index.DefaultClass || c[0].Rows != 40 {
		t.Errorf("%+v", c)
	}
}

func TestDrop(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	stop := runIndex(t, x)
	n := 0
	put := func(class string, age int) {
		mustWrite(t, x, classed(n, class, time.Now().AddDate(0, 0, -age)))
		n++
	}
	for age := range 6 {
		put("", age)
		put("auth", age)
	}
	before := func(age int) string { return time.Now().UTC().AddDate(0, 0, -age).Format(time.DateOnly) }
	f := func(class, before string, want, left int, fault error) {
		t.Helper()
		got, err := x.Drop(t.Context(), class, before)
		if got != want || !errors.Is(err, fault) {
			t.Errorf("drop %s before %s: %d, %v; want %d", class, before, got, err, want)
		}
		if n := len(search(t, x, "", index.Search{})); n != left {
			t.Errorf("drop %s before %s: %d events are left, want %d", class, before, n, left)
		}
	}
	f("auth", before(3), 2, 10, nil)
	f("auth", before(3), 0, 10, nil)
	f("", before(3), 0, 10, index.ErrQuestion)
	f("auth", "24.12.2026", 0, 10, index.ErrQuestion)
	f("none", before(0), 0, 10, nil)
	f(index.DefaultClass, before(1), 4, 6, nil)
	put("", 3) // a day that went comes anew
	put("auth", 5)
	dir := unclean(t, x)
	y := openIndex(t, Config{Dir: dir}, nil)
	for _, x := range []*Index{x, y} {
		if n := len(search(t, x, "", index.Search{})); n != 8 {
			t.Errorf("%d events are left, want 8", n)
		}
	}
	if got := x.measures.dropped.Get(); got != 6 {
		t.Errorf("%d days are told", got)
	}
	stop()
	if _, err := x.Drop(t.Context(), "auth", before(0)); !errors.Is(err, index.ErrClosed) {
		t.Errorf("drop of an index that does not run: %v", err)
	}
}

// TestDropCutOff starts where a day was being removed.
func TestDropCutOff(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	writeHere(t, x, data(testPos, 0, 20))
	writeHere(t, x, classed(500, "auth", time.Now().AddDate(0, 0, -5)))
	x.makeCheckpointHere()
	dir := unclean(t, x)
	name := time.Now().UTC().AddDate(0, 0, -5).Format(dayName)
	shelf := filepath.Join(dir, shelfPrefix+"auth")
	err := errors.Join(os.Mkdir(filepath.Join(shelf, goneDir), 0o700),
		os.Rename(filepath.Join(shelf, daysDir, name), filepath.Join(shelf, goneDir, name)),
		os.RemoveAll(filepath.Join(shelf, goneDir, name, "datadb", "parts.json")))
	if err != nil {
		t.Fatal(err)
	}
	checkFound(t, openIndex(t, Config{Dir: dir}, nil), 0, 20)
}

// TestMaxBytes lets the oldest days of all classes go, but never today.
func TestMaxBytes(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	put := func(class string, age int, n int) {
		w := numbered(testPos, uint64(1000*n), uint64(1000*n+400), time.Now().AddDate(0, 0, -age))
		for i := range w.Items {
			w.Items[i].Class, w.Items[i].Ranged = class, false
		}
		w.Ranges = nil
		writeHere(t, x, w)
	}
	for i, age := range []int{5, 4, 3, 0} {
		put("", age, 2*i)
		put("auth", age, 2*i+1)
	}
	x.makeCheckpointHere()
	now := time.Now()
	days := func() (n int) {
		for _, f := range x.shelves.all() {
			all, err := f.days()
			if err != nil {
				t.Fatal(err)
			}
			n += len(all)
		}
		return n
	}
	f := func(most int64, want int) {
		t.Helper()
		x.cfg.MaxBytes = most
		now = now.Add(sizeEvery)
		x.keepSize(now)
		if got := days(); got != want {
			t.Errorf("%d bytes: %d days are left, want %d", most, got, want)
		}
	}
	total := int64(x.Stats().Bytes)
	f(0, 8)
	f(total, 8)
	f(total-1, 7)
	if got := statsOf(t, x, "auth"); got.First != now.UTC().AddDate(0, 0, -5).Format(time.DateOnly) {
		t.Errorf("%+v: the oldest day of the first class goes first", got)
	}
	f(total/2, 4)
	f(1, 2)
	if n := len(search(t, x, "", index.Search{Limit: -1})); n != 800 {
		t.Errorf("%d events are left, want today's", n)
	}
	if err := x.shelves.all()[0].storage.PartitionDetach("19990101"); err == nil {
		t.Error("a day that is not there")
	}
}

// TestDropWhileAll writes and searches while days go.
func TestDropWhileAll(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, func(uint64, []*event.Event) error { return nil })
	done := make(chan error, 1)
	go func() {
		for range 15 {
			if _, err := x.Drop(t.Context(), "auth", time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)); err != nil {
				done <- err
				return
			}
			time.Sleep(time.Millisecond)
		}
		done <- nil
	}()
	for n := range uint64(60) {
		mustWrite(t, x, data(testPos, 20*n, 20*n+20))
		mustWrite(t, x, classed(int(n), "auth", time.Now().AddDate(0, 0, -2)))
		search(t, x, "", index.Search{Limit: 5, Oldest: n%2 == 0})
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	today := index.Search{Span: index.Span{From: time.Now().Add(-2 * time.Hour)}, Limit: -1}
	if n := len(search(t, x, "", today)); n != 1200 {
		t.Errorf("%d events are found, want 1200", n)
	}
}
