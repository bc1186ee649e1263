package parse

import (
	"cmp"
	"strconv"
	"strings"
	"sync"
)

// Bounds of what is remembered of directory servers.
const (
	connBytes = 16 << 20 // a generation of connections: tens of thousands at once
	maxOpen   = 64       // operations of one connection without a result
)

// connKey names a connection. Numbers begin again when a server starts: its process id tells.
type connKey struct {
	origin
	pid string
	num int
}

// conn is what is known of a connection.
type conn struct {
	accepted     bool // its beginning was seen
	peer, server endpoint
	tls          bool
	with         ldapTLS
	closed       bool
	open         []operation // without a result yet, at most maxOpen
}

func (*conn) weight() int { return 2 * entryWeight }

// directory joins the lines of directory servers.
type directory struct {
	mu    sync.Mutex
	conns recent[connKey, *conn]
}

func newDirectory() *directory {
	return &directory{conns: newRecent[connKey, *conn](connBytes)}
}

// get returns a connection, a new one if it is not known. The caller holds mu.
func (d *directory) get(key connKey) *conn {
	c, ok := d.conns.get(key)
	if !ok {
		c = new(conn)
		d.conns.put(key, c)
	}
	return c
}

// restart is told of a server that starts. Its connections have a process id of their own: nothing is to be done.
func (d *directory) restart(*line) {}

// accept begins a connection.
func (d *directory) accept(l *line, key connKey, peer, server endpoint) conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	if c.closed || c.accepted && c.peer != peer { // the number is used again
		*c = conn{}
	}
	c.accepted, c.peer, c.server = true, peer, server
	return *c
}

// secured notes how a connection is secured.
func (d *directory) secured(l *line, key connKey, with ldapTLS) conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	c.tls, c.with = true, with
	return *c
}

// closed ends a connection. found is true if a request that expects a result had none: pending is the first.
func (d *directory) closed(_ *line, key connKey) (c conn, pending operation, found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.get(key)
	for _, o := range p.open {
		if o.request != "unbind" && o.request != "abandon" {
			pending, found = o, true
			break
		}
	}
	p.closed, p.open = true, nil
	return *p, pending, found
}

// request adds what a line says to its operation.
func (d *directory) request(key connKey, o *operation) (conn, operation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	for i := range c.open {
		if c.open[i].number == o.number {
			c.open[i].merge(o)
			return *c, c.open[i]
		}
	}
	if len(c.open) == maxOpen {
		c.open = append(c.open[:0], c.open[1:]...)
	}
	c.open = append(c.open, *o)
	d.conns.grow(o.weight())
	return *c, *o
}

// result takes an operation out, with all that was said of it.
func (d *directory) result(key connKey, o *operation) (conn, operation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.get(key)
	whole := *o
	for i := range c.open {
		if c.open[i].number == o.number {
			whole = c.open[i]
			whole.merge(o)
			c.open = append(c.open[:i:i], c.open[i+1:]...)
			break
		}
	}
	if whole.request == "starttls" && o.code == ldapSuccess {
		c.tls = true
	}
	return *c, whole
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
	if more.attrs != "" && len(o.attrs) < 4096 {
		o.attrs = strings.TrimSpace(o.attrs + " " + more.attrs)
	}
	o.mech, o.ssf = cmp.Or(more.mech, o.mech), cmp.Or(more.ssf, o.ssf)
	o.oid, o.authz = cmp.Or(o.oid, more.oid), cmp.Or(more.authz, o.authz)
	o.anonymous = o.anonymous && more.dn == "" && more.authz == "" || more.anonymous
	o.ambiguous = o.ambiguous || more.ambiguous
	o.client = cmp.Or(o.client, more.client)
	o.clientName, o.clientUser = cmp.Or(o.clientName, more.clientName), cmp.Or(o.clientUser, more.clientUser)
	o.kind, o.code, o.tag = more.kind, more.code, more.tag
	o.qtime, o.etime, o.entries, o.text = more.qtime, more.etime, more.entries, more.text
}

// ldapRequest writes a line that begins an operation, or says more of it.
func (p *Parser) ldapRequest(l *line, key connKey, o *operation) {
	c, whole := p.ldap.request(key, o)
	switch {
	case o.kind == noticeLine:
		l.is("ldap-notice", "network", "info")
	case o.request == "bind":
		l.is("ldap-bind-request", "authentication", "info")
	case o.request == "":
		l.is("ldap-request", "database", "info")
	default:
		l.is("ldap-"+o.request+"-request", ldapCategory(o.request)[0], "info")
	}
	l.put("ldap.connection", o.conn)
	l.put("ldap.operation", o.op)
	l.ldapOperation(&whole)
	l.ldapEnds(&c)
}

// ldapResult writes the line that ends an operation: all of it.
func (p *Parser) ldapResult(l *line, key connKey, o *operation) {
	c, whole := p.ldap.result(key, o)
	whole.request = cmp.Or(whole.request, "extended")
	types := ldapCategory(whole.request)
	action := "ldap-" + whole.request
	if whole.request == "bind" && o.code == ldapInProgress {
		action = "ldap-bind-continue"
	}
	l.is(action, types[0], types[1:]...)
	l.ldapOutcome(&whole)
	l.put("ldap.connection", o.conn)
	l.put("ldap.operation", o.op)
	l.put("ldap.complete", "true")
	l.put("ldap.result.code", strconv.Itoa(o.code))
	l.put("ldap.result.name", ldapResult(o.code))
	l.put("ldap.entries", o.entries)
	l.put("ldap.queue_time", o.qtime)
	l.put("event.duration", nanoseconds(o.etime))
	l.put("event.reason", o.text)
	l.ldapOperation(&whole)
	l.ldapEnds(&c)
}

// ldapOutcome says success or failure where there is one: a bind that goes on has none, nor has an anonymous one, so
// that counting outcomes counts attempts.
func (l *line) ldapOutcome(o *operation) {
	switch {
	case o.request == "bind" && (o.code == ldapInProgress || o.anonymous):
	case o.request == "compare" && (o.code == ldapCompareFalse || o.code == ldapCompareTrue):
		l.outcome(true)
	default:
		l.outcome(o.code == ldapSuccess || o.code == ldapReferral && o.request != "bind")
	}
}

// ldapOperation writes what was asked.
func (l *line) ldapOperation(o *operation) {
	l.put("ldap.request", o.request)
	dn := cmp.Or(o.dn, strings.TrimPrefix(o.authz, "dn:"))
	l.put("ldap.dn", dn)
	l.put("ldap.base", o.base)
	l.put("ldap.scope", cmp.Or(ldapScopes[o.scope], o.scope))
	l.put("ldap.filter", o.filter)
	l.put("ldap.mechanism", o.mech)
	l.put("ldap.ssf", o.ssf)
	l.put("ldap.oid", o.oid)
	if o.attrs != "" {
		l.list("ldap.attributes", strings.Fields(o.attrs)...)
	}
	if o.anonymous {
		l.put("ldap.anonymous", "true")
	}
	if o.request == "bind" {
		name, id := ldapUser(dn)
		if name != "" {
			l.user(name)
		}
		l.put("user.id", id)
	}
	l.put("client.ip", o.client)
	l.put("client.domain", o.clientName)
	l.put("client.user.name", o.clientUser)
}

// nanoseconds turns "0.000163", seconds, into event.duration's unit.
func nanoseconds(seconds string) string {
	s, err := strconv.ParseFloat(seconds, 64)
	if err != nil || s < 0 || s > 1e9 {
		return ""
	}
	return strconv.FormatInt(int64(s*1e9+0.5), 10)
}
