package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// handed keeps what onDurable was given.
type handed struct {
	mu    sync.Mutex
	last  uint64
	times map[string]int // by event.id
	err   error
}

func (h *handed) take(position uint64, events []*event.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if position <= h.last {
		h.err = fmt.Errorf("position %d came behind %d", position, h.last)
	}
	h.last = position
	if h.times == nil {
		h.times = make(map[string]int)
	}
	for _, e := range events {
		h.times[e.Get("event.id")]++
	}
	return nil
}

// check expects the same events as a search finds, each once, at positions that rose.
func (h *handed) check(t testing.TB, x *Index) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		t.Error(h.err)
	}
	all := counted(t, x)
	for id, n := range h.times {
		if n != 1 || all[id] != 1 {
			t.Errorf("event %s was handed on %d times, and is found %d times", id, n, all[id])
		}
	}
	if len(all) != len(h.times) {
		t.Errorf("%d events were handed on, %d are found", len(h.times), len(all))
	}
}

// counted returns how often a search for everything finds each event, by event.id.
func counted(t testing.TB, x *Index) map[string]int {
	t.Helper()
	times := make(map[string]int)
	for _, e := range search(t, x, "", index.Search{Limit: -1}) {
		times[e.Get("event.id")]++
	}
	return times
}

func idAt(pos ledger.Position, offset uint64) string {
	return event.ID(pos.Agent, pos.Stream, pos.Epoch, offset).String()
}

// data is a batch of a stream's events first to end, an hour old, of several classes.
func data(pos ledger.Position, first, end uint64) index.Write {
	w := numbered(pos, first, end, time.Now().Add(-time.Hour))
	for i := range w.Items {
		w.Items[i].Class = []string{"", "auth", index.DefaultClass, "net_flow"}[w.Items[i].Offset/3%4]
	}
	return w
}

// without leaves the events out: only the ranges are told.
func without(w index.Write, kind batch.Kind) index.Write {
	for i := range w.Ranges {
		w.Ranges[i].Kind = kind
	}
	return index.Write{Ranges: w.Ranges}
}

func TestExactlyOnce(t *testing.T) {
	var h handed
	x := start(t, Config{Dir: t.TempDir()}, h.take)
	last := uint64(0)
	f := func(name string, w index.Write, fresh, repeats int, err error) {
		t.Helper()
		a := write(t, x, w)
		if a.New != fresh || a.Repeats != repeats || !errors.Is(a.err, err) {
			t.Errorf("%s: %d new, %d repeats, %v; want %d, %d, %v", name, a.New, a.Repeats, a.err, fresh, repeats, err)
		}
		if err == nil && (a.Position < last || fresh > 0 && a.Position == last) {
			t.Errorf("%s: position %d behind %d", name, a.Position, last)
		}
		if err == nil {
			last = a.Position
		}
	}
	p := testPos
	f("first", data(p, 0, 10), 10, 0, nil)
	f("again", data(p, 0, 10), 0, 10, nil)
	f("overlap", data(p, 5, 15), 5, 5, nil)
	f("successor of one that was refused", data(p, 20, 30), 10, 0, nil)
	f("the one that was refused", data(p, 15, 20), 5, 0, nil)
	f("both again", data(p, 15, 30), 0, 15, nil)
	for i, kind := range []batch.Kind{batch.Dropped, batch.Skipped, batch.Dead} {
		at := uint64(30 + 10*i)
		f(string(kind), without(data(p, at, at+10), kind), 0, 0, nil)
		f(string(kind)+" again", without(data(p, at, at+10), kind), 0, 0, nil)
		f(string(kind)+", then data", data(p, at, at+10), 10, 0, nil)
		f(string(kind)+" after data", without(data(p, at, at+10), kind), 0, 0, nil)
		f(string(kind)+", then data again", data(p, at, at+10), 0, 10, nil)
	}
	double := data(p, 60, 70)
	double.Items = append(double.Items, data(p, 55, 70).Items...)
	f("doubles within", double, 10, 15, nil)
	f("ranges alone", index.Write{Ranges: data(p, 70, 80).Ranges}, 0, 0, nil)
	f("events that a range has claimed", data(p, 70, 80), 0, 10, nil)
	f("nothing", index.Write{}, 0, 0, nil)

	stray := data(p, 80, 90)
	stray.Items[9].Offset = 95
	f("event beyond its range", stray, 0, 0, index.ErrBadWrite)
	wrongKind := data(p, 80, 90)
	wrongKind.Ranges[0].Kind = batch.Dropped
	f("event in a range that is not data", wrongKind, 0, 0, index.ErrBadWrite)
	elsewhere := data(p, 80, 90)
	elsewhere.Ranges[0].Pos.Epoch++
	f("range of another epoch", elsewhere, 0, 0, index.ErrBadWrite)
	f("empty range", index.Write{Ranges: []index.Range{{Pos: p, Kind: batch.Data, First: 5, End: 5}}}, 0, 0, index.ErrBadWrite)
	f("unknown kind", index.Write{Ranges: []index.Range{{Pos: p, Kind: "odd", First: 5, End: 6}}}, 0, 0, index.ErrBadWrite)
	f("too many items", index.Write{Items: make([]index.Item, MaxItems+1)}, 0, 0, index.ErrBadWrite)
	f("nothing of those was taken", data(p, 80, 90), 10, 0, nil)
	f("covered by what came before", index.Write{Items: data(p, 80, 85).Items}, 0, 5, nil)

	other := p
	other.Epoch++
	f("another epoch", data(other, 0, 10), 10, 0, nil)
	other.Stream = event.HashKey("other")
	two := data(other, 0, 10)
	more := data(p, 85, 95)
	f("two streams", index.Write{Items: append(two.Items, more.Items...), Ranges: append(two.Ranges, more.Ranges...)}, 15, 5, nil)
	for i := range 2 {
		e := sampleEvent(i, time.Now())
		f("without a ledger", index.Write{Items: []index.Item{{Event: e}}}, 1, 0, nil)
	}
	if n := len(counted(t, x)); n != 95-10+10+10+2 {
		t.Errorf("%d events are found", n)
	}
	h.check(t, x)
}

func TestFullLedger(t *testing.T) {
	var h handed
	x := start(t, Config{Dir: t.TempDir()}, h.take)
	var w index.Write
	for i := range uint64(ledger.MaxRanges) {
		one := data(testPos, 10*i+5, 10*i+6)
		w.Items, w.Ranges = append(w.Items, one.Items...), append(w.Ranges, one.Ranges...)
	}
	mustWrite(t, x, w)
	over := data(testPos, 1e6, 1e6+1)
	pos := testPos
	pos.Epoch++
	beside := data(pos, 0, 5)
	over.Items, over.Ranges = append(beside.Items, over.Items...), append(beside.Ranges, over.Ranges...)
	if a := write(t, x, over); !errors.Is(a.err, ledger.ErrFull) {
		t.Errorf("one range too many: %v", a.err)
	}
	if x.Held(pos, 0) {
		t.Error("a part of a refused write is held")
	}
	mustWrite(t, x, data(testPos, 0, 5))
	if r := mustWrite(t, x, over); r.New != 6 {
		t.Errorf("after a hole was filled: %+v", r)
	}
	h.check(t, x)
}

// TestManyWriters lets several send overlapping parts of the same streams at once.
func TestManyWriters(t *testing.T) {
	const writers, events = 8, 300
	var h handed
	x := start(t, Config{Dir: t.TempDir(), CheckpointBytes: 20 << 10}, h.take)
	var mu sync.Mutex
	fresh, repeats := 0, 0
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			pos := testPos
			pos.Epoch = uint64(n % 2)
			for first := uint64(n); first < events; first += 7 {
				x.Write(context.Background(), data(pos, first, first+20), func(r index.Result, err error) {
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					fresh, repeats = fresh+r.New, repeats+r.Repeats
				})
			}
		})
	}
	wg.Wait()
	mustWrite(t, x, index.Write{}) // answered behind all of them
	mu.Lock()
	defer mu.Unlock()
	if n := len(counted(t, x)); n != fresh || fresh < 2*events || repeats == 0 {
		t.Errorf("%d new, %d repeats, %d found", fresh, repeats, n)
	}
	h.check(t, x)
}

// TestAnswersInOrder holds back the alerts: nobody is answered before them, a repeat not before what it repeats.
func TestAnswersInOrder(t *testing.T) {
	begun, release := make(chan bool, 10), make(chan bool)
	x := start(t, Config{Dir: t.TempDir()}, func(uint64, []*event.Event) error {
		begun <- true
		<-release
		return nil
	})
	answers := make(chan string, 10)
	send := func(name string, w index.Write) {
		x.Write(context.Background(), w, func(_ index.Result, err error) {
			if err != nil {
				name += " refused"
			}
			answers <- name
		})
	}
	send("first", data(testPos, 0, 10))
	<-begun
	send("repeat", data(testPos, 0, 10))
	stray := data(testPos, 10, 20)
	stray.Items[3].Offset = 30
	send("stray", stray)
	send("second", data(testPos, 10, 20))
	send("nothing", index.Write{})
	if len(answers) > 0 {
		t.Errorf("%s is answered before the alerts have seen it", <-answers)
	}
	close(release)
	for _, want := range []string{"first", "repeat", "stray refused", "second", "nothing"} {
		if got := <-answers; got != want {
			t.Errorf("%s is answered, want %s", got, want)
		}
	}
}
