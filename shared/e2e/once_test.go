package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
	"belfry/shared/heartbeat"
)

const (
	burst     = 50      // numbered lines at once
	flood     = 150_000 // of them
	late      = 3       // lines that a daemon still writes into a file that was renamed
	lostTries = 10      // to catch a batch between its arrival and its confirm
)

// TestExactlyOnce writes numbered lines while the file is rotated and compressed under the agent, and while the agent
// and the aggregator are killed by SIGKILL: each once in the moment after a batch was indexed and before its confirm
// was heard, so that it is sent again, and both once in the middle of the stream. Each number must be found once.
func TestExactlyOnce(t *testing.T) {
	f := func(name string, broker bool) {
		t.Run(name, func(t *testing.T) {
			o := once{t, open(t, stack.RoadConfig{Broker: broker, Links: true})}
			o.rotated()
			o.agentKilled()
			o.aggregatorKilled()
			o.bothKilled()
			o.flooded()
			o.count()
			o.audited()
		})
	}
	f("https", false)
	f("broker", true)
}

type once struct {
	*testing.T
	*stack.Road
}

func (o once) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// write appends numbered lines at once and returns the last number.
func (o once) write(n int) int {
	o.Helper()
	for range n {
		o.must(o.Feeder.Number())
	}
	return o.Feeder.Numbers()
}

// keepWriting appends numbered lines until the function that it returns is called.
func (o once) keepWriting() (stop func()) {
	ctx, cancel := context.WithCancel(o.Context())
	done := make(chan error)
	go func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := o.Feeder.Number(); err != nil {
				done <- err
				return
			}
			<-tick.C
		}
		done <- nil
	}()
	return func() {
		cancel()
		o.must(<-done)
	}
}

// found asks the index for one number.
func (o once) found(n int) func(context.Context) error {
	return func(ctx context.Context) error {
		events, err := o.Aggregator.Search(ctx, fmt.Sprintf(`process.name:%s AND "number %d"`, stack.Program, n))
		if err == nil && len(events) == 0 {
			err = fmt.Errorf("number %d is not in the index", n)
		}
		return err
	}
}

// allFound waits for the last number that was written.
func (o once) allFound(when string) {
	o.Helper()
	until(o.T, when, o.found(o.Feeder.Numbers()))
}

func (o once) rotated() {
	stop := o.keepWriting()
	o.write(1) // there is a last line
	for range 2 {
		o.allFound("before the rotation")
		o.must(o.Feeder.Rotate(o.Context(), late))
	}
	stop()
	o.allFound("after the rotations")
}

// unheard writes a batch that is indexed while side of a link is held, so that nobody hears of it.
func (o once) unheard(link *stack.Link, side stack.Side) {
	o.Helper()
	for range lostTries {
		link.Hold(side)
		ctx, cancel := context.WithTimeout(o.Context(), 5*time.Second)
		err := attempt(ctx, o.found(o.write(burst)))
		cancel()
		if err == nil {
			return
		}
		link.Free(side) // the answer to an earlier batch was held, and the agent waits for it
		o.allFound("after the hold")
	}
	o.Fatalf("no batch was indexed in %d tries with the answers held", lostTries)
}

func (o once) agentKilled() {
	o.unheard(o.AgentLink, stack.Server)
	o.Agent.Kill()
	o.AgentLink.Free(stack.Server)
	o.write(burst)
	o.must(o.Feeder.Rotate(o.Context(), late))
	o.write(burst)
	o.must(o.Agent.Start(o.Context()))
	o.allFound("after the agent's death")
}

func (o once) aggregatorKilled() {
	link, side := o.AgentLink, stack.Server
	if o.IndexLink != nil {
		link, side = o.IndexLink, stack.Client
	}
	o.unheard(link, side)
	o.Aggregator.Kill()
	link.Free(side)
	o.write(burst)
	o.must(o.Feeder.Rotate(o.Context(), late))
	o.must(o.Aggregator.Start(o.Context()))
	o.allFound("after the aggregator's death")
}

func (o once) bothKilled() {
	stop := o.keepWriting()
	o.allFound("before the last kill")
	o.Aggregator.Kill()
	o.Agent.Kill()
	o.must(o.Feeder.Rotate(o.Context(), late))
	o.must(errors.Join(o.Agent.Start(o.Context()), o.Aggregator.Start(o.Context())))
	o.must(o.Feeder.Rotate(o.Context(), late))
	o.allFound("after both died")
	stop()
	o.allFound("at the end")
}

// flooded kills both while there is much on the way: more than an index keeps in memory.
func (o once) flooded() {
	o.write(flood)
	until(o.T, "a part of the flood", o.found(o.Feeder.Numbers()-flood/2))
	o.Agent.Kill()
	o.must(o.Agent.Start(o.Context()))
	o.allFound("after the flood")
	o.Aggregator.Kill()
	o.must(o.Aggregator.Start(o.Context()))
}

// count looks at every number. One more line goes before it: what the broker still held of the earlier ones, it
// delivered before that one.
func (o once) count() {
	o.write(1)
	o.allFound("the last line")
	events, err := o.Aggregator.Search(o.Context(), "process.name:"+stack.Program)
	o.must(err)
	times := map[int]int{}
	for _, e := range events {
		n, ok := stack.NumberOf(e.Get("event.original"))
		if !ok {
			o.Errorf("not a numbered line: %q", e.Get("event.original"))
		}
		times[n]++
	}
	lost, twice := 0, 0
	for n := 1; n <= o.Feeder.Numbers(); n++ {
		switch times[n] {
		case 1:
		case 0:
			lost++
			o.Logf("number %d is lost", n)
		default:
			twice++
			o.Logf("number %d is there %d times", n, times[n])
		}
	}
	if lost > 0 || twice > 0 {
		o.Errorf("of %d lines %d are lost and %d are there more than once", o.Feeder.Numbers(), lost, twice)
	}
	doubts, err := o.Aggregator.Search(o.Context(), "event.action:file-in-doubt AND event.dataset:"+heartbeat.Doubt)
	o.must(err)
	if len(doubts) != 1 {
		o.Errorf("%d doubts are told, want the one that there was no state", len(doubts))
		for _, d := range doubts {
			o.Log(d.Get("message"))
		}
	}
	o.Logf("measured: %d lines through 3 kills each and %d rotations, each found once",
		o.Feeder.Numbers(), o.Feeder.Rotations())
}
