package elastic

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"belfry/aggregator/ledger"
)

// overlap is how much of what was saved before is read again when the ledger catches up: by the clocks of others, and where a
// search sees it only a moment later.
const overlap = 2 * time.Minute

// catching is how far the ledger has read what others wrote.
type catching struct {
	mu       sync.Mutex
	from     time.Time
	versions map[string]ledger.Version // of the documents that were read
}

// CatchUp adds to the ledger what other aggregators have written since it was asked before, and returns the positions of which
// more is known by that.
func (x *Index) CatchUp(ctx context.Context, now time.Time) (grown []ledger.Position, err error) {
	c := &x.catching
	c.mu.Lock()
	defer c.mu.Unlock()
	since := c.from
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	err = x.store.docs.Each(ctx, since, func(id string, body []byte, v ledger.Version) error {
		if !c.newer(id, v) {
			return nil
		}
		more, err := x.readDoc(id, body)
		grown = append(grown, more...)
		return err
	})
	if err != nil {
		return grown, err
	}
	c.from = now
	return grown, nil
}

// newer notes the version of a document, and reports whether it is newer than the one that was read before.
func (c *catching) newer(id string, v ledger.Version) bool {
	old, known := c.versions[id]
	if known && cmp.Or(cmp.Compare(v.Term, old.Term), cmp.Compare(v.Seq, old.Seq)) <= 0 {
		return false
	}
	if c.versions == nil {
		c.versions = make(map[string]ledger.Version)
	}
	c.versions[id] = v
	return true
}

// Read adds to the ledger what the documents have of a position now.
func (x *Index) Read(ctx context.Context, p ledger.Position) error {
	for _, id := range []string{ledger.Name{Agent: p.Agent}.String(), p.Of().String()} {
		body, _, err := x.store.docs.Load(ctx, id)
		if err == nil && body != nil {
			_, err = x.readDoc(id, body)
		}
		if err != nil {
			return fmt.Errorf("read the ledger of agent %s: %w", p.Agent, err)
		}
	}
	return nil
}

func (x *Index) readDoc(id string, body []byte) (grown []ledger.Position, err error) {
	document, err := snapshotOf(body)
	read := ledger.New()
	if err == nil {
		err = read.Unmarshal(document)
	}
	if err == nil {
		grown, err = x.ledger.Grow(read)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger document %s: %w", id, err)
	}
	return grown, nil
}
