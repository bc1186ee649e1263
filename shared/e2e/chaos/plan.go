package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// kind is a kind of fault.
type kind string

// The kinds. What "hold" does to a wire, see stack.Link.
const (
	killAgent         kind = "kill -9 agent"
	killAggregator    kind = "kill -9 aggregator"
	killBroker        kind = "kill -9 broker"
	killBoth          kind = "kill -9 agent and aggregator"
	pauseAgent        kind = "stop agent (SIGSTOP)"
	pauseAggregator   kind = "stop aggregator (SIGSTOP)"
	pauseBroker       kind = "stop broker (SIGSTOP)"
	restartAgent      kind = "restart agent"
	restartAggregator kind = "restart aggregator"
	restartBroker     kind = "restart broker"
	fullQueues        kind = "queues full: batches are nacked"
	unbound           kind = "slot unbound: batches are returned"
	cutAgent          kind = "cut agent's connection"
	cutAggregator     kind = "cut aggregator's connections"
	holdAgent         kind = "hold agent's wire"
	holdAggregator    kind = "hold aggregator's wires"
	memoryAlarm       kind = "memory alarm"
	diskAlarm         kind = "disk alarm"
	killElastic       kind = "kill -9 Elasticsearch"
	pauseElastic      kind = "stop Elasticsearch (SIGSTOP)"
	restartElastic    kind = "restart Elasticsearch"
)

// kinds lists those without an Elasticsearch, in an order that is part of what a seed means.
var kinds = []kind{
	killAgent, killAggregator, killBroker, killBoth, pauseAgent, pauseAggregator, pauseBroker, restartAgent,
	restartAggregator, restartBroker, fullQueues, unbound, cutAgent, cutAggregator, holdAgent, holdAggregator,
	memoryAlarm, diskAlarm,
}

// elasticKinds are those of an Elasticsearch.
var elasticKinds = []kind{killElastic, pauseElastic, restartElastic}

// cast is who a plan is for.
type cast struct{ agents, aggregators, nodes int }

func (c cast) kinds() []kind {
	if c.nodes == 0 {
		return kinds
	}
	return slices.Concat(kinds, elasticKinds)
}

// fault is one entry of the plan.
type fault struct {
	at     time.Duration // since the beginning; later if another fault has what it needs
	kind   kind
	agent  int           // which one, where the kind means one
	other  int           // likewise, of the aggregators or the nodes of an Elasticsearch
	length time.Duration // how long it lasts, or the dead stay dead
	sides  sides         // of a wire that is held
	cut    bool          // a held wire is cut at the end, instead of being freed
}

// sides says whose words a held wire keeps.
type sides int

const (
	clientSide sides = iota
	serverSide
	bothSides
)

func (s sides) String() string { return [...]string{"client", "server", "both sides"}[s] }

// Bounds of the plan.
const (
	usualGap  = 4 * time.Second // between the beginnings of two faults, on average
	shortest  = 300 * time.Millisecond
	usualEnd  = 4 * time.Second  // no usual fault is longer
	longEnd   = 50 * time.Second // nor a long one: long enough for heartbeats, timeouts and back-offs
	longFrom  = 4 * time.Minute  // of a run that has long faults
	longEvery = 10               // one of so many is a long one
)

// plan draws the faults of a run from its seed: first every kind once, in a random order, then kinds at random. The
// same seed, length and cast make the same plan.
func plan(seed uint64, length time.Duration, c cast) []fault {
	rnd := rand.New(rand.NewPCG(seed, 1))
	kinds := c.kinds()
	gap := min(usualGap, length*9/10/time.Duration(len(kinds)))
	var all []fault
	for at := gap / 2; at < length; at += gap/2 + time.Duration(rnd.Int64N(int64(gap))) {
		all = append(all, fault{at: at})
	}
	for len(all) < len(kinds) {
		all = append(all, fault{at: length})
	}
	for i, k := range order(rnd, kinds, len(all)) {
		f := &all[i]
		f.kind, f.agent = k, rnd.IntN(c.agents)
		f.length = shortest + time.Duration(rnd.Int64N(int64(usualEnd-shortest)))
		if rnd.IntN(longEvery) == 0 && length >= longFrom {
			f.length = time.Duration(rnd.Int64N(int64(longEnd)))
		}
		f.sides, f.cut = sides(rnd.IntN(3)), rnd.IntN(2) == 0
		f.other = c.other(rnd, k)
	}
	return all
}

// other draws which aggregator or node is meant, where there are several.
func (c cast) other(rnd *rand.Rand, k kind) int {
	n := c.aggregators
	if slices.Contains(elasticKinds, k) {
		n = c.nodes
	}
	if n < 2 {
		return 0
	}
	return rnd.IntN(n)
}

// order draws n kinds, the first of them being all that there are.
func order(rnd *rand.Rand, kinds []kind, n int) []kind {
	var all []kind
	for _, i := range rnd.Perm(len(kinds)) {
		all = append(all, kinds[i])
	}
	for len(all) < n {
		all = append(all, kinds[rnd.IntN(len(kinds))])
	}
	return all
}
