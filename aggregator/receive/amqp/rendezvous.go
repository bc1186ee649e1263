package amqp

import (
	"bytes"
	"slices"

	"belfry/shared/broker"
	"belfry/shared/event"
)

// share gives each queue to one of the members, by rendezvous hashing with bounded load: the queues in order, each to
// its highest-scoring member that has room. With q queues and m members each gets q/m of them, rounded down or up; that
// holds for the event queues by themselves as well, because the last queue is the one of foreign messages, which may
// be idle. All who see the same members come to the same result, in whatever order they list them.
//
// Members may know of a different number of queues, while the operator adds some: a queue goes only to who knows it.
func share(members []Member) (owners map[string]string) {
	if len(members) == 0 {
		return map[string]string{}
	}
	most := 0
	for _, m := range members {
		most = max(most, m.Known)
	}
	s := sharing{members: members, owned: make(map[string]int, len(members))}
	owners = make(map[string]string, most+1)
	for n := range most {
		name := broker.EventQueue(n)
		owners[name] = s.give(name, most, n+1)
	}
	owners[broker.Foreign] = s.give(broker.Foreign, most+1, 0)
	return owners
}

// sharing is a distribution in the making.
type sharing struct {
	members []Member
	owned   map[string]int // by id
}

// give finds the owner of the next queue of so many; it must know a number of queues.
func (s *sharing) give(queue string, total, known int) (id string) {
	var best []byte
	roomy := false
	for _, m := range s.members {
		if m.Known < known {
			continue
		}
		room := s.hasRoom(m.ID, total)
		if roomy && !room {
			continue
		}
		key := event.HashKey(m.ID, queue)
		if room != roomy || bytes.Compare(key[:], best) > 0 {
			id, best, roomy = m.ID, slices.Clone(key[:]), room
		}
	}
	s.owned[id]++
	return id
}

// hasRoom holds each member to its part of the total, and only as many to the part rounded up as must be.
func (s *sharing) hasRoom(id string, total int) bool {
	part, rest := total/len(s.members), total%len(s.members)
	if s.owned[id] != part {
		return s.owned[id] < part
	}
	for _, n := range s.owned {
		if n > part {
			rest--
		}
	}
	return rest > 0
}
