package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/aggregator/index/elastic"
	"belfry/aggregator/index/embedded"
	"belfry/shared/event"
)

// offline is an index that is open without an aggregator: nobody watches what is written.
type offline struct {
	index.Index
	engine string
	looks  bool // a Loader must look for what is there already
	ended  chan error
	cancel context.CancelFunc

	mu    sync.Mutex
	fault error // why it was ended from within
}

// openOffline opens the index of an engine as the configuration describes it, and runs it, to be written without alerts.
// The embedded one must not be open elsewhere.
func openOffline(ctx context.Context, cfg *config.Config, engine string, log *slog.Logger) (*offline, error) {
	return openWatched(ctx, cfg, engine, nil, log)
}

// openToRead is openOffline for who writes nothing: what an aggregator that was killed has not shown its alerts stays in
// the log, until it starts again.
func openToRead(ctx context.Context, cfg *config.Config, engine string, log *slog.Logger) (*offline, error) {
	return openWatched(ctx, cfg, engine, func(uint64, []*event.Event) error { return nil }, log)
}

func openWatched(ctx context.Context, cfg *config.Config, engine string, watch index.Watch, log *slog.Logger) (*offline, error) {
	o := &offline{engine: engine, ended: make(chan error, 1)}
	run, cancel := context.WithCancel(ctx)
	o.cancel = cancel
	var err error
	switch engine {
	case config.EngineEmbedded:
		o.looks = true
		o.Index, err = embedded.Open(embeddedConfig(cfg), log, nil, watch)
	case config.EngineElastic:
		if cfg.Index.Elastic == nil {
			err = errors.New("index.elastic: the configuration does not say where the servers are")
			break
		}
		o.Index, err = elastic.Open(ctx, *cfg.Index.Elastic, elastic.Hooks{Dead: o.refuseDead}, log, nil)
	default:
		err = fmt.Errorf("engine %q is neither %s nor %s", engine, config.EngineEmbedded, config.EngineElastic)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	go func() { o.ended <- o.Run(run) }()
	return o, nil
}

// refuseDead is told of what the servers take in no form, not even as a raw line. It ends the index: nobody is there who
// could see to it while all others wait.
func (o *offline) refuseDead(_ context.Context, it index.Item, _ uint64, reason error) error {
	err := fmt.Errorf("the servers refuse event %s: %w", it.Event.Get("event.id"), reason)
	o.mu.Lock()
	o.fault = cmp.Or(o.fault, err)
	o.mu.Unlock()
	o.cancel()
	return err
}

// Close ends what openOffline began.
func (o *offline) Close() error {
	err := o.Index.Close()
	o.cancel()
	ended := <-o.ended
	if errors.Is(ended, index.ErrClosed) { // before it ran
		ended = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(o.fault, err, ended)
}

// loader returns a loader into a retention class.
func (o *offline) loader(cfg *config.Config, class string) *index.Loader {
	l := index.NewLoader(o, class, o.looks)
	l.Oldest = time.Now().Add(-cfg.Index.Keep(o.engine, class)).Add(time.Hour) // so that none ends while it is on its way
	return l
}

// classes returns the retention classes that an index held when it was opened, and those that were made here.
func (o *offline) classes() []string { return statedClasses(o.Index) }

// classesOf returns the retention classes that an index holds, which others may write to meanwhile.
func classesOf(ctx context.Context, x index.Index) ([]string, error) {
	if x, ok := x.(sharedIndex); ok {
		return x.Classes(ctx)
	}
	return statedClasses(x), nil
}

func statedClasses(x index.Index) (all []string) {
	for _, c := range x.Stats().Classes {
		all = append(all, c.Class)
	}
	return all
}

// ticker shows how far a work over many events is, now and then.
type ticker struct {
	*meter
	what  string
	begun time.Time
	last  time.Time
}

func newTicker(c *CLI, what string) *ticker {
	return &ticker{meter: newMeter(c), what: what, begun: time.Now()}
}

// tickEvery is how often its line is written.
const tickEvery = time.Second / 4

// say tells how many events are done, and of which time the last one is.
func (t *ticker) say(n uint64, at time.Time) {
	if now := time.Now(); t.out != nil && now.Sub(t.last) >= tickEvery {
		t.last = now
		rate := float64(n) / max(now.Sub(t.begun).Seconds(), 0.001)
		t.line("%s: %d events, %.0f a second, at %s", t.what, n, rate, at.UTC().Format(time.DateTime))
	}
}
