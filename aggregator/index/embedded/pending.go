package embedded

import (
	"context"
	"fmt"

	"belfry/aggregator/index"
)

var errNotYet = fmt.Errorf("%w: not built yet", index.ErrRefused)

// Erase removes events.
func (x *Index) Erase(context.Context, index.Search, func(uint64)) (uint64, error) {
	return 0, errNotYet
}
