package parse

import "sync"

// asaBytes bounds a generation of connections whose direction is remembered: some 30,000 at once.
const asaBytes = 8 << 20

// asaConn names a connection of a firewall.
type asaConn struct {
	origin
	num string
}

// asaDirections are the words of the messages, so that no line is held by one.
var asaDirections = map[string]string{"inbound": "inbound", "outbound": "outbound"}

// asaWay is the direction of a connection.
type asaWay string

func (asaWay) weight() int { return entryWeight }

// firewalls remembers which way connections were built: their teardown does not say it.
type firewalls struct {
	mu     sync.Mutex
	recent recent[asaConn, asaWay]
}

func newFirewalls() *firewalls { return &firewalls{recent: newRecent[asaConn, asaWay](asaBytes)} }

// direction remembers the direction of a connection that is built, and returns that of one of which a line does not say it.
func (f *firewalls) direction(l *line, num, said string) string {
	if num == "" {
		return said
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := asaConn{l.origin, num}
	known, ok := f.recent.get(key)
	switch {
	case said == "":
		return string(known)
	case ok && string(known) != said:
		f.recent.drop(key)
		fallthrough
	case !ok:
		f.recent.put(key, asaWay(asaDirections[said]))
	}
	return said
}
