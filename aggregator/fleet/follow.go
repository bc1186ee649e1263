package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

const (
	// overlap is how much is read again of what was saved before the last look: by the clocks of others, and where a search
	// sees it only a moment later.
	overlap = 2 * time.Minute
	// wholeEvery is how often all documents are read, whatever the clocks say.
	wholeEvery = time.Hour
)

// Follow takes in what other aggregators have written since it was asked before: the notes, and those of the agents too if
// that is asked for. What was read already costs the reading alone.
func (f *Fleet) Follow(ctx context.Context, now time.Time, agents bool) error {
	f.following.Lock()
	defer f.following.Unlock()
	if err := f.each(ctx, f.notes, &f.notesAt, now, f.takeNote); err != nil || !agents {
		return err
	}
	if now.Sub(f.wholeAt) > wholeEvery {
		f.wholeAt, f.agentsAt = now, time.Time{}
	}
	return f.each(ctx, f.docs, &f.agentsAt, now, f.takeDoc)
}

func (f *Fleet) each(ctx context.Context, d Docs, from *time.Time, now time.Time, take func(id string, body []byte) error) error {
	since := *from
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	err := d.Each(ctx, since, func(id string, body []byte, v ledger.Version) error {
		if !f.read(id, v) {
			return nil
		}
		if err := take(id, body); err != nil { // it must not hold up all others
			f.log.Error("document cannot be read", "id", id, "err", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what other aggregators know of the agents: %w", err)
	}
	*from = now
	return nil
}

func (f *Fleet) takeDoc(docID string, body []byte) error {
	name, part, isPart := strings.Cut(docID, ".")
	id, err := event.ParseKey(name)
	if err != nil {
		return err
	}
	if !isPart {
		var d agentDoc
		if err := json.Unmarshal(body, &d); err != nil {
			return err
		}
		return f.takeAgent(id, &d)
	}
	if _, err := strconv.Atoi(part); err != nil {
		return err
	}
	var d partDoc
	if err := json.Unmarshal(body, &d); err != nil {
		return err
	}
	return f.takePart(id, &d)
}

// takeAgent joins the document of an agent.
func (f *Fleet) takeAgent(id event.Key, d *agentDoc) error {
	f.mu.Lock()
	a := f.agents[id]
	if a != nil && a.Name != d.Name { // it was forgotten, and may be another's now
		f.drop(a)
		gone := slices.Collect(maps.Keys(a.streams))
		f.mu.Unlock()
		if err := f.bury(id, gone); err != nil {
			return err
		}
		f.mu.Lock()
		a = f.agents[id]
	}
	defer f.mu.Unlock()
	if d.Name == "" {
		return nil
	}
	if a == nil {
		a = newAgent(id, d.Name)
		f.add(a)
	}
	if d.Agent == nil {
		return nil
	}
	newer := a.join(d.Agent)
	return f.joinStreams(a, d.Streams, newer, func(s, o *stream) {})
}

// joinStreams joins streams of an agent. The caller holds mu.
func (f *Fleet) joinStreams(a *agent, all map[string]*stream, newer bool, also func(s, o *stream)) error {
	for text, o := range all {
		k, err := parseStreamKey(text)
		if err != nil || o == nil {
			return fmt.Errorf("stream %q: %w", text, err)
		}
		s := a.streams[k]
		if s == nil {
			if f.clock.Sub(o.Came) > 2*f.cfg.Retention {
				continue // see Prune
			}
			if s = f.newStream(a, k); s == nil {
				continue
			}
		}
		if s.join(o, newer) {
			s.filed = false
			f.touched[a.position(k)] = struct{}{}
		}
		also(s, o)
	}
	return nil
}

// takePart joins the document of streams that rest.
func (f *Fleet) takePart(id event.Key, d *partDoc) error {
	f.mu.Lock()
	a := f.agents[id]
	if a == nil && len(d.Streams) > 0 {
		a = newAgent(id, d.Name)
		f.add(a)
	}
	var err error
	if a != nil && a.Name == d.Name {
		err = f.joinStreams(a, d.Streams, false, func(s, o *stream) { s.filed = s.same(o) })
	}
	f.mu.Unlock()
	var gone []streamKey
	for _, text := range d.Forgotten {
		if k, err := parseStreamKey(text); err == nil {
			gone = append(gone, k)
		}
	}
	if err != nil || len(gone) == 0 {
		return err
	}
	return f.bury(id, gone)
}

func (f *Fleet) takeNote(id string, body []byte) error {
	kind, rest, _ := strings.Cut(id, ".")
	switch kind {
	case "queue":
		return f.takeQueue(body)
	case "expected":
		return f.takeExpected(body)
	case "say":
		return f.takeSay(rest, body)
	}
	return fmt.Errorf("a note of kind %q", kind)
}

func (f *Fleet) takeQueue(body []byte) error {
	o := new(queue)
	if err := json.Unmarshal(body, o); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue(o.Name).join(o)
	return nil
}

// expectedDoc is the document of the hosts that are expected.
type expectedDoc struct {
	Hosts map[string]*expectation `json:"hosts"`
}

func (f *Fleet) takeExpected(body []byte) error {
	var d expectedDoc
	if err := json.Unmarshal(body, &d); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, x := range d.Hosts {
		if was := f.expected[name]; was != nil && was.Since.Equal(x.Since) {
			x.Told = later(x.Told, was.Told)
		}
	}
	f.expected = d.Hosts
	if f.expected == nil {
		f.expected = make(map[string]*expectation)
	}
	return nil
}
