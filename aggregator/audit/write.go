package audit

import (
	"context"
	"errors"
	"time"

	"belfry/aggregator/fleet"
	"belfry/shared/event"
)

// changes is what is to be written in one transaction.
type changes struct {
	gaps map[string]*Gap // by their ids
	says []said
	puts []fleet.Put
}

// said is what is said of a gap.
type said struct {
	gap   *Gap
	event *event.Event
}

func (c *changes) say(g *Gap, e *event.Event) { c.says = append(c.says, said{g, e}) }

func (t *Tracker) write(ctx context.Context, now time.Time, c *changes) error {
	if t.docs != nil {
		return errors.Join(t.writeShared(ctx, now, c), t.fleet.DB().Write(c.puts, nil))
	}
	for _, g := range c.gaps {
		c.puts = append(c.puts, g.put())
	}
	says := make([]*event.Event, len(c.says))
	for i, s := range c.says {
		says[i] = s.event
	}
	return t.fleet.DB().Write(c.puts, says)
}
