package suite

import (
	"errors"
	"fmt"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// batchOf returns a Write of events first to end of a stream, each as long as one byte of it, and the events.
func batchOf(pos ledger.Position, first, end uint64) (wr index.Write, events []*event.Event) {
	wr.Ranges = []index.Range{{Pos: pos, Kind: batch.Data, First: first, End: end}}
	for n := first; n < end; n++ {
		e := plain(int(n), base().Add(time.Duration(n)*time.Second))
		e.Set("event.id", event.ID(pos.Agent, pos.Stream, pos.Epoch, n).String())
		wr.Items = append(wr.Items, index.Item{
			Event: e.Clone(), Pos: pos, Offset: n, Ranged: true,
			Class: classOf(n), Day: base().AddDate(0, 0, int(n/20%5)).Format(time.DateOnly),
		})
		events = append(events, e)
	}
	return wr, events
}

// classOf returns the class of the event at an offset; "" is the default.
func classOf(n uint64) string { return []string{"auth", index.DefaultClass, ""}[n/10%3] }

func position(epoch uint64) ledger.Position {
	return ledger.Position{Agent: event.HashKey("agent"), Stream: event.HashKey("stream"), Epoch: epoch}
}

// repeats writes batches again, as a broker delivers them again, whole and in other pieces: each event is there once.
func repeats(t T, x index.Index) {
	w := &world{t: t, x: x}
	pos := position(5)
	f := func(first, end uint64, isNew, isRepeat int) {
		t.Helper()
		wr, _ := batchOf(pos, first, end)
		if r := w.write(wr); r.New != isNew || r.Repeats != isRepeat {
			t.Errorf("events %d to %d: %d are new and %d repeats, want %d and %d", first, end, r.New, r.Repeats, isNew, isRepeat)
		}
	}
	f(0, 100, 100, 0)
	f(0, 100, 0, 100)
	f(50, 150, 50, 50)
	f(200, 210, 10, 0)
	f(150, 205, 50, 5)
	f(0, 210, 0, 210)
	_, w.events = batchOf(pos, 0, 210)
	w.check(index.Search{Limit: -1})
	if !x.Held(pos, 0) || !x.Held(pos, 209) || x.Held(pos, 210) {
		t.Errorf("held: %v %v %v, want true true false", x.Held(pos, 0), x.Held(pos, 209), x.Held(pos, 210))
	}
}

// names writes events that their senders name, of which those that are known are told.
func names(t T, x index.Index) {
	w := &world{t: t, x: x}
	named := func(numbers ...int) (wr index.Write) {
		for _, n := range numbers {
			e := plain(n, base().Add(time.Duration(n)*time.Second))
			wr.Items = append(wr.Items, index.Item{Event: e, Named: true})
		}
		return wr
	}
	f := func(want string, numbers ...int) {
		t.Helper()
		r := w.write(named(numbers...))
		if got := fmt.Sprint(r.New, r.Repeats, r.Known); got != want {
			t.Errorf("%v: new, repeats and known are %s, want %s", numbers, got, want)
		}
	}
	f("3 0 []", 0, 1, 2)
	f("1 2 [0 2]", 0, 3, 1)
	f("1 1 [1]", 4, 4)
	for n := range 5 {
		w.events = append(w.events, plain(n, base().Add(time.Duration(n)*time.Second)))
	}
	w.check(index.Search{Limit: -1})
}

// classes writes events of several classes and days: all of them are one index to who asks for no class.
func classes(t T, x index.Index) {
	w := &world{t: t, x: x}
	wr, events := batchOf(position(6), 0, 120)
	w.events = events
	w.write(wr)
	w.check(index.Search{Limit: -1})
	w.check(index.Search{Limit: 7})
	w.checkCount(index.Count{Every: 10 * time.Second, By: "user.name"})
	w.checkTop(index.Top{Field: "user.name", Limit: 3})
	all := w.events
	for _, class := range []string{"auth", index.DefaultClass, "nobodys"} {
		w.events = nil
		for n, e := range all {
			if of := classOf(uint64(n)); of == class || of == "" && class == index.DefaultClass {
				w.events = append(w.events, e)
			}
		}
		sp := index.Span{Class: class}
		w.check(index.Search{Span: sp, Limit: -1})
		w.checkCount(index.Count{Span: sp, Every: 10 * time.Second})
		w.checkTop(index.Top{Span: sp, Field: "labels.number", Limit: 100})
	}
	for _, e := range events[:50] {
		if _, err := x.Get(t.Context(), e.Get("event.id"), timeOf(e)); err != nil {
			t.Errorf("get %s: %v", e.Get("event.id"), err)
		}
	}
}

// erase removes events, and lets them come again: what is erased stays so. An engine may refuse, and say why.
func erase(t T, x index.Index) {
	w := &world{t: t, x: x}
	pos := position(7)
	wr, events := batchOf(pos, 0, 300)
	w.write(wr)
	gone := index.Search{Span: index.Span{Query: parse(t, "user.name:user3 OR labels.number:17")}, Limit: -1}
	told := uint64(0)
	n, err := x.Erase(t.Context(), gone, func(so uint64) { told = so })
	if errors.Is(err, index.ErrRefused) {
		t.Logf("erase: %v", err)
		w.events = events
		w.check(index.Search{Limit: -1})
		return
	}
	w.events = events
	erased := len(w.asked(gone.Span))
	if err != nil || n != uint64(erased) || told != n {
		t.Fatalf("erase: %d, told %d, %v; want %d", n, told, err, erased)
	}
	w.events = nil
	for _, e := range events {
		if !gone.Query.Match(e) {
			w.events = append(w.events, e)
		}
	}
	w.check(index.Search{Limit: -1})
	wr, _ = batchOf(pos, 0, 300)
	w.write(wr)
	w.check(index.Search{Limit: -1})
	if n, err := x.Erase(t.Context(), gone, nil); n != 0 || err != nil {
		t.Errorf("erase again: %d, %v", n, err)
	}
	odd := index.Search{Span: index.Span{Query: parse(t, "user.name:user5 AND user.name:*5")}, Limit: 2}
	if n, err := x.Erase(t.Context(), odd, nil); n != 2 || err != nil {
		t.Errorf("erase two: %d, %v", n, err)
	}
}
