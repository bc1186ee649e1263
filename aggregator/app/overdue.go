package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/parse"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// overdueEvery is how often the parser is asked for what waits in vain.
const overdueEvery = 5 * time.Second

// owed are the events of the parser's own that are not in the index yet. What could not be written is tried again.
type owed struct {
	mu     sync.Mutex
	events []*event.Event
}

func (o *owed) add(events ...*event.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, events...)
}

func (o *owed) take() []*event.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.events
	o.events = nil
	return all
}

// overdue tells of the operations that have no result, until ctx is done. Those that are open then are found by the next
// process, which remembers their lines.
func (a *Aggregator) overdue(ctx context.Context) error {
	return a.repeat(ctx, chore{
		every: overdueEvery, do: func(ctx context.Context) error {
			a.owed.add(a.pipe.parser.Overdue(time.Now())...)
			return a.tellOwed(ctx)
		},
		level: slog.LevelError, fails: "operations without a result cannot be noted, trying again",
		mended: "operations without a result are noted again",
	})
}

// tellOwed writes each event once, however often it is told: its key is the line that began the operation.
func (a *Aggregator) tellOwed(ctx context.Context) error {
	var mu sync.Mutex
	var faults []error
	var wg sync.WaitGroup
	for _, e := range a.owed.take() {
		if ended, err := a.endedElsewhere(ctx, e); ended {
			continue
		} else if err != nil {
			a.owed.add(e)
			mu.Lock()
			faults = append(faults, err)
			mu.Unlock()
			continue
		}
		wg.Add(1)
		a.tellThen(ctx, []string{e.Get("event.action"), e.Get("ldap.first")}, e, func(err error) {
			defer wg.Done()
			if err != nil {
				a.owed.add(e)
				mu.Lock()
				faults = append(faults, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(faults...)
}

// maxEnds bounds the lines of one operation that are looked at for its result.
const maxEnds = 100

// endedElsewhere reports whether the index has the result of an operation that this aggregator waits for in vain: the
// queue of its host may have gone to another.
func (a *Aggregator) endedElsewhere(ctx context.Context, e *event.Event) (ended bool, err error) {
	if a.shared == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pastPatience)
	defer cancel()
	var all []query.Is
	for _, name := range []string{"agent.id", "host.name", "process.pid", "ldap.connection", "ldap.operation"} {
		if v := e.Get(name); v != "" {
			all = append(all, query.Is{Field: name, Value: v})
		}
	}
	s := index.Search{Span: index.Span{Query: query.All(all...), From: index.TimeOf(e)}, Oldest: true, Limit: maxEnds}
	err = a.index.Search(ctx, s, func(e *event.Event, _ index.Cursor) error {
		ended = ended || e.Has("ldap.result.code")
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look for the result of an operation: %w", err)
	}
	return ended, nil
}

// What the parser is shown of the past when it begins: the last lines before the process ended, be that long ago, and of
// longer than an operation waits for its result. What is older has ended, or is looked up when it goes on.
const (
	rememberSpan     = 15 * time.Minute
	rememberDowntime = 7 * 24 * time.Hour
	rememberPatience = 15 * time.Second
)

// remember shows the parser the last lines of the programs of which it joins lines, so that what was begun before this
// process was is ended as if nothing had happened.
func (a *Aggregator) remember(p *parse.Parser) error {
	x, err := query.Parse("process.name:(" + parse.Joined + ")")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), rememberPatience)
	defer cancel()
	now, lines := time.Now(), 0
	last := now
	newest := index.Search{Span: index.Span{Query: x, From: now.Add(-rememberDowntime), To: now}, Limit: 1}
	if err := a.index.Search(ctx, newest, func(e *event.Event, _ index.Cursor) error { last = index.TimeOf(e); return nil }); err != nil {
		last = now // the search below says what is wrong
	}
	s := index.Search{Span: index.Span{Query: x, From: last.Add(-rememberSpan)}, Oldest: true, Limit: -1}
	err = a.index.Search(ctx, s, func(e *event.Event, _ index.Cursor) error {
		p.Remember(e, now)
		lines++
		return nil
	})
	if err != nil {
		a.log.Warn("not all lines that were begun before are known; they are looked up when they go on", "lines", lines, "err", err)
	}
	return nil
}
