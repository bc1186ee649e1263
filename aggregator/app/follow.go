package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"belfry/shared/event"
)

// Between a search and what follows there is neither a gap nor a double: the tail is opened first, and read from then on;
// what the search has shown, the tail does not show again. The bounds are of memory.
const (
	maxHeld = 100_000   // events that came while the search was going on
	maxSeen = 1 << 20   // ids of those that the search has shown, the last ones
	maxTurn = 1_000_000 // of --limit: these are held to be turned round
)

// tailed is an event that a tail has brought.
type tailed struct {
	line   []byte
	missed string
}

// follow prints what there is, oldest first, and then what comes.
func (s searchCmd) follow(ctx context.Context, c *CLI, v url.Values) error {
	if s.Limit > maxTurn {
		return fmt.Errorf("--follow shows at most %d of what there is; --limit 0 shows all", maxTurn)
	}
	body, err := c.ask(ctx, "/v1/tail", url.Values{"q": v["q"]})
	if err != nil {
		return err
	}
	defer body.Close()
	held := make(chan tailed, maxHeld)
	ended := make(chan error, 1)
	go func() {
		err := eachTail(body, func(line []byte, missed string) error {
			select {
			case held <- tailed{slices.Clone(line), missed}:
				return nil
			default:
				return errors.New("more events come than can be shown: ask for less")
			}
		})
		close(held)
		ended <- err
	}()
	out := bufio.NewWriter(c.out())
	p := s.printer(out, c.screen(s.Color), wordsOf(s.text()))
	seen := &idSet{most: maxSeen, ids: make(map[event.Key]struct{})}
	if err := s.before(ctx, c, v, out, p, seen); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var dec event.Decoder
	for t := range held {
		if t.missed != "" {
			tellMissed(c, t.missed)
			continue
		}
		e, err := dec.Decode(t.line)
		if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		if seen.has(e) {
			continue
		}
		if err := errors.Join(p.event(t.line, e), p.flush(), out.Flush()); err != nil {
			return err
		}
	}
	return tailEnd(ctx, <-ended)
}

// before prints what there is.
func (s searchCmd) before(ctx context.Context, c *CLI, v url.Values, out *bufio.Writer, p printer, seen *idSet) error {
	type kept struct {
		line []byte
		e    *event.Event
	}
	var turned []kept
	v.Del("order")
	if s.Limit == 0 {
		v.Set("order", "oldest")
	}
	_, err := c.search(ctx, v, out, func(line []byte, e *event.Event) error {
		seen.add(e)
		if s.Limit == 0 {
			return p.event(line, e)
		}
		turned = append(turned, kept{slices.Clone(line), e})
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range slices.Backward(turned) {
		if err := p.event(k.line, k.e); err != nil {
			return err
		}
	}
	return errors.Join(p.flush(), out.Flush())
}

// idSet holds the last ids that were added, as many as it may.
type idSet struct {
	most  int
	ids   map[event.Key]struct{}
	order []event.Key // a ring, when it is full
	next  int
}

// idOf returns the id of an event; one that a sender has named may be no key.
func idOf(e *event.Event) event.Key {
	id := e.Get("event.id")
	if k, err := event.ParseKey(id); err == nil {
		return k
	}
	return event.HashKey(id)
}

func (s *idSet) add(e *event.Event) {
	if e.Get("event.id") == "" || old(e) {
		return
	}
	id := idOf(e)
	if _, known := s.ids[id]; known {
		return
	}
	s.ids[id] = struct{}{}
	if len(s.order) < s.most {
		s.order = append(s.order, id)
		return
	}
	delete(s.ids, s.order[s.next])
	s.order[s.next] = id
	s.next = (s.next + 1) % s.most
}

// longAgo is when what was received cannot be on its way into the index any more, whatever the clocks.
const longAgo = 24 * time.Hour

func old(e *event.Event) bool {
	t, err := time.Parse(time.RFC3339Nano, e.Get("event.ingested"))
	return err == nil && time.Since(t) > longAgo
}

func (s *idSet) has(e *event.Event) bool {
	if e.Get("event.id") == "" {
		return false
	}
	_, known := s.ids[idOf(e)]
	return known
}
