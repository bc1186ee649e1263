package elastic

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// clock gives numbers that grow in the order in which events come, and that no other process gives: the microseconds
// since 2020, no two of one process alike, and then some bits that are the process's own. They fit into 63 bits until
// 2091.
type clock struct {
	last atomic.Uint64 // microseconds
	own  uint64
}

const ownBits = 12

var clockEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *clock) begin() { c.own = rand.Uint64N(1 << ownBits) }

// take returns the first of n numbers, each orderStep behind the one before.
func (c *clock) take(now time.Time, n int) uint64 {
	at := uint64(max(now.Sub(clockEpoch)/time.Microsecond, 0))
	for {
		last := c.last.Load()
		first := max(at, last+1)
		if c.last.CompareAndSwap(last, first+uint64(n)-1) {
			return first<<ownBits | c.own
		}
	}
}

const orderStep = 1 << ownBits
