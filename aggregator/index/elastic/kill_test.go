package elastic

import (
	"sync"
	"testing"

	"belfry/aggregator/index"
	"belfry/shared/e2e/stack"
)

// A node that is killed while it is written to, and starts again, has all that was answered, once.
func TestKilledNode(t *testing.T) {
	if testing.Short() {
		t.Skip("a node of its own")
	}
	node := stack.OpenElastic(t, stack.ElasticConfig{})
	o := open(t, Config{Nodes: node.URLs}, Hooks{})
	s := newStream("killed")
	const writes, each = 80, 50
	var mu sync.Mutex
	var positions []uint64
	var answers sync.WaitGroup
	put := func(first, end uint64) {
		for n := first; n < end; n++ {
			answers.Add(1)
			o.Write(t.Context(), s.write(n*each, (n+1)*each), func(r index.Result, err error) {
				defer answers.Done()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				positions = append(positions, r.Position)
			})
		}
	}
	put(0, writes/2)
	node.Kill(0)
	put(writes/2, writes)
	until(t, "the breaker", func() bool { return o.c.breaker.open() != nil })
	if err := node.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	answers.Wait()
	once(t, o.ids(t), s, writes*each)
	once(t, o.watched(), s, writes*each)
	for i, at := range positions {
		if at != uint64(i+1) {
			t.Fatalf("answered in the order %v", positions)
		}
	}
}
