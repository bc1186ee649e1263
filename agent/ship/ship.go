// Package ship gathers what the inputs read into batches and sends each one until the receiver has taken it.
//
// Delivery is at least once: after a failure the same batch goes again, with the same id and the same bytes. Batches
// leave in order; one that failed goes before all that were not sent yet. Ship never drops an event: when the road is
// blocked, its methods block, and so the inputs stop reading. What it holds is bounded by a window of batches.
//
// Add, Pass and Finish may be called by several goroutines at once.
package ship

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/backoff"
	"belfry/shared/batch"
)

// Transport is the road to the receiver.
type Transport interface {
	// Send hands one batch over. Each shipper calls it by one goroutine, in order, and several may share a road; it may
	// block while the road is blocked, and returns when ctx is done. It calls done exactly once, sooner or later, from any goroutine: with nil when the
	// receiver has taken the batch, with an error when the batch must be sent again.
	Send(ctx context.Context, b *batch.Sealed, done func(error))
}

// Config bounds batches in time and memory. Zero fields take defaults.
type Config struct {
	FlushAfter  time.Duration // longest wait of an event for its batch; default 1s
	QuietAfter  time.Duration // a batch leaves when nothing came for so long; default 100ms
	Window      int           // batches on the road at once; default 32
	WindowBytes int           // their bytes, compressed; default 8 MiB
	MaxBackoff  time.Duration // longest pause after a failure; default 30s
}

func (c Config) withDefaults() Config {
	c.FlushAfter = cmp.Or(c.FlushAfter, time.Second)
	c.QuietAfter = cmp.Or(c.QuietAfter, 100*time.Millisecond)
	c.Window = cmp.Or(c.Window, 32)
	c.WindowBytes = cmp.Or(c.WindowBytes, 8<<20)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, 30*time.Second)
	return c
}

// ErrClosed is returned to an input that adds after Close.
var ErrClosed = errors.New("ship is closed")

// Shipper is the one way from the inputs to a road.
type Shipper struct {
	cfg       Config
	road      Transport
	confirmed func(*batch.Manifest)
	log       *slog.Logger

	mu      sync.Mutex // guards what follows, and the order of sealed
	builder *batch.Builder
	held    *batch.Sealed // sealed, and not taken by Run yet
	handing chan struct{} // somebody waits for Run to take it; closed when that is over
	begun   time.Time     // when the first event of the present batch came
	touched time.Time     // when the last one came, as the tick of Run saw it: a clock for each event costs more than it tells
	came    bool          // something came since the last tick
	closed  bool

	woken   chan struct{} // there is something to send, or to end: Run has stopped its clock
	sealed  chan *batch.Sealed
	results chan result
	window  window
	cause   string // of the last failure that was told

	events, batches, retries *metrics.Counter
	rawBytes, sentBytes      *metrics.Counter
}

// inFlight counts what is on the road, of all lanes.
type inFlight struct{ batches, bytes *metrics.Gauge }

func (n inFlight) add(batches, bytes int) {
	n.batches.Add(float64(batches))
	n.bytes.Add(float64(bytes))
}

// result is what became of one try.
type result struct {
	seq uint64
	err error
}

// New returns a shipper that builds its batches with builder. confirmed is called, by the goroutine of Run, with each
// manifest that the receiver has taken.
func New(cfg Config, builder *batch.Builder, road Transport, confirmed func(*batch.Manifest), log *slog.Logger, set *metrics.Set) *Shipper {
	cfg = cfg.withDefaults()
	return &Shipper{
		cfg: cfg, road: road, confirmed: confirmed, log: log, builder: builder,
		woken:   make(chan struct{}, 1),
		sealed:  make(chan *batch.Sealed),
		results: make(chan result, cfg.Window), // so that done never blocks
		window: window{
			maxBatches: cfg.Window, maxBytes: cfg.WindowBytes,
			pause: backoff.Backoff{Min: 100 * time.Millisecond, Max: cfg.MaxBackoff},
			count: inFlight{
				set.GetOrCreateGauge("belfry_agent_ship_window_batches", nil), set.GetOrCreateGauge("belfry_agent_ship_window_bytes", nil),
			},
		},
		events:    set.GetOrCreateCounter("belfry_agent_ship_events_total"),
		batches:   set.GetOrCreateCounter("belfry_agent_ship_batches_total"),
		retries:   set.GetOrCreateCounter("belfry_agent_ship_retries_total"),
		rawBytes:  set.GetOrCreateCounter("belfry_agent_ship_raw_bytes_total"),
		sentBytes: set.GetOrCreateCounter("belfry_agent_ship_sent_bytes_total"),
	}
}

// Add takes one event, as a JSON object without line end, that came from [first, end) of its place.
func (s *Shipper) Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error {
	return s.with(ctx, p, len(line), func() { s.builder.Add(p, first, end, line) })
}

// Pass takes a range of which no event is sent.
func (s *Shipper) Pass(ctx context.Context, p batch.Place, kind batch.Kind, first, end uint64) error {
	return s.with(ctx, p, 0, func() { s.builder.Pass(p, kind, first, end) })
}

// Finish says that a place has ended at size.
func (s *Shipper) Finish(ctx context.Context, p batch.Place, size uint64) error {
	return s.with(ctx, p, 0, func() { s.builder.Finish(p, size) })
}

func (s *Shipper) with(ctx context.Context, p batch.Place, n int, put func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for s.held != nil || !s.builder.Fits(p, n) {
		if s.held == nil {
			var err error
			if s.held, err = s.builder.Seal(); err != nil {
				return err
			}
		}
		if err := s.handOver(ctx); err != nil {
			return err
		}
		if s.closed {
			return ErrClosed
		}
	}
	if s.builder.Empty() {
		s.begun = time.Now()
		s.wake()
	}
	s.came = true
	put()
	return nil
}

func (s *Shipper) wake() {
	select {
	case s.woken <- struct{}{}:
	default: // it was told already
	}
}

// handOver waits until Run takes the batch that is held: that is the back pressure. The caller holds mu, which is free while
// it waits: one who waits for longer than another must not hold that one up. One who gives up leaves the batch to the next,
// or to Run.
func (s *Shipper) handOver(ctx context.Context) error {
	if others := s.handing; others != nil {
		return s.unlocked(ctx, others, nil)
	}
	done := make(chan struct{})
	s.handing = done
	defer func() { s.handing = nil; close(done) }()
	err := s.unlocked(ctx, nil, s.held)
	if err == nil {
		s.held = nil
	}
	return err
}

// unlocked waits without mu: until a batch is taken, or until another who waits for that is done.
func (s *Shipper) unlocked(ctx context.Context, done <-chan struct{}, b *batch.Sealed) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	out := s.sealed
	if b == nil {
		out = nil
	}
	select {
	case out <- b:
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("wait for the road: %w", ctx.Err())
	}
	return nil
}

// Probe returns when the shipper is free: be the road blocked, it is.
func (s *Shipper) Probe() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

// Close ends the input: Run sends what is left and returns.
func (s *Shipper) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.wake()
}

// Run sends until Close was called and all is confirmed, or ctx is done.
func (s *Shipper) Run(ctx context.Context) error {
	period := s.cfg.QuietAfter / 4
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if s.window.retryDue(time.Now()) {
			s.send(ctx, s.window.nextRetry())
			continue
		}
		in := s.sealed
		if !s.window.open() {
			in = nil
		}
		select {
		case <-ctx.Done():
			return s.left()
		case r := <-s.results:
			s.settle(r)
		case b := <-in:
			s.send(ctx, s.window.add(b))
		case <-s.woken:
			tick.Reset(period)
		case <-tick.C:
			b, ended, err := s.flush()
			switch {
			case err != nil:
				return err
			case b != nil:
				s.send(ctx, s.window.add(b))
			case ended && s.window.empty():
				return nil
			case s.rests():
				tick.Stop() // an agent with nothing to do is not woken for that
			}
		}
	}
}

// rests reports whether there is nothing to send, and nothing on the road.
func (s *Shipper) rests() bool {
	if !s.mu.TryLock() {
		return false // something is coming
	}
	defer s.mu.Unlock()
	return s.window.empty() && s.builder.Empty() && s.held == nil && s.handing == nil && !s.closed
}

// left says what a hard stop leaves behind: it stays in the files and is read again.
func (s *Shipper) left() error {
	if n := len(s.window.batches); n > 0 {
		s.log.Info("stopped before all was confirmed", "batches", n)
	}
	return nil
}

// flush takes the present batch if it waited long enough and the window has room. ended is true when nothing more can come.
func (s *Shipper) flush() (b *batch.Sealed, ended bool, err error) {
	if !s.window.open() || !s.mu.TryLock() {
		return nil, false, nil // who waits for a place on the road hands its batch over by itself
	}
	defer s.mu.Unlock()
	if s.handing != nil {
		return nil, false, nil // likewise
	}
	if b, s.held = s.held, nil; b != nil {
		return b, false, nil
	}
	if s.builder.Empty() {
		return nil, s.closed, nil
	}
	now := time.Now()
	if s.came {
		s.touched, s.came = now, false
	}
	if s.closed || now.Sub(s.begun) >= s.cfg.FlushAfter || now.Sub(s.touched) >= s.cfg.QuietAfter {
		b, err = s.builder.Seal()
	}
	return b, false, err
}

func (s *Shipper) send(ctx context.Context, f *flight) {
	f.tries++
	if f.tries > 1 {
		s.retries.Inc()
		if again, err := s.builder.SignAnew(f.batch); err == nil { // else the proof of before may still be good
			f.batch = again
		}
	}
	seq := f.seq
	s.road.Send(ctx, f.batch, func(err error) { s.results <- result{seq, err} })
}

// causeOf is what lies at the bottom of an error: without addresses and ports, which differ from try to try.
func causeOf(err error) string {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err.Error()
}

// settle notes what became of a try. It tells the first failure, each new reason, and the recovery.
func (s *Shipper) settle(r result) {
	if r.err != nil {
		first := s.window.failed(r.seq, time.Now())
		if cause := causeOf(r.err); first || s.window.failures > 0 && cause != s.cause {
			s.cause = cause
			s.log.Warn("batches are not taken, trying again", "err", r.err)
		}
		return
	}
	f, recovered := s.window.done(r.seq)
	if recovered {
		s.log.Info("batches are taken again")
	}
	m := f.batch.Manifest
	s.events.Add(m.Events)
	s.batches.Inc()
	s.rawBytes.Add(f.batch.Raw)
	s.sentBytes.Add(len(f.batch.Body))
	s.confirmed(m)
}
