package fleet

import (
	"fmt"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// doubt is an epoch of a relay's stream of which nobody has said where it ended.
type doubt struct {
	pos   ledger.Position
	since time.Time // when it was heard of last, by the agent's clock
}

// doubtOthers notes the other epochs of a relay's stream, when a heartbeat names it for the first time: each process begins
// a new one, and the last heartbeat of one that ends in order says where that is. What one that was killed had taken
// since it was heard of last, and not sent, nobody can count.
func (f *Fleet) doubtOthers(a *agent, h *heartbeat.Stream, at time.Time) {
	if h.ID != event.HashKey("syslog", a.id.String(), h.Path) { // a file's goes on with the next process
		return
	}
	if s := a.streams[streamKey{h.ID, h.Epoch}]; s != nil && s.Known {
		return
	}
	for k, o := range a.streams {
		last := o.Last
		if o.Beat.After(last) {
			last = o.Beat
		}
		if k.id != h.ID || k.epoch == h.Epoch || o.Final || o.Doubt || last.After(at) {
			continue
		}
		o.Doubt = true
		p := a.position(k)
		f.stale[p] = true
		f.doubts = append(f.doubts, doubt{p, last})
	}
}

// judgeDoubts says what is in doubt.
func (f *Fleet) judgeDoubts(now time.Time) {
	for _, d := range f.doubts {
		a := f.agents[d.pos.Agent]
		if a == nil {
			continue
		}
		s := a.streams[streamKey{d.pos.Stream, d.pos.Epoch}]
		if s == nil {
			continue
		}
		since := d.since.UTC().Format(time.RFC3339)
		e := Say(now, heartbeat.Doubt, "relay-cut-off", fmt.Sprintf("the relay on %s at %s was cut off: what it took after %s, "+
			"and had not sent yet, is lost, and nobody can count it", a.shown(), s.Path, since))
		e.Set("host.name", a.shown())
		e.Set("agent.name", a.Name)
		for _, f := range [][2]string{
			{"agent", a.id.String()}, {"stream", d.pos.Stream.String()}, {"epoch", fmt.Sprint(d.pos.Epoch)}, {"since", since},
		} {
			e.Set("belfry.doubt."+f[0], f[1])
		}
		f.says = append(f.says, e)
	}
	f.doubts = nil
}
