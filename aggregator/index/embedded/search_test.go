package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// plainEvent is a small event with a number.
func plainEvent(n int, at time.Time) *event.Event {
	e := new(event.Event)
	e.Append("@timestamp", at.UTC().Format(time.RFC3339Nano))
	e.Append("event.id", fmt.Sprint("n", n))
	e.Append("labels.number", fmt.Sprint(n))
	e.Append("user.name", fmt.Sprint("user", n%7))
	e.Append("message", "two one")
	if n%50 == 0 {
		e.Set("message", "one two")
	}
	return e
}

// written is what a test has written: the times of the events, by number. A higher number was written later.
type written []time.Time

func (w *written) write(t testing.TB, x *Index, times ...time.Time) {
	t.Helper()
	for group := range slices.Chunk(times, 4000) {
		var wr index.Write
		for _, at := range group {
			wr.Items = append(wr.Items, index.Item{Event: plainEvent(len(*w), at)})
			*w = append(*w, at)
		}
		mustWrite(t, x, wr)
	}
}

// expect returns the numbers that a search must give, in order.
func (w written) expect(s index.Search, matches func(n int) bool) []int {
	var all []int
	for n, at := range w {
		if !at.Before(s.From) && (s.To.IsZero() || at.Before(s.To)) && matches(n) {
			all = append(all, n)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int {
		return cmp.Or(w[a].Compare(w[b]), cmp.Compare(a, b))
	})
	if !s.Oldest {
		slices.Reverse(all)
	}
	limit := cmp.Or(s.Limit, index.DefaultLimit)
	if limit >= 0 && len(all) > limit {
		all = all[:limit]
	}
	return all
}

func numbers(t testing.TB, events []*event.Event) []int {
	t.Helper()
	all := make([]int, len(events))
	for i, e := range events {
		n, err := strconv.Atoi(e.Get("labels.number"))
		if err != nil {
			t.Fatal(err)
		}
		all[i] = n
	}
	return all
}

// checkSearch runs a search in both orders.
func (w written) checkSearch(t testing.TB, x *Index, text string, s index.Search, matches func(n int) bool) {
	t.Helper()
	for range 2 {
		want := w.expect(s, matches)
		got := numbers(t, search(t, x, text, s))
		if !slices.Equal(got, want) {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			t.Errorf("%q %+v: %d events, want %d; they differ from event %d on", text, s, len(got), len(want), i)
		}
		s.Oldest = !s.Oldest
	}
}

func anyNumber(int) bool { return true }

// TestSearchOrder looks for events that are spread over days, come in no order, and often share a time.
func TestSearchOrder(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	var w written
	w.checkSearch(t, x, "", index.Search{}, anyNumber)
	base := time.Now().Truncate(24*time.Hour).AddDate(0, 0, -9)
	r := rand.New(rand.NewPCG(1, 2))
	times := make([]time.Time, 6000)
	for i := range times {
		times[i] = base.AddDate(0, 0, r.IntN(9)).Add(time.Duration(r.IntN(40)) * 30 * time.Minute)
	}
	w.write(t, x, times...)
	w.write(t, x, base.AddDate(0, 0, -70), base, base.Add(-1), time.Now().Add(23*time.Hour))
	for _, limit := range []int{-1, 0, 1, 7, 5000, 6004, 6005} {
		w.checkSearch(t, x, "", index.Search{Limit: limit}, anyNumber)
		w.checkSearch(t, x, "user.name:user3", index.Search{Limit: limit}, func(n int) bool { return n%7 == 3 })
	}
	f := func(from, to time.Time) {
		t.Helper()
		w.checkSearch(t, x, "", index.Search{Span: index.Span{From: from, To: to}, Limit: -1}, anyNumber)
	}
	var none time.Time
	f(base, none)
	f(base.Add(1), none)
	f(none, base)
	f(none, base.Add(1))
	f(base.AddDate(0, 0, 1), base.AddDate(0, 0, 3))
	f(base.AddDate(0, 0, 1).Add(30*time.Minute), base.AddDate(0, 0, 1).Add(30*time.Minute+1))
	f(base.AddDate(0, 0, 3), base.AddDate(0, 0, 1))
	f(base.AddDate(0, 0, -69), base.AddDate(0, 0, -2))
	f(base.AddDate(-200, 0, 0), base.AddDate(200, 0, 0))
	f(time.Now().Add(time.Hour), none)
	f(time.Unix(0, 0), time.Unix(1, 0))
	f(base.AddDate(500, 0, 0), none)
	f(none, base.AddDate(-500, 0, 0))
}

// TestSearchPages has more in one second, and at one time, than a page holds and than a window may have.
func TestSearchPages(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	var w written
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	times := make([]time.Time, pageOver+2*pageRows)
	for i := range times {
		at := base.Add(time.Duration(i%1000) * 3 * time.Millisecond)
		if i%3 == 0 {
			at = base.Add(time.Second)
		}
		times[i] = at
	}
	times = append(times, base.Add(-time.Hour), base.AddDate(0, 0, -3))
	w.write(t, x, times...)
	for _, limit := range []int{-1, pageRows + 1} {
		w.checkSearch(t, x, "", index.Search{Limit: limit}, anyNumber)
	}
	w.checkSearch(t, x, "labels.number:77", index.Search{Limit: -1}, func(n int) bool { return n == 77 })
	w.checkSearch(t, x, "user.name:user5", index.Search{Limit: -1}, func(n int) bool { return n%7 == 5 })
}

// TestFewRows finds rows by their places: a phrase is found by its words, which more rows have.
func TestFewRows(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	var w written
	base := time.Now().Add(-3 * time.Hour).Truncate(time.Second)
	times := make([]time.Time, 20_000)
	for i := range times {
		times[i] = base.Add(time.Duration(i%5000) * time.Second).Truncate(7 * time.Second)
	}
	w.write(t, x, times...)
	for _, limit := range []int{1, 7, 100, 401, fewRows, fewRows + 1} {
		w.checkSearch(t, x, "", index.Search{Limit: limit}, anyNumber)
		w.checkSearch(t, x, "user.name:user5", index.Search{Limit: limit}, func(n int) bool { return n%7 == 5 })
		w.checkSearch(t, x, `"one two"`, index.Search{Limit: limit}, func(n int) bool { return n%50 == 0 })
		w.checkSearch(t, x, `"one two" user.name:user5`, index.Search{Limit: limit}, func(n int) bool { return n%50 == 0 && n%7 == 5 })
	}
	from := index.Span{From: base.Add(time.Hour), To: base.Add(time.Hour + 10*time.Minute)}
	w.checkSearch(t, x, `"one two"`, index.Search{Span: from, Limit: 20}, func(n int) bool { return n%50 == 0 })
}

// TestLargePages holds events that are more than a page by their bytes.
func TestLargePages(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	at := time.Now().Add(-time.Hour)
	const writes = 12
	for n := range writes {
		wr := large(n)
		for i, it := range wr.Items {
			it.Event.Set("@timestamp", at.Add(time.Duration(n)*time.Millisecond).UTC().Format(time.RFC3339Nano))
			it.Event.Set("labels.number", fmt.Sprint(4*n+i))
		}
		mustWrite(t, x, wr)
	}
	got := numbers(t, search(t, x, "", index.Search{Oldest: true}))
	for i, n := range got {
		if i != n {
			t.Fatalf("event %d is %d", i, n)
		}
	}
	if len(got) != 4*writes {
		t.Errorf("%d events", len(got))
	}
}

func TestSearchEnds(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	var w written
	times := make([]time.Time, 3*pageRows)
	for i := range times {
		times[i] = time.Now().Add(-time.Minute)
	}
	w.write(t, x, times...)
	stop := errors.New("stop")
	for _, after := range []int{0, 5, pageRows, 2*pageRows - 1} {
		n := 0
		err := x.Search(t.Context(), index.Search{Limit: -1}, func(*event.Event, index.Cursor) error {
			if n++; n > after {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || n != after+1 {
			t.Errorf("%v after %d calls, want the error after %d", err, n, after+1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		n = 0
		err = x.Search(ctx, index.Search{Limit: -1}, func(*event.Event, index.Cursor) error {
			if n++; n > after {
				cancel()
			}
			return nil
		})
		cancel()
		if !errors.Is(err, context.Canceled) || n > (after/pageRows+1)*pageRows {
			t.Errorf("cancelled behind %d: %v after %d calls", after, err, n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Search(ctx, index.Search{}, func(*event.Event, index.Cursor) error { t.Error("called"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

// TestSearchSees looks, while others write and search, for what was answered before.
func TestSearchSees(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir(), CheckpointBytes: 50 << 10}, nil)
	done := make(chan error, 3)
	for n := range cap(done) {
		pos := testPos
		pos.Epoch = uint64(n)
		go func() { done <- writeAndLook(x, pos) }()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func writeAndLook(x *Index, pos ledger.Position) error {
	for n := range uint64(40) {
		answered := make(chan error, 1)
		x.Write(context.Background(), data(pos, n, n+1), func(_ index.Result, err error) { answered <- err })
		if err := <-answered; err != nil {
			return err
		}
		q, err := query.Parse("event.id:" + idAt(pos, n))
		if err != nil {
			return err
		}
		found := 0
		err = x.Search(context.Background(), index.Search{Span: index.Span{Query: q}}, func(*event.Event, index.Cursor) error { found++; return nil })
		if err != nil || found != 1 {
			return fmt.Errorf("event %d was answered, and is found %d times: %w", n, found, err)
		}
	}
	return nil
}

// What counting values keeps is bounded by its bytes, not by its number alone.
func TestLongValues(t *testing.T) {
	n := tally{counts: make(map[string]*uint64), bytes: tallyBytes - 3}
	for i, want := range []error{nil, nil, errManyValues} {
		if err := n.add([]string{[]string{"abc", "abc", "d"}[i]}, 1); !errors.Is(err, want) {
			t.Errorf("value %d: %v, want %v", i, err, want)
		}
	}
	v := newValuesOf("process.args")
	for i := range 40 {
		v.of(fmt.Sprintf(`["%d%s"]`, i, strings.Repeat("x", 1<<20)), "")
		if len(v.known) > maxKnownBytes>>20+1 {
			t.Fatalf("%d texts of a megabyte are kept", len(v.known))
		}
	}
}
