package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/ledger"
)

// ledgerStore keeps the ledger's documents: a ledger.Store. The document of an agent has its id, that of a position which
// has ended AGENT-STREAM-EPOCH. It remembers what it wrote last, so that the usual case, that nobody else did, is one
// request.
type ledgerStore struct {
	docs      *docs
	conflicts *metrics.Counter // that others had written in between

	mu    sync.Mutex
	known map[ledger.Name]knownDoc
}

var _ ledger.Store = (*ledgerStore)(nil)

type knownDoc struct {
	document []byte
	version  ledger.Version
}

// maxKnownDocs bounds what is remembered.
const maxKnownDocs = 4096

// ledgerBody is a document: a snapshot of package ledger.
type ledgerBody struct {
	Snapshot []byte `json:"snapshot"` // in base64
}

// Load is ledger.Store's.
func (s *ledgerStore) Load(ctx context.Context, n ledger.Name) (document []byte, v ledger.Version, err error) {
	s.mu.Lock()
	k, ok := s.known[n]
	s.mu.Unlock()
	if ok {
		return k.document, k.version, nil
	}
	body, v, err := s.docs.Load(ctx, n.String())
	if err != nil || body == nil {
		return nil, v, err
	}
	document, err = snapshotOf(body)
	if err != nil {
		return nil, v, fmt.Errorf("ledger document %s: %w", n.String(), err)
	}
	return document, v, nil
}

func snapshotOf(body []byte) ([]byte, error) {
	var b ledgerBody
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	if len(b.Snapshot) == 0 {
		return nil, errors.New("it has no snapshot")
	}
	return b.Snapshot, nil
}

// Save is ledger.Store's.
func (s *ledgerStore) Save(ctx context.Context, n ledger.Name, document []byte, v ledger.Version) error {
	body, err := json.Marshal(ledgerBody{document})
	if err != nil {
		return fmt.Errorf("write ledger document %s: %w", n.String(), err)
	}
	next, err := s.docs.save(ctx, n.String(), body, v)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, ledger.ErrConflict) {
		s.conflicts.Inc()
	}
	if err != nil {
		delete(s.known, n) // whatever is there now, it is not what was known
		return err
	}
	if s.known == nil || len(s.known) >= maxKnownDocs {
		s.known = make(map[ledger.Name]knownDoc)
	}
	s.known[n] = knownDoc{document, next}
	return nil
}

// Names is ledger.Store's.
func (s *ledgerStore) Names(ctx context.Context, fn func(ledger.Name) error) error {
	if err := s.docs.refresh(ctx); err != nil {
		return err
	}
	return s.docs.Each(ctx, time.Time{}, func(id string, _ []byte, _ ledger.Version) error {
		n, err := ledger.ParseName(id)
		if err != nil {
			return fmt.Errorf("index %s: document %q: %w", s.docs.name, id, err)
		}
		return fn(n)
	})
}

// join adds to a ledger what the documents say that were saved since a time, by whomever; zero: all.
func (s *ledgerStore) join(ctx context.Context, l *ledger.Ledger, since time.Time) error {
	return s.docs.Each(ctx, since, func(id string, body []byte, _ ledger.Version) error {
		document, err := snapshotOf(body)
		if err != nil {
			return fmt.Errorf("ledger document %s: %w", id, err)
		}
		read := ledger.New()
		if err := read.Unmarshal(document); err != nil {
			return fmt.Errorf("ledger document %s: %w", id, err)
		}
		return l.Join(read)
	})
}
