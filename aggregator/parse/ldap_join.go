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

	connWeight      = 2 * entryWeight
	operationWeight = 3 * entryWeight

	// lateSeconds is how far a line may fall behind the others of its connection on the way here. What comes later under
	// the number of a connection that is closed is of another one.
	lateSeconds = 5
)

// connKey names a connection. Numbers begin again when a server starts: its process id tells, or the ACCEPT line.
type connKey struct {
	origin
	pid string // or the file, where the server writes one of its own
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
	end    int64       // Unix time of the line that closed it
	forgot int         // operations below this number were known once
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
	waiting
	past func(l *line, key connKey) // reads what was said before of a connection, into this directory; nil for nothing
}

func newDirectory() *directory {
	d := &directory{
		live: newRecent[connKey, *conn](liveBytes),
		gone: newRecent[connKey, *conn](goneBytes),
	}
	d.live.lost, d.gone.lost = d.lose, d.lose
	return d
}

// find returns a connection that is known. The caller holds mu.
func (d *directory) find(key connKey) (*conn, bool) {
	if c, ok := d.live.get(key); ok {
		return c, true
	}
	return d.gone.get(key)
}

// get returns a connection, a new one if it is not known. The caller holds mu.
func (d *directory) get(key connKey) *conn {
	if c, ok := d.find(key); ok {
		return c
	}
	c := &conn{bytes: connWeight}
	d.live.put(key, c)
	return c
}

// enter locks mu and returns the connection of a line, of which it is not the first. Where nothing is known of the
// connection, what was read of it before is looked up once; meanwhile the others go on.
func (d *directory) enter(l *line, key connKey) *conn {
	d.mu.Lock()
	if d.past == nil {
		return d.get(key)
	}
	if c, ok := d.find(key); ok {
		return c
	}
	d.get(key)
	d.mu.Unlock()
	d.past(l, key)
	d.mu.Lock()
	return d.get(key)
}

// of returns the connection of a line of an operation, as enter does. A connection that was closed long ago is not the
// one of an operation that was not known.
func (d *directory) of(l *line, key connKey, number int) *conn {
	c := d.enter(l, key)
	if c.closed && l.at.Unix() > c.end+lateSeconds && c.find(number) == nil {
		return d.anew(key, c)
	}
	return c
}

// anew forgets a connection, whose number is another's by now, and returns that one. The caller holds mu.
func (d *directory) anew(key connKey, c *conn) *conn {
	d.lose(c)
	d.live.drop(key)
	d.gone.drop(key)
	return d.get(key)
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

// accept begins a connection. One that is known under its number is another, unless this line was read before, or comes
// late: slapd writes it in a thread of its own, at times behind the connection's other lines.
func (d *directory) accept(l *line, key connKey, peer, server endpoint) ends {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	other := c.accepted && (l.id == "" || c.began != l.id)
	if other || c.closed && l.at.Unix() > c.end+lateSeconds && c.began != l.id {
		c = d.anew(key, c)
	}
	if !c.accepted {
		c.accepted, c.began, c.peer, c.server = true, l.id, peer, server
		d.grow(c, len(l.raw))
	}
	return ends{accepted: true, peer: peer, server: server}
}

// secured notes how a connection is secured.
func (d *directory) secured(l *line, key connKey, with ldapTLS) ends {
	c := d.enter(l, key)
	defer d.mu.Unlock()
	if !c.tls {
		d.grow(c, len(l.raw))
	}
	c.tls, c.with = true, with
	return c.ends
}

// close ends a connection.
func (d *directory) close(l *line, key connKey) ends {
	c := d.enter(l, key)
	defer d.mu.Unlock()
	if !c.closed {
		d.live.drop(key)
		c.closed, c.end = true, l.at.Unix()
		d.gone.put(key, c)
		d.hurry(c, l.now)
	}
	return c.ends
}

// session returns what an operation's first line says of the client's session.
func (d *directory) session(key connKey, number int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c, ok := d.find(key); ok {
		if o := c.find(number); o != nil {
			return o.session
		}
	}
	return ""
}

// ends returns what is known of a connection.
func (d *directory) ends(l *line, key connKey) ends {
	c := d.enter(l, key)
	defer d.mu.Unlock()
	return c.ends
}

// request adds what a line says to its operation, unless the line was read before.
func (d *directory) request(l *line, key connKey, o *operation) ends {
	c := d.of(l, key, o.number)
	defer d.mu.Unlock()
	known := c.find(o.number)
	switch {
	case known == nil:
		known = d.begin(c, o.number, o.number < c.forgot || !awaited(o.request))
		if !known.ended {
			d.wait(l, key, c, known)
		}
	case known.lines.has(l.id):
		return c.secure(known)
	case known.ended && (o.more || !known.begun): // it comes late: the result was told without it
		known.begun = true
		d.heavier(c, known, known.lines.add(l.id))
		return c.secure(known)
	case known.ended: // the number is used again
		*known = operation{number: o.number, tls: c.tls, with: c.with, bytes: known.bytes, ended: !awaited(o.request)}
		if !known.ended {
			d.wait(l, key, c, known)
		}
	}
	known.begun = known.begun || !o.more
	known.start = cmp.Or(known.start, l.stamp)
	known.merge(o)
	d.touch(known.wait, l.now)
	d.heavier(c, known, len(l.raw)+known.lines.add(l.id))
	return c.secure(known)
}

// heavier tells that an operation got heavier. The caller holds mu.
func (d *directory) heavier(c *conn, o *operation, bytes int) {
	o.bytes += bytes
	d.grow(c, bytes)
}

// begin makes room for an operation of a connection, one that is ended or one that is not. The caller holds mu.
func (d *directory) begin(c *conn, number int, ended bool) *operation {
	same := 0
	for i := range c.ops {
		if c.ops[i].ended == ended {
			same++
		}
	}
	if ended && same >= maxEnded || !ended && same >= maxOpen || len(c.ops) >= maxOpen+maxEnded {
		d.forget(c, ended)
	}
	c.ops = append(c.ops, operation{number: number, tls: c.tls, with: c.with, ended: ended, bytes: operationWeight})
	d.grow(c, operationWeight)
	return &c.ops[len(c.ops)-1]
}

// forget drops the oldest operation of a connection that is ended, or that is not. The caller holds mu.
func (d *directory) forget(c *conn, ended bool) {
	i := max(0, slices.IndexFunc(c.ops, func(o operation) bool { return o.ended == ended }))
	c.forgot = max(c.forgot, c.ops[i].number+1)
	d.tell(c, &c.ops[i])
	d.grow(c, -c.ops[i].bytes)
	c.ops = slices.Delete(c.ops, i, i+1)
}

// result returns an operation with all that was said of it. What is remembered stays without the result, so that the
// same line yields the same again; a result that comes before its request is remembered, so that this waits for none.
func (d *directory) result(l *line, key connKey, o *operation) (ends, operation) {
	c := d.of(l, key, o.number)
	defer d.mu.Unlock()
	known := c.find(o.number)
	if known == nil {
		known = d.begin(c, o.number, true)
	}
	known.ended = true
	d.settle(known)
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
	o.claimed, o.bound = o.claimed || more.claimed, o.bound || more.bound
	o.session = cmp.Or(o.session, more.session)
	o.kind, o.code = more.kind, more.code
	o.qtime, o.etime, o.entries, o.text = more.qtime, more.etime, more.entries, more.text
}
