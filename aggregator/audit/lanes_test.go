package audit

import (
	"context"
	"testing"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// street is the queue of the relay's lane 1; lane is that of its lane 0.
const street = "belfry.events.01"

// laneTown is a town with a relay, and a stream of its lane 1.
type laneTown struct {
	*town
	t    *testing.T
	end  uint64 // of the stream, as the heartbeats say
	mark uint64 // before it all was confirmed, as they say
	path string // as they call it
}

var relayed = ledger.Position{Agent: watched.Agent, Stream: event.HashKey("relayed"), Epoch: 5}

func newLaneTown(t *testing.T) *laneTown {
	w := &laneTown{town: newTown(t, memory(t)), t: t, path: "syslog/1-auth"}
	t.Cleanup(func() { w.fleet.Close() })
	return w
}

// by is a batch of some lane, which was sealed some time ago.
func (w *laneTown) by(agent event.Key, number int, queue string, ago time.Duration, streams ...batch.Stream) {
	name := map[event.Key]string{watched.Agent: "web01", other: "db01"}[agent]
	m := &batch.Manifest{Agent: agent, Boot: event.HashKey("boot", name), Lane: number, Sealed: w.now.Add(-ago), Streams: streams}
	w.fleet.Batch(m, "agent-"+name, queue, w.now)
}

// brings is a batch of the stream.
func (w *laneTown) brings(r batch.Range, ago time.Duration) {
	w.town.must(w.ledger.Add(relayed, r.Kind, r.First, r.End))
	w.by(watched.Agent, 1, street, ago, batch.Stream{ID: relayed.Stream, Epoch: relayed.Epoch, Ranges: []batch.Range{r}})
}

// tells is the relay's heartbeat.
func (w *laneTown) tells() {
	h := heartbeat.Heartbeat{Streams: []heartbeat.Stream{{ID: relayed.Stream, Epoch: relayed.Epoch, Path: w.path, End: w.end, Cursor: w.mark}}}
	var e event.Event
	w.must(h.Put(&e))
	e.Set("agent.id", watched.Agent.String())
	e.Set("agent.name", "agent-web01")
	e.Set("host.name", "web01")
	e.Set("event.created", w.now.Format(time.RFC3339Nano))
	w.log++
	w.must(w.fleet.Process(w.log, []*event.Event{&e}))
	w.by(watched.Agent, 0, lane, 0)
}

func (w *town) must(err error) {
	if err != nil {
		w.t.Fatal(err)
	}
}

// pass lets the time go on, with what happens at each step.
func (w *laneTown) pass(d time.Duration, each ...func()) {
	for until := w.now.Add(d); w.now.Before(until); {
		w.now = w.now.Add(30 * time.Second)
		for _, f := range each {
			f()
		}
		w.tick()
	}
}

func (w *laneTown) open(want bool) {
	w.t.Helper()
	list, err := w.gaps.Gaps(context.Background(), false)
	if err != nil || (len(list) > 0) != want {
		w.t.Errorf("%s: %v, gaps %+v; want one: %v", w.now.Format(time.TimeOnly), err, list, want)
	}
}

// others moves the queue of lane 1 on, as far behind as that is.
func (w *laneTown) others(ago time.Duration) func() {
	return func() { w.by(other, 0, street, ago) }
}

// A stream of which nothing has come is judged by the slowest lane, not by that of the heartbeats.
func TestSlowLaneMakesNoGap(t *testing.T) {
	w := newLaneTown(t)
	w.by(watched.Agent, 1, street, time.Hour)
	w.end, w.mark = 1000, 1000
	w.pass(50*time.Minute, w.tells, w.others(time.Hour))
	w.open(false)
	w.restart(false)
	w.pass(5*time.Minute, w.tells, w.others(time.Hour))
	w.open(false)
	w.pass(4*time.Hour, w.tells) // it stands still, and that is told: somebody's heartbeats are due there
	w.open(false)
	w.pass(2*grace, w.tells, w.others(0))
	w.open(true)
	w.brings(data(0, 1000), 0)
	w.tick()
	w.open(false)
}

// A stream that has begun to come is judged by its queue: a heartbeat that overtakes it names what is still behind.
func TestHeartbeatOvertakesALane(t *testing.T) {
	w := newLaneTown(t)
	w.brings(data(0, 10), time.Hour)
	w.end, w.mark = 1000, 1000
	w.pass(50*time.Minute, w.tells, w.others(time.Hour))
	w.open(false)
	w.pass(20*time.Minute, w.tells, w.others(time.Hour)) // now it has come to where the first heartbeat was
	w.open(true)
}

// A lane in which no heartbeats are due says nothing if it has nothing to say. If it should have, it shows by the clock.
func TestCutTailOfAQuietLane(t *testing.T) {
	f := func(first uint64) {
		w := newLaneTown(t)
		w.by(watched.Agent, 1, street, 0)
		if first > 0 {
			w.brings(data(0, first), 0)
		}
		w.end, w.mark = 1000, 1000
		w.pass(50*time.Minute, w.tells)
		w.open(false)
		w.pass(2 * time.Hour) // nor while all stand still
		w.open(false)
		w.pass(50*time.Minute, w.tells) // nor before the lanes had time to come again
		w.open(false)
		w.pass(20*time.Minute, w.tells)
		w.open(true)
	}
	f(0)
	f(10)
}

// A lane that nobody has heard of may be in any queue, or in one of which nobody has heard.
func TestLaneNeverHeard(t *testing.T) {
	w := newLaneTown(t)
	w.by(watched.Agent, 1, street, 0)
	w.path = "syslog/2-auth"
	w.end, w.mark = 1000, 1000
	w.pass(50*time.Minute, w.tells)
	w.open(false)
	w.pass(20*time.Minute, w.tells, func() { w.by(other, 0, "belfry.events.02", 2*time.Hour) })
	w.open(false)
	w.pass(20*time.Minute, w.tells, func() { w.by(other, 0, "belfry.events.02", 0) })
	w.open(true)

	w = newLaneTown(t) // nor has anybody spoken but by lane 0
	w.end, w.mark = 1000, 1000
	w.pass(50*time.Minute, w.tells)
	w.open(false)
	w.pass(20*time.Minute, w.tells)
	w.open(true)
}

// Of a stream that was adopted after a kill nobody knows the queue either.
func TestAdoptedStreamOfALane(t *testing.T) {
	w := newLaneTown(t)
	w.by(watched.Agent, 1, street, time.Hour)
	w.by(watched.Agent, 0, lane, 0)
	w.pass(time.Minute, w.others(time.Hour))
	w.must(w.fleet.Save(w.now))
	w.must(w.ledger.Add(relayed, batch.Data, 10, 20))
	w.restart(true)
	w.end, w.mark = 20, 20
	w.pass(50*time.Minute, w.tells, w.others(time.Hour))
	w.open(false)
	w.pass(2*grace, w.tells, w.others(0))
	w.open(true)
}

// Files go by lane 0, whatever the others do.
func TestFileOfARelay(t *testing.T) {
	w := newLaneTown(t)
	w.path = "/var/log/auth.log"
	w.end, w.mark = 1000, 0
	w.pass(2*grace, w.tells, func() { w.by(watched.Agent, 1, street, time.Hour) })
	w.open(true)
}

// What a relay says that it still has is not missing, however far others in the queue are.
func TestLaneThatIsHeldUp(t *testing.T) {
	f := func(last func(*laneTown)) {
		w := newLaneTown(t)
		w.brings(data(0, 10), 0)
		w.end, w.mark = 1000, 10
		w.pass(time.Hour, w.tells, w.others(0))
		w.open(false)
		last(w)
		w.open(true)
	}
	f(func(w *laneTown) { // it was taken, and has not come
		w.mark = 1000
		w.pass(2*grace, w.tells, w.others(0))
	})
	f(func(w *laneTown) { // the relay is no more
		w.pass(silent+2*grace, w.others(0), func() { w.by(other, 0, lane, 0) })
	})
}
