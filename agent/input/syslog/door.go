package syslog

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// maxHandshakes bounds the connections that have not shown yet who they are. One more ends the one that has waited longest: an
// honest handshake takes milliseconds, and who says nothing must not keep others out.
const maxHandshakes = 256

// door counts connections, in all and by sender.
type door struct {
	total, perAddress int // bounds

	mu    sync.Mutex
	open  int
	held  map[netip.Prefix]int // only senders with an open connection: no more entries than total
	shake []visitor            // handshakes under way, oldest first
}

// visitor is a connection during its handshake.
type visitor struct {
	conn net.Conn
	from netip.Prefix
}

type verdict int

const (
	admitted verdict = iota
	full
	fullForAddress
)

func newDoor(total, perAddress int) *door {
	return &door{total: total, perAddress: perAddress, held: make(map[netip.Prefix]int)}
}

func (d *door) enter(a netip.Addr) verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := sender(a)
	switch {
	case d.open >= d.total:
		return full
	case d.held[key] >= d.perAddress && a.IsValid():
		return fullForAddress
	}
	d.open++
	d.held[key]++
	return admitted
}

func (d *door) leave(a netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := sender(a)
	d.open--
	if d.held[key]--; d.held[key] == 0 {
		delete(d.held, key)
	}
}

// knock notes that a handshake begins, and returns the connection that has to go for it, if any.
func (d *door) knock(c net.Conn, a netip.Addr) (gone net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key, same, first := sender(a), 0, -1
	for i, v := range d.shake {
		if v.from == key {
			if same++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case same >= d.perAddress:
	case len(d.shake) >= maxHandshakes:
		first = 0
	default:
		first = -1
	}
	if first >= 0 {
		gone = d.shake[first].conn
		d.shake = slices.Delete(d.shake, first, first+1)
	}
	d.shake = append(d.shake, visitor{c, key})
	return gone
}

// shown notes that a handshake has ended.
func (d *door) shown(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shake = slices.DeleteFunc(d.shake, func(v visitor) bool { return v.conn == c })
}

// sender is what counts as one address: whoever has one IPv6 address has the whole /64.
func sender(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // in range for either
	return p
}
