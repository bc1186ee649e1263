package index

import (
	"context"
	"time"

	"belfry/aggregator/ledger"
)

// Docs keeps small documents that several aggregators read and write, as an engine on servers has them beside the
// events. All that is written is durable, and seen by Load at once; by Each a moment later. It is safe for concurrent use.
type Docs interface {
	// Load returns a document and its version; nil and the zero version if there is none.
	Load(ctx context.Context, id string) (body []byte, v ledger.Version, err error)
	// Save replaces a document, a JSON object, that is in this version; the zero version makes one that is not there.
	// ledger.ErrConflict says that it is in another: read it again, unite, and save again.
	Save(ctx context.Context, id string, body []byte, v ledger.Version) error
	// Remove deletes a document in this version, or says ledger.ErrConflict.
	Remove(ctx context.Context, id string, v ledger.Version) error
	// Each calls fn for every document that was saved at since or later, by the clock of who saved it, in no order;
	// zero: all. It ends with the first error of fn.
	Each(ctx context.Context, since time.Time, fn func(id string, body []byte, v ledger.Version) error) error
}
