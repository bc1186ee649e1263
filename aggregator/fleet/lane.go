package fleet

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lane is by which queue one lane of an agent has spoken last. An agent that relays has several, so that it is not bound
// to one queue; all that it says of itself, and its files and journals, go by lane 0.
type lane struct {
	Lane  int       `json:"lane"`
	Queue string    `json:"queue,omitempty"`
	Seen  time.Time `json:"seen,omitzero"` // when it has, by our clock
}

const (
	// relayPath begins the paths of what is relayed, which are syslog/LANE-CLASS. Files have theirs from the root on.
	relayPath = "syslog/"
	// maxLanes bounds the lanes that are remembered of an agent: no agent has so many.
	maxLanes = 64
	// laneQuiet is how long a queue may stand still in which no heartbeats are due, while its agent's heartbeats go on in
	// another, and how long a stream is waited for that may come by a queue of which nobody knows: in less a broker's node
	// is back.
	laneQuiet = time.Hour
)

// speaks notes that a lane has spoken by a queue.
func (a *agent) speaks(number int, queue string, now time.Time) {
	for i := range a.Lanes {
		if a.Lanes[i].Lane == number {
			a.Lanes[i].Queue, a.Lanes[i].Seen = queue, now
			return
		}
	}
	if len(a.Lanes) < maxLanes || number == 0 {
		a.Lanes = append(a.Lanes, lane{number, queue, now})
	}
}

// by returns the queue of a lane; ok is false if that was never heard here.
func (a *agent) by(number int) (queue string, ok bool) {
	for _, l := range a.Lanes {
		if l.Lane == number {
			return l.Queue, true
		}
	}
	return "", false
}

// home returns the queue in which an agent's heartbeats are due; nil if none came, or if that is judged elsewhere.
func (f *Fleet) home(a *agent) *queue {
	name, ok := a.by(0)
	if !ok {
		return nil
	}
	return f.queues[name]
}

// roams reports whether a stream of which nothing has come may come by other lanes than the first.
func (a *agent) roams(s *stream) bool {
	if s.Path == "" {
		return slices.ContainsFunc(a.Lanes, func(l lane) bool { return l.Lane != 0 })
	}
	return strings.HasPrefix(s.Path, relayPath)
}

// laneOf returns the lane in the path of what is relayed.
func laneOf(path string) (number int, ok bool) {
	rest, ok := strings.CutPrefix(path, relayPath)
	if !ok {
		return 0, false
	}
	digits, _, ok := strings.Cut(rest, "-")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}

// pace is what a stream is judged by.
type pace struct {
	now  time.Time     // the time of the data; zero: the stream is not judged
	back time.Time     // by our clock, since when those who speak have had time to do so again
	wait time.Duration // by our clock, for which a hole is waited for at least
}

// paceOf returns what a stream is judged by: the queue that it came by. If nothing of it has come, it is the slowest of
// those by which it may.
func (f *Fleet) paceOf(a *agent, s *stream, now time.Time) pace {
	if !s.First.IsZero() {
		return f.paceIn(s.Queue, a, now)
	}
	home := f.home(a)
	switch {
	case home == nil:
		return pace{}
	case home.Name == "" || !a.roams(s): // over HTTPS there is one road
		return f.paceIn(home.Name, a, now)
	}
	p := f.paceIn(home.Name, a, now)
	for _, l := range a.Lanes {
		p.slow(f.paceIn(l.Queue, a, now))
	}
	if n, ok := laneOf(s.Path); ok {
		if _, heard := a.by(n); heard {
			return p
		}
	}
	for name, q := range f.queues { // it comes by any, or by one that nobody has heard of
		if !q.Came.IsZero() && !f.idle(q, now) && !p.now.IsZero() {
			p.now = earlier(p.now, f.dataTime(name, now))
		}
	}
	p.wait = laneQuiet
	return p
}

// slow takes another queue in: what is not judged in one of them is not judged.
func (p *pace) slow(o pace) {
	p.now, p.back = earlier(p.now, o.now), later(p.back, o.back)
}

// paceIn returns what a stream is judged by that an agent has in a queue. One in which no heartbeats are due may stand still
// because nobody has anything to say: then it is judged by that of the agent's own heartbeats, if those have gone on for long.
func (f *Fleet) paceIn(name string, a *agent, now time.Time) pace {
	q := f.queues[name]
	if q == nil {
		return pace{}
	}
	p := pace{now: f.dataTime(name, now), back: q.Back}
	home := f.home(a)
	if !q.bare || home == nil || home == q {
		return p
	}
	p.back = home.Back // a lane often pauses
	if home.Came.Sub(later(later(q.Came, f.opened), home.Back)) > laneQuiet {
		p.now = later(p.now, f.dataTime(home.Name, now))
	}
	return p
}

// taken returns from where on a relay says that nothing was taken yet: that it still has, and it is on no road. Its
// heartbeats go on while another lane does not. MaxUint64 if it says nothing of it lately.
func (f *Fleet) taken(a *agent, s *stream, now time.Time) uint64 {
	home := f.home(a)
	if home == nil || !strings.HasPrefix(s.Path, relayPath) || !a.named(s) ||
		f.dataTime(home.Name, now).Sub(a.Beat) > f.cfg.SilenceAfter {
		return math.MaxUint64
	}
	return s.Cursor
}

// homes notes in which queues no heartbeats are due.
func (f *Fleet) homes() {
	due := make(map[*queue]bool)
	for _, a := range f.agents {
		if a.Silent.IsZero() && !a.Seen.IsZero() {
			due[f.home(a)] = true
		}
	}
	for _, q := range f.queues {
		q.bare = !due[q]
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
