// Package index says what an index is asked. The engines are packages below it; all of them answer alike.
package index

import (
	"time"

	"belfry/aggregator/query"
)

// DefaultLimit is the number of events that a search returns when it does not say how many.
const DefaultLimit = 1000

// Search asks for events. They come in the order of @timestamp, the newest first; those of one time come in the order
// in which they reached the index, the last first.
type Search struct {
	Query  *query.Expr // nil: every event
	From   time.Time   // the first @timestamp to return; zero: from the beginning
	To     time.Time   // the first @timestamp that is too late; zero: to the end
	Limit  int         // return no more than this; 0: DefaultLimit; negative: no limit
	Oldest bool        // the other way round: the oldest first
}
