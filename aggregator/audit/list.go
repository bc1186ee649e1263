package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// ErrNoReason says that a gap was to be accepted without a word.
var ErrNoReason = errors.New("a reason must be given")

// ErrNoGap says that no gap is meant by an id, or more than one.
var ErrNoGap = errors.New("no such gap")

// Accept notes that somebody has taken note of a gap and says why it is no trouble: it counts no more. The id may be cut
// short as long as one gap alone is meant.
func (t *Tracker) Accept(ctx context.Context, id, by, why string, now time.Time) (Gap, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.docs != nil {
		if err := t.follow(ctx, now); err != nil {
			return Gap{}, err
		}
	}
	g, err := t.find(id)
	if err != nil {
		return Gap{}, err
	}
	if strings.TrimSpace(why) == "" {
		return Gap{}, ErrNoReason
	}
	accept := func(next *Gap) { next.State, next.By, next.Why, next.When = Accepted, by, why, now }
	if t.docs != nil {
		return t.acceptShared(ctx, g.ID, now, accept)
	}
	next := *g
	accept(&next)
	if err := t.fleet.DB().Write([]fleet.Put{next.put()}, []*event.Event{next.event(now, "gap-accepted")}); err != nil {
		return Gap{}, err
	}
	*g = next
	return next, nil
}

func (t *Tracker) find(id string) (*Gap, error) {
	if g := t.gaps[id]; g != nil {
		return g, nil
	}
	var found *Gap
	for _, g := range t.gaps {
		if id == "" || !strings.HasPrefix(g.ID, id) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: %q is the beginning of several ids", ErrNoGap, id)
		}
		found = g
	}
	if found == nil {
		return nil, fmt.Errorf("%w: %q (belfry gaps lists them)", ErrNoGap, id)
	}
	return found, nil
}

// Gaps returns the gaps that are open and not accepted, by host, path and place; with all, the others as well.
func (t *Tracker) Gaps(ctx context.Context, all bool) (list []Gap, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list = []Gap{} // an empty list in JSON
	switch {
	case all && t.docs != nil:
		list, err = t.sharedGaps(ctx)
	case all:
		err = t.fleet.DB().Each(fleet.BucketGaps, func(k, v []byte) error {
			var g Gap
			if err := json.Unmarshal(v, &g); err != nil {
				return fmt.Errorf("gap %s: %w", k, err)
			}
			list = append(list, g)
			return nil
		})
	default:
		for _, g := range t.gaps {
			if g.State == Open {
				list = append(list, *g)
			}
		}
	}
	slices.SortFunc(list, func(x, y Gap) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Path, y.Path), cmp.Compare(x.Stream.String(), y.Stream.String()),
			cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.First, y.First))
	})
	return list, err
}

// sharedGaps returns the gaps of all documents. One that is written meanwhile may be found twice: the newer one counts.
func (t *Tracker) sharedGaps(ctx context.Context) ([]Gap, error) {
	all := make(map[string]Gap)
	err := t.docs.Each(ctx, time.Time{}, func(id string, body []byte, _ ledger.Version) error {
		d, err := readGap(id, body)
		if err != nil { // it must not hide all others
			t.log.Error("gap cannot be read", "id", id, "err", err)
			return nil
		}
		if old, ok := all[d.Gap.ID]; !ok || old.Rev < d.Gap.Rev {
			all[d.Gap.ID] = *d.Gap
		}
		return nil
	})
	return slices.AppendSeq([]Gap{}, maps.Values(all)), err
}

// of returns copies of the gaps of a position, in order.
func (t *Tracker) of(p ledger.Position) (list []Gap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if pl := t.places[p]; pl != nil {
		for _, g := range pl.gaps {
			list = append(list, *g)
		}
	}
	slices.SortFunc(list, func(x, y Gap) int { return cmp.Compare(x.First, y.First) })
	return list
}

// OpenGaps counts, for each agent, the gaps that are open and not accepted.
func (t *Tracker) OpenGaps() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]int)
	for _, g := range t.gaps {
		if g.State == Open {
			all[g.Agent.String()]++
		}
	}
	return all
}
