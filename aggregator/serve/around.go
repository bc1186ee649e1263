package serve

import (
	"context"
	"errors"

	"belfry/aggregator/index"
)

// around returns an event with the lines before and after it in its file. One of which nobody knows where it stood is
// alone.
func (a *API) around(ctx context.Context, want wantedID, before, after int) (group, error) {
	e, err := a.index.Get(ctx, want.id, want.near)
	if err != nil {
		return group{}, err
	}
	earlier, later, err := index.Around(ctx, a.index, e, before, after)
	if err != nil && !errors.Is(err, index.ErrQuestion) {
		return group{}, err
	}
	g := group{ID: want.id, At: len(earlier)}
	for _, e := range append(append(earlier, e), later...) {
		g.Events = append(g.Events, e.AppendJSON(nil))
	}
	return g, nil
}
