package fleet

import (
	"fmt"
	"math"
	"time"

	"belfry/shared/event"
)

// lost is how many messages one process of an agent has lost before it could keep them, as its heartbeats say.
type lost struct {
	Boot     event.Key `json:"boot"`
	Messages uint64    `json:"messages"`
}

// lose notes what a heartbeat says is lost since its process began. Heartbeats may come late, or again: the most counts.
func (a *agent) lose(boot event.Key, messages uint64, before, at time.Time) {
	for i := range a.Lost {
		if l := &a.Lost[i]; l.Boot == boot {
			if messages > l.Messages {
				l.Messages = messages
				a.lossBetween(before, at)
			}
			return
		}
	}
	if messages == 0 {
		return // as nearly always
	}
	if len(a.Lost) == maxBoots {
		a.Earlier = plus(a.Earlier, a.Lost[0].Messages)
		a.Lost = append(a.Lost[:0], a.Lost[1:]...)
	}
	a.Lost = append(a.Lost, lost{boot, messages})
	a.lossBetween(before, at)
}

// lossBetween notes between which heartbeats something was lost that is still to be told.
func (a *agent) lossBetween(before, at time.Time) {
	if a.lossUntil.IsZero() {
		a.lossSince = before
	}
	a.lossUntil = at
}

// dropped returns how many messages an agent has lost, in all its processes.
func (a *agent) dropped() uint64 {
	n := a.Earlier
	for _, l := range a.Lost {
		n = plus(n, l.Messages)
	}
	return n
}

// plus adds without beginning at 0 again: a sender may claim any number.
func plus(x, y uint64) uint64 {
	if x > math.MaxUint64-y {
		return math.MaxUint64
	}
	return x + y
}

// judgeDropped makes a gap event of each growth of what an agent has lost. It is written in one transaction with what was
// told, so each message is told of once.
func (f *Fleet) judgeDropped(now time.Time) {
	for _, a := range f.agents {
		n := a.dropped()
		if n <= a.Told || !f.judgesHost(a) {
			continue
		}
		f.says = append(f.says, word{
			event: a.sayDropped(n-a.Told, now), key: []string{"messages-dropped", a.id.String(), fmt.Sprint(n)},
			agents: map[event.Key]*agent{a.id: {Name: a.Name, Told: n}},
		})
		a.Told, a.lossSince, a.lossUntil = n, time.Time{}, time.Time{}
		f.dirty[a.id] = true
	}
}

// sayDropped says that messages were lost. They are a lower bound: what the network lost nobody counts.
func (a *agent) sayDropped(messages uint64, now time.Time) *event.Event {
	text := fmt.Sprintf("at least %d messages were lost on %s before they could be kept", messages, a.shown())
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	since, until := stamp(a.lossSince), stamp(a.lossUntil)
	switch {
	case since != "" && until != "":
		text += fmt.Sprintf(", between %s and %s", since, until)
	case until != "":
		text += ", before " + until
	}
	e := Say(now, "belfry.gap", "messages-dropped", text)
	e.Set("host.name", a.shown())
	e.Set("agent.name", a.Name)
	for _, f := range [][2]string{
		{"agent", a.id.String()}, {"messages", fmt.Sprint(messages)}, {"exact", "false"}, {"since", since}, {"until", until},
		{"reason", "dropped"},
	} {
		e.Set("belfry.gap."+f[0], f[1])
	}
	return e
}
