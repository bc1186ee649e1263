package syslog

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of the connections that have not shown yet who they are. One more waits for its place; if somebody has been at it for
// longer than an honest handshake takes, on whatever road, that one has to go.
const (
	maxHandshakes = 256
	longHandshake = 2 * time.Second
)

// door counts connections, in all and by sender.
type door struct {
	total, perAddress int // bounds

	mu      sync.Mutex
	open    int
	held    map[netip.Prefix]int // only senders with an open connection: no more entries than total
	silent  []net.Conn           // that have not said anything yet, oldest first
	shake   []visitor            // handshakes under way, oldest first
	waiting int                  // for a place among them
	changed chan struct{}        // closed when one has ended
	closed  bool
}

// visitor is a connection during its handshake.
type visitor struct {
	conn  net.Conn
	from  netip.Prefix
	since time.Time
}

type verdict int

const (
	admitted verdict = iota
	full
	fullForAddress
)

func newDoor(total, perAddress int) *door {
	return &door{total: total, perAddress: perAddress, held: make(map[netip.Prefix]int), changed: make(chan struct{})}
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

// arrive notes a connection that has not said anything yet. If there are too many, the one that has been silent for longest has
// to go: an honest client speaks first, and at once.
func (d *door) arrive(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.silent) >= d.total {
		_ = d.silent[0].Close() // ends the waiting for its first byte
		d.silent = slices.Delete(d.silent, 0, 1)
	}
	d.silent = append(d.silent, c)
}

// speaks notes that a connection is silent no more, or gone.
func (d *door) speaks(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = slices.DeleteFunc(d.silent, func(s net.Conn) bool { return s == c })
}

// knock returns true when a handshake may begin. It waits for a place, and returns false if too many do, or at the end.
func (d *door) knock(c net.Conn, a netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting >= d.total {
		return false
	}
	d.waiting++
	defer func() { d.waiting-- }()
	for !d.closed {
		wait := d.place(c, sender(a))
		if wait == 0 {
			return true
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(wait):
		}
		d.mu.Lock()
	}
	return false
}

// place takes a place among the handshakes; else it returns how long to wait until somebody has been too long at it. mu is held.
func (d *door) place(c net.Conn, from netip.Prefix) (wait time.Duration) {
	same, first := 0, -1
	for i, v := range d.shake {
		if v.from == from {
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
		if wait = longHandshake - time.Since(d.shake[first].since); wait > 0 {
			return wait
		}
		_ = d.shake[first].conn.Close() // ends its handshake
		d.shake = slices.Delete(d.shake, first, first+1)
	}
	d.shake = append(d.shake, visitor{c, from, time.Now()})
	return 0
}

// shown notes that a handshake has ended.
func (d *door) shown(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shake = slices.DeleteFunc(d.shake, func(v visitor) bool { return v.conn == c })
	close(d.changed)
	d.changed = make(chan struct{})
}

// shut lets nobody wait any more.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	close(d.changed)
	d.changed = make(chan struct{})
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
