package elastic

import (
	"context"
	"fmt"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// Get returns the event of an id. Every index is asked for it at once, wherever its time is.
func (x *reader) Get(ctx context.Context, id string, _ time.Time) (*event.Event, error) {
	if err := x.fresh(ctx); err != nil {
		return nil, err
	}
	var found *event.Event
	if id != "" {
		filter := jsonOf(map[string]any{"ids": map[string]any{"values": []string{id}}})
		err := x.scan(ctx, scan{filter: filter, limit: 1}, func(e *event.Event, _ *hit) error { found = e; return nil })
		if err != nil {
			return nil, fmt.Errorf("get event %q: %w", id, err)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: %q", index.ErrNotFound, id)
	}
	return found, nil
}
