package alert

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/backoff"
	"belfry/shared/event"
)

const (
	saveEvery   = 2 * time.Second  // the cursor is on disk that soon when nothing fires
	forgetEvery = time.Hour        // for ids that are old enough
	tryFor      = 30 * time.Second // one delivery; then it counts as failed
	firstWait   = time.Second      // after a failed delivery, at most, then twice that, up to lastWait
	lastWait    = time.Minute
	maxTold     = 20 // alerts of one batch that are logged
)

// Engine evaluates events and delivers what fired. Process is called by one goroutine at a time, Run by another.
type Engine struct {
	rules  *Rules
	outbox Store
	notify func(context.Context, Alert) error
	log    *slog.Logger

	fired, repeated, dropped, delivered, failed *metrics.Counter
	seconds                                     *metrics.PrometheusHistogram

	wake chan struct{} // an alert waits; holds one

	mu    sync.Mutex
	at    uint64    // position of the newest events that were evaluated
	saved time.Time // when the cursor was stored last
	full  bool      // the outbox was, at the last Put
}

// NewEngine makes an engine. Notify delivers one alert: nil means that it was taken, for good; it is called by one
// goroutine, one alert at a time. Set may be nil.
func NewEngine(rules *Rules, outbox Store, notify func(context.Context, Alert) error, log *slog.Logger,
	set *metrics.Set) *Engine {
	if set == nil {
		set = metrics.NewSet()
	}
	set.NewGauge("belfry_alert_pending", func() float64 { return float64(outbox.Pending()) })
	set.NewGauge("belfry_alert_rules", func() float64 { return float64(len(rules.list)) })
	return &Engine{
		rules: rules, outbox: outbox, notify: notify, log: log,
		fired:     set.NewCounter("belfry_alert_fired_total"),
		repeated:  set.NewCounter("belfry_alert_repeated_total"),
		dropped:   set.NewCounter("belfry_alert_dropped_total"),
		delivered: set.NewCounter("belfry_alert_delivered_total"),
		failed:    set.NewCounter("belfry_alert_delivery_failures_total"),
		seconds:   set.NewPrometheusHistogram("belfry_alert_delivery_seconds"),
		wake:      make(chan struct{}, 1),
		at:        outbox.Cursor(),
		saved:     time.Now(),
	}
}

// Process evaluates the events at a position of the index's log; positions come in order, and after a start from
// Cursor()+1 on. When it returns nil, what fired is on disk. It keeps nothing of the events.
func (e *Engine) Process(position uint64, events []*event.Event) error {
	var alerts []Alert
	for _, ev := range events {
		e.rules.Match(ev, func(r *Rule) { alerts = append(alerts, r.alert(ev)) })
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at = max(e.at, position)
	if len(alerts) == 0 && time.Since(e.saved) < saveEvery {
		return nil
	}
	return e.put(alerts)
}

// put stores alerts and the cursor. The caller holds the lock.
func (e *Engine) put(alerts []Alert) error {
	now := time.Now()
	p, err := e.outbox.Take(alerts, e.at, now)
	if err != nil {
		return err
	}
	e.saved = now
	e.fired.Add(len(p.Taken))
	e.dropped.Add(p.Left)
	e.repeated.Add(len(alerts) - len(p.Taken) - p.Left)
	if p.Left > 0 && !e.full {
		e.full = true
		e.log.Error("alerts are left out: too many wait", "pending", e.outbox.Pending())
	}
	if len(p.Taken) == 0 {
		return nil
	}
	for _, a := range p.Taken[:min(len(p.Taken), maxTold)] {
		e.log.Info("alert", "rule", a.Title, "level", a.Level, "host", a.Host, "user", a.User, "event", a.EventID)
	}
	if p.Left == 0 && e.full {
		e.full = false
		e.log.Info("alerts are taken again", "pending", e.outbox.Pending())
	}
	e.Wake()
	return nil
}

// Probe returns when no alert is being stored.
func (e *Engine) Probe() {
	e.mu.Lock()
	defer e.mu.Unlock()
}

// Wake says that the outbox may have something to deliver that did not come by Process.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run delivers what waits, oldest first, until ctx is done. A delivery that fails is tried again, and nothing is
// delivered before it.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := make(chan error, 1)
	go func() {
		defer cancel()
		kept <- e.keep(ctx)
	}()
	err := e.deliverAll(ctx)
	cancel()
	return errors.Join(err, <-kept, e.save())
}

// keep saves the cursor and forgets old ids, until ctx is done.
func (e *Engine) keep(ctx context.Context) error {
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	forget := time.NewTicker(forgetEvery)
	defer forget.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-save.C:
			err = e.save()
		case <-forget.C:
			err = e.forget(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// deliverAll delivers whenever something waits, until ctx is done.
func (e *Engine) deliverAll(ctx context.Context) error {
	again := time.NewTimer(0) // what waited when we started
	defer again.Stop()
	pause := backoff.Backoff{Min: firstWait, Max: lastWait}
	failures := 0
	for {
		wake := e.wake
		if failures > 0 {
			wake = nil // not before the timer
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-again.C:
		}
		var err error
		if failures, err = e.deliver(ctx, failures); err != nil {
			return err
		}
		if failures <= 1 { // some were delivered since the last failure
			pause.Reset()
		}
		if failures > 0 {
			again.Reset(pause.Next())
		}
	}
}

// deliver sends what waits until nothing does, one fails or ctx is done. It takes and returns how many tries in a row
// have failed; the error is the outbox's.
func (e *Engine) deliver(ctx context.Context, failures int) (int, error) {
	for ctx.Err() == nil {
		next, ok, err := e.outbox.Oldest()
		if err != nil || !ok {
			return 0, err
		}
		if err := e.try(ctx, next.Alert); err != nil {
			if ctx.Err() != nil {
				return failures, nil
			}
			e.failed.Inc()
			if failures == 0 {
				e.log.Warn("alert was not delivered, will be tried again", "rule", next.Alert.Title,
					"pending", e.outbox.Pending(), "err", err)
			}
			return failures + 1, nil
		}
		if err := e.outbox.Delivered(next.Alert.ID); err != nil {
			return 0, err
		}
		e.delivered.Inc()
		e.seconds.Update(time.Since(next.Taken).Seconds())
		if failures > 0 {
			e.log.Info("alerts are delivered again", "failures", failures, "pending", e.outbox.Pending())
		}
		failures = 0
	}
	return failures, nil
}

func (e *Engine) try(ctx context.Context, a Alert) error {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	return e.notify(ctx, a)
}

// save stores the cursor if it has moved.
func (e *Engine) save() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at <= e.outbox.Cursor() {
		return nil
	}
	return e.put(nil)
}

func (e *Engine) forget(ctx context.Context) error {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = e.outbox.Forget(time.Now().Add(-keepTaken)); err != nil {
			return err
		}
	}
	return nil
}
