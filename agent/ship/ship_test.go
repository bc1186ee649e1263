package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// flaky is a road that fails now and then.
type flaky struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	fail   float64
	tries  map[event.Key]string // body of each batch, as first seen
	taken  map[event.Key]bool
	order  []uint64 // first offsets of batches as they were taken
	repeat int
}

var errFlaky = errors.New("lost")

func (f *flaky) Send(_ context.Context, b *batch.Sealed, done func(error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := b.Manifest.ID
	if old, again := f.tries[id]; again && old != string(b.Body) {
		panic("one id for two bodies")
	}
	f.tries[id] = string(b.Body)
	wait := time.Duration(f.rnd.Int64N(int64(50 * time.Millisecond)))
	if f.rnd.Float64() < f.fail {
		time.AfterFunc(wait, func() { done(errFlaky) })
		return
	}
	if f.taken[id] {
		f.repeat++
	}
	f.taken[id] = true
	f.order = append(f.order, b.Manifest.Streams[0].Ranges[0].First)
	time.AfterFunc(wait, func() { done(nil) })
}

func newShipper(t *testing.T, road Transport, confirmed func(*batch.Manifest)) *Shipper {
	t.Helper()
	b, err := batch.NewBuilder(event.HashKey("a"), event.HashKey("b"), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Window: 8}, b, road, confirmed, slog.New(slog.NewTextHandler(io.Discard, nil)), metrics.NewSet())
}

// Every event is confirmed, whatever the road does, and none is sent with another id.
func TestAllIsConfirmed(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			road := &flaky{rnd: rand.New(rand.NewPCG(seed, 1)), fail: float64(seed) / 25,
				tries: make(map[event.Key]string), taken: make(map[event.Key]bool)}
			confirmed := 0
			s := newShipper(t, road, func(m *batch.Manifest) { confirmed += m.Events })
			done := make(chan error, 1)
			go func() { done <- s.Run(t.Context()) }()
			p := batch.Place{Stream: event.HashKey("s"), Class: "default", Day: "2026-11-23"}
			const events = 20_000
			for i := range uint64(events) {
				if err := s.Add(t.Context(), p, i*10, i*10+10, fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			if err := <-done; err != nil || confirmed != events {
				t.Errorf("seed %d: confirmed %d of %d, %v", seed, confirmed, events, err)
			}
			if seed == 0 && !slices.IsSorted(road.order) {
				t.Error("batches left out of order on a road that never failed")
			}
		})
	}
}

// Who has got another certificate while a batch was refused sends it again by that one.
func TestRetriesAreSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signer := "old"
		b, err := batch.NewBuilder(event.HashKey("a"), event.HashKey("b"), 0, func([]byte) ([]byte, []byte, error) {
			return []byte(signer), nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		road := &refusing{old: "old"}
		s := New(Config{}, b, road, func(*batch.Manifest) {}, slog.New(slog.DiscardHandler), metrics.NewSet())
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		if err := s.Add(t.Context(), batch.Place{}, 0, 1, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		signer = "new"
		s.Close()
		if err := <-done; err != nil || len(road.taken) != 1 || road.taken[0] != road.refused {
			t.Errorf("%v, taken %v, refused %v", err, road.taken, road.refused)
		}
	})
}

// refusing takes nothing that was signed by the old certificate.
type refusing struct {
	old     string
	refused event.Key
	taken   []event.Key
}

func (r *refusing) Send(_ context.Context, b *batch.Sealed, done func(error)) {
	if string(b.Proof.Signature) == r.old {
		r.refused = b.Manifest.ID
		done(errFlaky)
		return
	}
	r.taken = append(r.taken, b.Manifest.ID)
	done(nil)
}

// Run stops its clock while there is nothing to do: whatever comes then must start it again.
func TestWakesFromRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road := &flaky{rnd: rand.New(rand.NewPCG(1, 1)), tries: make(map[event.Key]string), taken: make(map[event.Key]bool)}
		confirmed := 0
		s := newShipper(t, road, func(m *batch.Manifest) { confirmed += m.Events })
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		for i := range uint64(5) {
			time.Sleep(time.Hour)
			if err := s.Add(t.Context(), batch.Place{}, i, i+1, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if confirmed != int(i)+1 {
				t.Fatalf("%d events confirmed, want %d", confirmed, i+1)
			}
		}
		time.Sleep(time.Hour)
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestFlushesWhenQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road := &flaky{rnd: rand.New(rand.NewPCG(1, 1)), tries: make(map[event.Key]string), taken: make(map[event.Key]bool)}
		var at time.Time
		s := newShipper(t, road, func(*batch.Manifest) { at = time.Now() })
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		begin := time.Now()
		if err := s.Add(t.Context(), batch.Place{}, 0, 1, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if took := at.Sub(begin); at.IsZero() || took > 200*time.Millisecond {
			t.Errorf("one event was confirmed after %v", took)
		}
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Add(t.Context(), batch.Place{}, 1, 2, []byte("{}")); !errors.Is(err, ErrClosed) {
			t.Errorf("Add after Close: %v", err)
		}
	})
}

// stuck is a road that never answers.
type stuck struct{}

func (stuck) Send(context.Context, *batch.Sealed, func(error)) {}

func TestBackPressureEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipper(t, stuck{}, func(*batch.Manifest) { t.Error("confirmed by nobody") })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		added := 0
		go func() {
			for s.Add(ctx, batch.Place{}, uint64(added), uint64(added)+1, []byte("{}")) == nil {
				added++
			}
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if most := (8 + 2) * batch.MaxEvents; added > most {
			t.Errorf("%d events went into a window of 8 batches", added)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// shutRoad refuses every batch until it is opened.
type shutRoad struct {
	mu           sync.Mutex
	open         bool
	flying, most int
	firsts       []uint64 // of the batches that it took
}

func (r *shutRoad) Send(_ context.Context, b *batch.Sealed, done func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying++
	r.most = max(r.most, r.flying)
	err := errFlaky
	if r.open {
		r.firsts = append(r.firsts, b.Manifest.Streams[0].Ranges[0].First)
		err = nil
	}
	time.AfterFunc(time.Millisecond, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.flying--
		done(err)
	})
}

func TestFailuresWhileTheWindowIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road, confirmed := &shutRoad{}, 0
		s := newShipper(t, road, func(m *batch.Manifest) { confirmed += m.Events })
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		const events = 30 * batch.MaxEvents
		added := make(chan struct{})
		go func() {
			defer close(added)
			for i := range uint64(events) {
				if err := s.Add(t.Context(), batch.Place{}, i, i+1, []byte("{}")); err != nil {
					t.Error(err)
				}
			}
		}()
		time.Sleep(10 * time.Minute)
		road.mu.Lock()
		road.open = true
		road.mu.Unlock()
		<-added
		s.Close()
		if err := <-done; err != nil || confirmed != events || road.most > 8 {
			t.Errorf("%v, confirmed %d of %d, %d batches at once in a window of 8", err, confirmed, events, road.most)
		}
		if !slices.IsSorted(road.firsts) {
			t.Errorf("batches left out of order: %v", road.firsts)
		}
	})
}

// One who does not wait any longer takes nothing away from the others: what was added is sent.
func TestWhoGivesUpLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road, confirmed, added := &shutRoad{}, 0, 0
		s := newShipper(t, road, func(m *batch.Manifest) { confirmed += m.Events })
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			for s.Add(ctx, batch.Place{}, uint64(added), uint64(added)+1, []byte("{}")) == nil {
				added++
			}
			if ctx.Err() == nil {
				t.Error("gave up before it had to")
			}
			cancel()
		}
		s.Close()
		synctest.Wait()
		road.mu.Lock()
		road.open = true
		road.mu.Unlock()
		if err := <-done; err != nil || confirmed != added || added == 0 {
			t.Errorf("%v, confirmed %d of %d", err, confirmed, added)
		}
	})
}

func TestStopOfAShutRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, road := range []Transport{stuck{}, &shutRoad{}} {
			s := newShipper(t, road, func(*batch.Manifest) { t.Error("confirmed by nobody") })
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			for i := range uint64(batch.MaxEvents) {
				if err := s.Add(ctx, batch.Place{}, i, i+1, []byte("{}")); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			time.Sleep(time.Minute)
			select {
			case err := <-done:
				t.Errorf("%T: ended before all was confirmed: %v", road, err)
			default:
			}
			cancel()
			if err := <-done; err != nil {
				t.Errorf("%T: %v", road, err)
			}
			time.Sleep(time.Hour) // what is still under way ends
		}
	})
}

// One who waits long for a blocked road must not hold up another who has little time.
func TestWhoWaitsHoldsUpNobody(t *testing.T) {
	builder, err := batch.NewBuilder(event.HashKey("a"), event.HashKey("b"), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{}, builder, nil, nil, slog.New(slog.DiscardHandler), metrics.NewSet()) // it does not run: nothing is taken
	line := bytes.Repeat([]byte("x"), batch.MaxRaw)
	place := batch.Place{Stream: event.HashKey("s"), Class: "default", Day: "2026-11-28"}
	if err := s.Add(t.Context(), place, 0, 1, line); err != nil {
		t.Fatal(err)
	}
	patient, giveUp := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { waits <- s.Add(patient, place, 1, 2, line) }()
	for waiting := false; !waiting; runtime.Gosched() {
		if waiting = !s.mu.TryLock(); !waiting {
			waiting = s.handing != nil
			s.mu.Unlock()
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Add(short, place, 1, 2, line); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who had little time got %v", err)
	}
	giveUp()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("who waited got %v", err)
	}
}
