package embedded

import (
	"context"
	"fmt"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

var errNotYet = fmt.Errorf("%w: not built yet", index.ErrRefused)

// Count counts events over time.
func (x *Index) Count(context.Context, index.Count) ([]index.Bucket, error) { return nil, errNotYet }

// Top counts the values of a field.
func (x *Index) Top(context.Context, index.Top) (index.TopResult, error) {
	return index.TopResult{}, errNotYet
}

// Fields returns the names of fields.
func (x *Index) Fields(context.Context, index.Span) ([]index.Field, error) { return nil, errNotYet }

// Get returns the event of an id.
func (x *Index) Get(context.Context, string, time.Time) (*event.Event, error) { return nil, errNotYet }

// Erase removes events.
func (x *Index) Erase(context.Context, index.Search, func(uint64)) (uint64, error) {
	return 0, errNotYet
}
