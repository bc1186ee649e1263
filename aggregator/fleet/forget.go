package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"belfry/aggregator/ledger"
)

// forgetShared is Forget where several aggregators share the documents: the others learn of it by these.
func (f *Fleet) forgetShared(ctx context.Context, name string, now time.Time) (ids int, known bool, err error) {
	if err := f.Follow(ctx, now, true); err != nil {
		return 0, false, err
	}
	if known, err = f.expectNoMore(ctx, name); err != nil {
		return 0, known, err
	}
	f.mu.Lock()
	var gone []*agent
	for _, a := range f.agents {
		if a.Name == name || slices.Contains(names(a.Name), name) {
			gone = append(gone, a)
		}
	}
	f.mu.Unlock()
	for _, a := range gone {
		if err := f.forgetAgent(ctx, a); err != nil {
			return ids, true, err
		}
		ids++
	}
	if ids == 0 && !known {
		return 0, false, nil
	}
	said := Say(now, "belfry.silence", "host-forgotten", fmt.Sprintf("%s is not a host of this fleet any more", name))
	said.Set("host.name", name)
	f.mu.Lock()
	f.says = append(f.says, word{event: said, key: []string{"host-forgotten", name, stampKey(now)}})
	f.mu.Unlock()
	return ids, true, f.publishWords(ctx, now)
}

func (f *Fleet) expectNoMore(ctx context.Context, name string) (known bool, err error) {
	err = f.update(ctx, f.notes, "expected", func(body []byte) ([]byte, error) {
		if body == nil {
			return nil, nil
		}
		if err := f.takeExpected(body); err != nil {
			return nil, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.expected[name] == nil {
			return nil, nil
		}
		known = true
		delete(f.expected, name)
		return json.Marshal(expectedDoc{f.expected})
	})
	return known, err
}

// forgetAgent leaves of an agent which streams are judged no more. These go first: were the process to end then, the id would
// still be known.
func (f *Fleet) forgetAgent(ctx context.Context, a *agent) error {
	f.mu.Lock()
	all := slices.Collect(maps.Keys(a.streams))
	f.mu.Unlock()
	for n := range parts {
		if err := f.update(ctx, f.docs, partID(a.id, n), func(body []byte) ([]byte, error) { return forgottenPart(body, a, n, all) }); err != nil {
			return err
		}
	}
	if err := f.bury(a.id, all); err != nil {
		return err
	}
	return f.update(ctx, f.docs, a.id.String(), func(body []byte) ([]byte, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.agents[a.id] == a {
			f.drop(a)
		}
		return json.Marshal(agentDoc{})
	})
}

// forgottenPart is a document of streams that rest when these, and others of its part, are forgotten.
func forgottenPart(body []byte, a *agent, n int, all []streamKey) ([]byte, error) {
	var d partDoc
	if body != nil {
		if err := json.Unmarshal(body, &d); err != nil {
			return nil, err
		}
	}
	gone := make(map[string]bool)
	for _, text := range d.Forgotten {
		gone[text] = true
	}
	for text := range d.Streams {
		gone[text] = true
	}
	for _, k := range all {
		if k.part() == n {
			gone[k.String()] = true
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return json.Marshal(partDoc{Name: a.Name, Forgotten: slices.Sorted(maps.Keys(gone))})
}

// Forgotten reports whether a position is judged no more because its host was forgotten, or because nothing was heard of it
// for long.
func (f *Fleet) Forgotten(p ledger.Position) bool { return f.db.has(bucketForgotten, PositionKey(p)) }
