package elastic

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// refresher makes what was written visible to searches. A question waits for a refresh that began after it, so that it
// sees every Write that was answered before, by whichever aggregator; questions that come at the same time share one.
// Refreshing takes no more than a part of the time: see refreshRest.
type refresher struct {
	do func() error // one refresh

	mu   sync.Mutex
	next *refresh  // that nobody has begun
	rest time.Time // when the next one may begin
}

// refresh is one for all who wait for it.
type refresh struct {
	done chan struct{}
	err  error
}

// refreshRest is how long the servers are left alone after a refresh, in times of what it took, but no longer than
// mostRest: many small refreshes make many small segments.
const (
	refreshRest = 3
	mostRest    = time.Second
)

// wait returns when a refresh that began later is over.
func (r *refresher) wait(ctx context.Context) error {
	r.mu.Lock()
	mine := r.next
	if mine == nil {
		mine = &refresh{done: make(chan struct{})}
		r.next = mine
		go r.run(mine, time.Until(r.rest)) // it is not of this question alone
	}
	r.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *refresher) run(mine *refresh, pause time.Duration) {
	if pause > 0 {
		time.Sleep(pause)
	}
	r.mu.Lock()
	r.next = nil // who comes now needs another one
	r.mu.Unlock()
	begin := time.Now()
	mine.err = r.do()
	r.mu.Lock()
	r.rest = time.Now().Add(min(refreshRest*time.Since(begin), mostRest))
	r.mu.Unlock()
	close(mine.done)
}

// refreshAll asks the servers to show what they have, of all indices behind the alias. A server waits for a shard that
// no node has for longer than anybody who asks.
func (x *reader) refreshAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), x.patience)
	defer cancel()
	err := x.patient(ctx, func() error {
		var a struct {
			Shards shards `json:"_shards"`
		}
		if err := x.ask(ctx, http.MethodPost, "/"+x.where("")+"/_refresh", nil, &a); err != nil {
			return err
		}
		return a.Shards.err()
	})
	switch {
	case err == nil, isNoIndex(err): // nothing was written yet
		return nil
	case ctx.Err() != nil:
		err = away(err)
	}
	return fmt.Errorf("show what was written: %w", err)
}
