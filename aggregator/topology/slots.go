package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"belfry/shared/broker"
)

// slots is how the slots lie, and what is to be done about it.
type slots struct {
	t        *Topology
	bound    [broker.Slots][]string // event queues that each is bound to
	existing []string               // event queues
	drained  map[string]bool        // event queues that must be empty before a slot is bound
	groups   map[string][]string    // slots that differ in the same way
}

func eventQueue(name string) (n int, ok bool) {
	m := eventName.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil && broker.EventQueue(n) == name
}

// slotOf returns the slot of a routing key, or -1.
func slotOf(key string) int {
	n, err := strconv.ParseUint(key, 16, 8)
	if err != nil || broker.SlotKey(int(n)) != key {
		return -1
	}
	return int(n)
}

// judgeSlots adds what is to be done so that each slot is bound to its queue, and to no other.
func (t *Topology) judgeSlots(s *state, p *Plan) {
	l := &slots{t: t, drained: make(map[string]bool), groups: make(map[string][]string)}
	for _, name := range sortedKeys(s.queues) {
		if _, ok := eventQueue(name); ok {
			l.existing = append(l.existing, name)
		}
	}
	for _, b := range s.bindings {
		_, ours := eventQueue(b.Destination)
		if slot := slotOf(b.Key); ours && slot >= 0 && b.Source == broker.Events && b.To == "queue" {
			l.bound[slot] = append(l.bound[slot], b.Destination)
		}
	}
	for slot, at := range l.bound {
		l.compare(slot, at)
	}
	for _, what := range sortedKeys(l.groups) {
		p.repair(slotList(l.groups[what]), what)
	}
	p.Steps = append(p.Steps, l.steps()...)
	l.leftOver(s, p)
}

// compare finds how a slot differs, and which queues must be empty before it may be bound.
func (l *slots) compare(slot int, at []string) {
	want := l.t.want.SlotQueue(slot)
	note := func(what string) { l.groups[what] = append(l.groups[what], broker.SlotKey(slot)) }
	switch {
	case len(at) == 1 && at[0] == want:
	case slices.Contains(at, want):
		note(fmt.Sprintf("bound to %s, wanted %s alone: batches come twice", strings.Join(at, " and "), want))
	case len(at) == 0:
		note(fmt.Sprintf("bound to no queue, wanted %s: batches come back to the agents and wait", want))
		for _, q := range l.existing {
			if q != want {
				l.drained[q] = true
			}
		}
	default:
		note(fmt.Sprintf("bound to %s, wanted %s", strings.Join(at, " and "), want))
		for _, q := range at {
			l.drained[q] = true
		}
	}
}

// steps are, in order: hold, drain, bind.
func (l *slots) steps() []Step {
	var first, last []Step
	for slot, at := range l.bound {
		key, want := broker.SlotKey(slot), l.t.want.SlotQueue(slot)
		stays := slices.Contains(at, want) && !l.drained[want]
		for _, q := range at {
			switch {
			case q == want && stays:
			case stays:
				first = append(first, Step{Do: unbind, Exchange: broker.Events, Queue: q, Key: key})
			default:
				first = append(first, Step{Do: hold, Exchange: broker.Events, Queue: q, Key: key})
			}
		}
		if !stays {
			last = append(last, Step{Do: bind, Exchange: broker.Events, Queue: want, Key: key})
		}
	}
	for _, q := range sortedKeys(l.drained) {
		first = append(first, Step{Do: drain, Queue: q})
	}
	return append(first, last...)
}

// leftOver deletes the queues beyond the number that is wanted, when they are empty.
func (l *slots) leftOver(s *state, p *Plan) {
	for _, name := range l.existing {
		if n, _ := eventQueue(name); n < l.t.cfg.Queues {
			continue
		}
		var steps []Step
		for _, b := range s.bindings {
			if b.Destination == name && b.To == "queue" && b.Source != broker.Events {
				steps = append(steps, Step{Do: unbind, Exchange: b.Source, Queue: name, Key: b.Key})
			}
		}
		if !l.drained[name] || len(steps) > 0 {
			steps = append(steps, Step{Do: drain, Queue: name})
		}
		p.repair("queue "+name, fmt.Sprintf("is left over: %d queues are wanted", l.t.cfg.Queues),
			append(steps, Step{Do: deleteQueue, Queue: name})...)
	}
}

// slotList names slots, not all of very many.
func slotList(keys []string) string {
	const shown = 8
	switch n := len(keys); {
	case n == 1:
		return "slot " + keys[0]
	case n > shown+1:
		return fmt.Sprintf("slots %s and %d more", strings.Join(keys[:shown], " "), n-shown)
	}
	return "slots " + strings.Join(keys, " ")
}
