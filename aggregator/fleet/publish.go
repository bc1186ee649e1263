package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"belfry/shared/event"
)

// writers is how many documents are written at once.
const writers = 8

// Publish writes what is due of what was learned here into the documents. What was not written is due again.
func (f *Fleet) Publish(ctx context.Context, now time.Time) error {
	f.mu.Lock()
	f.clock = now
	var due []event.Key
	for id, at := range f.unshared {
		if !at.After(now) {
			due = append(due, id)
		}
	}
	f.mu.Unlock()
	if err := errors.Join(f.publishWords(ctx, now), f.publishQueues(ctx, now), f.publishTold(ctx)); err != nil {
		return err
	}
	var mu sync.Mutex
	var faults []error
	var all sync.WaitGroup
	next := make(chan event.Key)
	for range min(writers, len(due)) {
		all.Go(func() {
			for id := range next {
				if err := f.publishAgent(ctx, id, now); err != nil {
					mu.Lock()
					faults = append(faults, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, id := range due {
		next <- id
	}
	close(next)
	all.Wait()
	return errors.Join(faults...)
}

// PublishAll writes all that was learned here, due or not.
func (f *Fleet) PublishAll(ctx context.Context, now time.Time) error {
	f.mu.Lock()
	for id := range f.unshared {
		f.unshared[id] = now
	}
	clear(f.queued)
	f.mu.Unlock()
	return f.Publish(ctx, now)
}

// publishAgent joins an agent and its document.
func (f *Fleet) publishAgent(ctx context.Context, id event.Key, now time.Time) error {
	f.mu.Lock()
	a := f.agents[id]
	delete(f.unshared, id)
	f.mu.Unlock()
	if a == nil {
		return nil
	}
	err := f.fileAll(ctx, a, now)
	if err == nil {
		err = f.update(ctx, f.docs, id.String(), func(body []byte) ([]byte, error) {
			if body != nil {
				var d agentDoc
				if err := json.Unmarshal(body, &d); err != nil {
					return nil, err
				}
				if err := f.takeAgent(id, &d); err != nil {
					return nil, err
				}
			}
			return f.document(id)
		})
	}
	if err != nil {
		f.mu.Lock()
		f.soon(id, 0)
		f.mu.Unlock()
	}
	return err
}

// document returns the document of an agent; nil if there is no such any more.
func (f *Fleet) document(id event.Key) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil {
		return nil, nil
	}
	d := agentDoc{Name: a.Name, Agent: a, Streams: make(map[string]*stream)}
	for k, s := range a.streams {
		if !s.filed {
			d.Streams[k.String()] = s
		}
	}
	return json.Marshal(d)
}

// fileAll writes the streams that rest into documents of their own, so that the agent's stays small.
func (f *Fleet) fileAll(ctx context.Context, a *agent, now time.Time) error {
	var byPart [parts][]streamKey
	f.mu.Lock()
	for k, s := range a.streams {
		if !s.filed && s.rests(now) {
			byPart[k.part()] = append(byPart[k.part()], k)
		}
	}
	f.mu.Unlock()
	for n, keys := range byPart {
		if len(keys) == 0 {
			continue
		}
		if err := f.file(ctx, a, n, keys, now); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) file(ctx context.Context, a *agent, n int, keys []streamKey, now time.Time) error {
	written := make(map[streamKey]stream, len(keys))
	err := f.update(ctx, f.docs, partID(a.id, n), func(body []byte) ([]byte, error) {
		var d partDoc
		if body != nil {
			if err := json.Unmarshal(body, &d); err != nil {
				return nil, err
			}
			if err := f.takePart(a.id, &d); err != nil {
				return nil, err
			}
		}
		if d.Streams == nil {
			d.Streams = make(map[string]*stream)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		d.Name = a.Name
		for text, s := range d.Streams {
			if now.Sub(s.Came) > 2*f.cfg.Retention {
				delete(d.Streams, text)
			}
		}
		for _, k := range keys {
			if s := a.streams[k]; s != nil {
				copied := *s
				copied.Line = slices.Clone(s.Line)
				written[k], d.Streams[k.String()] = copied, &copied
				d.Forgotten = slices.DeleteFunc(d.Forgotten, func(x string) bool { return x == k.String() })
			}
		}
		return json.Marshal(d)
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, w := range written {
		if s := a.streams[k]; s != nil && s.same(&w) {
			s.filed = true
		}
	}
	return nil
}

// publishQueues writes how far the queues are that are consumed here.
func (f *Fleet) publishQueues(ctx context.Context, now time.Time) error {
	f.mu.Lock()
	var due []*queue
	for _, q := range f.queues {
		if f.judges(q) && now.Sub(f.queued[q.Name]) >= shareQueues {
			due = append(due, q)
		}
	}
	f.mu.Unlock()
	for _, q := range due {
		err := f.update(ctx, f.notes, "queue."+q.Name, func(body []byte) ([]byte, error) {
			if body != nil {
				if err := f.takeQueue(body); err != nil {
					return nil, err
				}
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			return json.Marshal(q)
		})
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.queued[q.Name] = now
		f.mu.Unlock()
	}
	return nil
}

// publishTold notes of which expected hosts it was told that they are not there.
func (f *Fleet) publishTold(ctx context.Context) error {
	f.mu.Lock()
	told := f.told
	f.told = false
	f.mu.Unlock()
	if !told {
		return nil
	}
	err := f.update(ctx, f.notes, "expected", func(body []byte) ([]byte, error) {
		if body != nil {
			if err := f.takeExpected(body); err != nil {
				return nil, err
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		return json.Marshal(expectedDoc{f.expected})
	})
	if err != nil {
		f.mu.Lock()
		f.told = true
		f.mu.Unlock()
	}
	return err
}

func (f *Fleet) expectShared(ctx context.Context, names []string, now time.Time) error {
	return f.update(ctx, f.notes, "expected", func(body []byte) ([]byte, error) {
		if body != nil {
			if err := f.takeExpected(body); err != nil {
				return nil, err
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		next := make(map[string]*expectation, len(names))
		for _, name := range names {
			if next[name] = f.expected[name]; next[name] == nil {
				next[name] = &expectation{Since: now}
			}
		}
		f.expected = next
		return json.Marshal(expectedDoc{next})
	})
}
