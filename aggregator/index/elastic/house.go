package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/conf"
	"belfry/shared/event"
)

// house keeps what grows from growing for ever, and says how the index is. One of the aggregators that share an index
// deletes the days that are over: the one who holds the lease.
type house struct {
	x      *Index
	docs   *docs
	holder string
	every  time.Duration // between two looks; houseEvery but for tests
	heard  time.Time     // the ledger's documents that were saved before are known
}

const (
	houseEvery  = 30 * time.Second
	ledgerSkew  = 2 * time.Minute // between the clocks of aggregators
	leaseTime   = 5 * time.Minute // after so long without a sign, another may take the lease
	leaseID     = "lease"
	dropPerLook = 100 // days, so that a look ends
)

// lease says who keeps house. Its holder takes it anew while it lives.
type lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"` // by the holder's clock
}

func newHouse(ctx context.Context, x *Index) (*house, error) {
	docs, err := openDocs(ctx, x.c, "house")
	if err != nil {
		return nil, err
	}
	return &house{x: x, docs: docs, holder: event.RandomKey().String(), every: houseEvery, heard: x.now()}, nil
}

// run looks after the house until ctx is done.
func (h *house) run(ctx context.Context) {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	trouble := false
	for {
		err := h.look(ctx)
		if ctx.Err() != nil {
			h.giveUp()
			return
		}
		if err != nil && !trouble {
			h.x.log.Warn("the index is not looked after", "err", err)
		}
		trouble = err != nil
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (h *house) look(ctx context.Context) error {
	days, err := h.x.days(ctx)
	if err != nil {
		return err
	}
	h.x.stats.Store(statsOf(&h.x.cfg, days))
	begin := h.x.now()
	if err := h.x.store.join(ctx, h.x.ledger, h.heard.Add(-ledgerSkew)); err != nil {
		return fmt.Errorf("read the ledger of others: %w", err)
	}
	h.heard = begin
	mine, err := h.hold(ctx)
	if err != nil || !mine {
		return err
	}
	return h.expire(ctx, days)
}

// hold takes the lease, or takes it anew, and reports whether it is ours.
func (h *house) hold(ctx context.Context) (bool, error) {
	body, v, err := h.docs.Load(ctx, leaseID)
	if err != nil {
		return false, err
	}
	now := h.x.now()
	var old lease
	if body != nil {
		if err := json.Unmarshal(body, &old); err != nil {
			return false, fmt.Errorf("read who keeps house: %w", err)
		}
	}
	if old.Holder != h.holder && now.Before(old.Until) && old.Until.Before(now.Add(3*leaseTime)) {
		return false, nil
	}
	next, err := json.Marshal(lease{h.holder, now.Add(leaseTime).UTC()})
	if err != nil {
		return false, err
	}
	err = h.docs.Save(ctx, leaseID, next, v)
	if errors.Is(err, ledger.ErrConflict) {
		return false, nil // somebody else was faster
	}
	if err == nil && old.Holder != h.holder {
		h.x.log.Info("this aggregator keeps house in the index", "before", old.Holder)
	}
	return err == nil, err
}

// giveUp lets another take the lease at once.
func (h *house) giveUp() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	body, v, err := h.docs.Load(ctx, leaseID)
	var old lease
	if err != nil || body == nil || json.Unmarshal(body, &old) != nil || old.Holder != h.holder {
		return
	}
	_ = h.docs.Remove(ctx, leaseID, v) // else it ends by itself
}

// expire deletes the days that are over.
func (h *house) expire(ctx context.Context, days []day) error {
	now := h.x.now().UTC()
	dropped := 0
	for _, d := range days {
		if d.Day >= h.x.oldest(d.Class, now) {
			continue
		}
		if dropped++; dropped > dropPerLook {
			return nil
		}
		if err := h.x.dropDay(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// oldest returns the first day of a class that is kept. The day of an event is that of its reading, and its time may be
// older by all of its retention: what is kept to the last day is a day more than is asked for.
func (x *Index) oldest(class string, now time.Time) string {
	return now.UTC().Add(-x.cfg.keep(class) - 24*time.Hour).Format(dayForm)
}

// day is an index of events.
type day struct {
	Index, Class, Day string
	Rows, Bytes       uint64
}

// Classes returns the retention classes that the servers have events of now; those of Stats are some seconds old.
func (x *Index) Classes(ctx context.Context) (all []string, err error) {
	days, err := x.days(ctx)
	for _, c := range statsOf(&x.cfg, days).Classes {
		all = append(all, c.Class)
	}
	return all, err
}

// days returns the indices of events: those whose names are ours, and which have our alias.
func (x *Index) days(ctx context.Context) (all []day, err error) {
	var named map[string]struct {
		Aliases map[string]any `json:"aliases"`
	}
	err = x.c.ask(ctx, &named, func(ctx context.Context) (*esapi.Response, error) {
		get := x.c.es.Indices.GetAlias
		return get(get.WithContext(ctx), get.WithIndex(x.c.names.pattern()))
	})
	if err != nil {
		return nil, fmt.Errorf("list the indices of events: %w", err)
	}
	var sizes struct {
		Indices map[string]struct {
			Primaries struct {
				Docs  struct{ Count uint64 }
				Store struct {
					Bytes uint64 `json:"size_in_bytes"`
				}
			}
		} `json:"indices"`
	}
	err = x.c.ask(ctx, &sizes, func(ctx context.Context) (*esapi.Response, error) {
		get := x.c.es.Indices.Stats
		return get(get.WithContext(ctx), get.WithIndex(x.c.names.pattern()), get.WithMetric("docs", "store"),
			get.WithFilterPath("indices.*.primaries"))
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the sizes of the indices: %w", err)
	}
	for name, about := range named {
		class, date, ok := x.c.names.parse(name)
		if _, ours := about.Aliases[x.c.names.alias()]; !ok || !ours {
			continue
		}
		size := sizes.Indices[name].Primaries
		all = append(all, day{name, class, date, size.Docs.Count, size.Store.Bytes})
	}
	slices.SortFunc(all, func(a, b day) int {
		if c := strings.Compare(a.Class, b.Class); c != 0 {
			return c
		}
		return strings.Compare(a.Day, b.Day)
	})
	return all, nil
}

// dropDay deletes the index of a day.
func (x *Index) dropDay(ctx context.Context, d day) error {
	if d.Day >= x.now().UTC().Format(dayForm) {
		return fmt.Errorf("%w: index %s is not over", index.ErrQuestion, d.Index)
	}
	err := x.c.ask(ctx, nil, func(ctx context.Context) (*esapi.Response, error) {
		drop := x.c.es.Indices.Delete
		return drop([]string{d.Index}, drop.WithContext(ctx), drop.WithIgnoreUnavailable(true))
	})
	if err != nil {
		return fmt.Errorf("delete index %s: %w", d.Index, err)
	}
	x.measures.dropped.Inc()
	x.log.Info("a day of the index is over", "index", d.Index, "events", d.Rows, "bytes", d.Bytes)
	return nil
}

// Drop removes the days of a retention class that are before a day; never today's.
func (x *Index) Drop(ctx context.Context, class, before string) (int, error) {
	if !validDay(before) {
		return 0, fmt.Errorf("%w: %q is not a day such as 2026-11-23", index.ErrQuestion, before)
	}
	days, err := x.days(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, d := range days {
		if d.Class != class || d.Day >= before {
			continue
		}
		if err := x.dropDay(ctx, d); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// statsOf adds the days up. They are in order of class, then of day.
func statsOf(cfg *Config, days []day) *index.Stats {
	s := new(index.Stats)
	for _, d := range days {
		s.Rows += d.Rows
		s.Bytes += d.Bytes
		if n := len(s.Classes); n == 0 || s.Classes[n-1].Class != d.Class {
			s.Classes = append(s.Classes, index.ClassStats{
				Class: d.Class, First: d.Day, Keep: conf.Duration(cfg.keep(d.Class)).String(),
			})
		}
		c := &s.Classes[len(s.Classes)-1]
		c.Rows, c.Bytes, c.Last = c.Rows+d.Rows, c.Bytes+d.Bytes, d.Day
	}
	return s
}
