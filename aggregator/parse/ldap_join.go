package parse

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Bounds of what is remembered of directory servers.
const (
	liveBytes = 32 << 20 // a generation of connections that are open: tens of thousands at once
	goneBytes = 16 << 20 // and of those that are closed
	maxOpen   = 64       // operations of one connection without a result
	maxEnded  = 16       // and of those with one, which are known in case that their lines come twice
	maxAttrs  = 4 << 10  // bytes of attribute names that are joined: a search for all of them may take many lines
)

// connKey names a connection. Numbers begin again when a server starts: its process id tells, or the ACCEPT line.
type connKey struct {
	origin
	pid string
	num int
}

// ends are both ends of a connection, and how it is secured.
type ends struct {
	accepted     bool // its beginning was seen
	peer, server endpoint
	tls          bool
	with         ldapTLS
}

// conn is what is known of a connection.
type conn struct {
	ends
	began  string // event.id of the ACCEPT line
	closed bool
	ops    []operation // in the order of their first lines
	bytes  int
}

func (c *conn) weight() int { return c.bytes }

// find returns an operation by its number.
func (c *conn) find(number int) *operation {
	for i := range c.ops {
		if c.ops[i].number == number {
			return &c.ops[i]
		}
	}
	return nil
}

// secure returns the ends as they were when an operation began.
func (c *conn) secure(o *operation) ends {
	e := c.ends
	e.tls, e.with = o.tls, o.with
	return e
}

// directory joins the lines of directory servers. A connection that is closed is still known, for a result may come
// behind the end of its connection, and any line may come twice.
type directory struct {
	mu         sync.Mutex
	live, gone recent[connKey, *conn]
}

func newDirectory() *directory {
	return &directory{
		live: newRecent[connKey, *conn](liveBytes),
		gone: newRecent[connKey, *conn](goneBytes),
	}
}

// get returns a connection, a new one if it is not known. The caller holds mu.
func (d *directory) get(key connKey) *conn {
	if c, ok := d.live.get(key); ok {
		return c
	}
	if c, ok := d.gone.get(key); ok {
		return c
	}
	c := &conn{bytes: 2 * entryWeight}
	d.live.put(key, c)
	return c
}

// grow tells that a connection got heavier or lighter. The caller holds mu.
func (d *directory) grow(c *conn, bytes int) {
	c.bytes += bytes
	if c.closed {
		d.gone.grow(bytes)
	} else {
		d.live.grow(bytes)
	}
}

// accept begins a connection. One that is known under its number is another, unless this line was read before.
func (d *directory) accept(l *line, key connKey, peer, server endpoint) ends {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	if (c.accepted || c.closed) && (l.id == "" || c.began != l.id) {
		d.live.drop(key)
		d.gone.drop(key)
		c = d.get(key)
	}
	if !c.accepted {
		c.accepted, c.began, c.peer, c.server = true, l.id, peer, server
		d.grow(c, len(l.raw))
	}
	return ends{accepted: true, peer: peer, server: server}
}

// secured notes how a connection is secured.
func (d *directory) secured(l *line, key connKey, with ldapTLS) ends {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	if !c.tls {
		d.grow(c, len(l.raw))
	}
	c.tls, c.with = true, with
	return c.ends
}

// close ends a connection.
func (d *directory) close(key connKey) ends {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	if !c.closed {
		d.live.drop(key)
		c.closed = true
		d.gone.put(key, c)
	}
	return c.ends
}

// ends returns what is known of a connection.
func (d *directory) ends(key connKey) ends {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.get(key).ends
}

// request adds what a line says to its operation, unless the line was read before.
func (d *directory) request(l *line, key connKey, o *operation) ends {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	known := c.find(o.number)
	switch {
	case known == nil:
		known = d.begin(c)
		known.number, known.tls, known.with = o.number, c.tls, c.with
	case known.lines.has(l.id):
		return c.secure(known)
	case known.ended: // the number is used again
		*known = operation{number: o.number, tls: c.tls, with: c.with, bytes: known.bytes}
	}
	known.merge(o)
	more := len(l.raw) + known.lines.add(l.id)
	known.bytes += more
	d.grow(c, more)
	return c.secure(known)
}

// begin makes room for an operation of a connection. The caller holds mu.
func (d *directory) begin(c *conn) *operation {
	open, ended := 0, 0
	for i := range c.ops {
		if c.ops[i].ended {
			ended++
		} else {
			open++
		}
	}
	if ended >= maxEnded || open >= maxOpen {
		first := slices.IndexFunc(c.ops, func(o operation) bool { return o.ended == (ended >= maxEnded) })
		d.grow(c, -c.ops[first].bytes)
		c.ops = slices.Delete(c.ops, first, first+1)
	}
	c.ops = append(c.ops, operation{bytes: 2 * entryWeight})
	d.grow(c, 2*entryWeight)
	return &c.ops[len(c.ops)-1]
}

// result returns an operation with all that was said of it. What is remembered stays without the result, so that the
// same line yields the same again.
func (d *directory) result(key connKey, o *operation) (ends, operation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	known := c.find(o.number)
	if known == nil {
		return c.ends, *o
	}
	known.ended = true
	whole := *known
	whole.merge(o)
	return c.secure(known), whole
}

// merge adds what another line said.
func (o *operation) merge(more *operation) {
	if o.request == "" || o.request == "extended" && more.request != "" {
		o.request = more.request
	}
	o.dn = cmp.Or(more.dn, o.dn)
	o.base = cmp.Or(more.base, o.base)
	o.scope = cmp.Or(more.scope, o.scope)
	o.filter = cmp.Or(more.filter, o.filter)
	if more.attrs != "" && len(o.attrs) < maxAttrs {
		o.attrs = strings.TrimSpace(o.attrs + " " + more.attrs)
	}
	o.mech, o.ssf = cmp.Or(more.mech, o.mech), cmp.Or(more.ssf, o.ssf)
	o.oid, o.authz = cmp.Or(o.oid, more.oid), cmp.Or(more.authz, o.authz)
	o.anonymous = o.anonymous && more.dn == "" && more.authz == "" || more.anonymous
	o.ambiguous = o.ambiguous || more.ambiguous
	o.client = cmp.Or(o.client, more.client)
	o.clientName, o.clientUser = cmp.Or(o.clientName, more.clientName), cmp.Or(o.clientUser, more.clientUser)
	o.kind, o.code = more.kind, more.code
	o.qtime, o.etime, o.entries, o.text = more.qtime, more.etime, more.entries, more.text
}
