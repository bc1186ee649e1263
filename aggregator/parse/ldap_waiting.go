package parse

import (
	"slices"
	"strconv"
	"time"

	"belfry/shared/event"
)

// How long an operation waits for its result behind its last line, and behind the end of its connection.
const (
	resultWait = 10 * time.Minute
	closedWait = time.Minute
)

// maxFree bounds the records of operations that are kept to be used again.
const maxFree = 4096

// waiting holds the operations that have no result yet, each in one of two queues, in the order in which their last
// lines were read: so it costs a few pointers a line, and those that are overdue stand in front.
type waiting struct {
	open    queue // of connections that are open
	closing queue // and of those that are closed
	told    []incomplete
	free    *pending
	freed   int
	count   uint64
}

// pending is an operation that waits for its result.
type pending struct {
	prev, next *pending
	in         *queue
	conn       *conn
	number     int
	read       time.Time // when its last line was
	first
}

// first is what the first line of an operation told of itself.
type first struct {
	order        uint64
	key          connKey
	id           string // event.id
	program, pid string
	zone         string // event.timezone
	at, created  time.Time
}

// incomplete is an operation that has no result, with all that is known of it.
type incomplete struct {
	first
	ends
	operation
}

// queue is a list with both ends.
type queue struct{ head, tail *pending }

func (q *queue) push(n *pending) {
	n.in, n.prev, n.next = q, q.tail, nil
	if q.tail != nil {
		q.tail.next = n
	} else {
		q.head = n
	}
	q.tail = n
}

func (q *queue) remove(n *pending) {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		q.head = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		q.tail = n.prev
	}
	n.in, n.prev, n.next = nil, nil, nil
}

// awaited reports whether a request has a result: RFC 4511 has none for two of them (sections 4.3 and 4.11).
func awaited(request string) bool { return request != "unbind" && request != "abandon" }

// wait notes that an operation, whose first line this is, has no result yet. The caller holds the directory's mutex, of
// this and the other methods.
func (w *waiting) wait(l *line, key connKey, c *conn, o *operation) {
	n := w.free
	if n == nil {
		n = new(pending)
	} else {
		w.free, n.next = n.next, nil
		w.freed--
	}
	w.count++
	n.conn, n.number, n.read = c, o.number, l.now
	n.first = first{
		order: w.count, key: key, id: l.id, program: l.program, pid: l.pid, zone: l.zone, at: l.at, created: l.created,
	}
	o.wait = n
	if c.closed {
		w.closing.push(n)
	} else {
		w.open.push(n)
	}
}

// touch notes that another line of an operation was read.
func (w *waiting) touch(n *pending, now time.Time) {
	if n == nil {
		return
	}
	n.read = now
	if q := n.in; q.tail != n {
		q.remove(n)
		q.push(n)
	}
}

// settle ends the waiting of an operation.
func (w *waiting) settle(o *operation) {
	n := o.wait
	if n == nil {
		return
	}
	o.wait = nil
	n.in.remove(n)
	*n = pending{}
	if w.freed < maxFree {
		n.next, w.free = w.free, n
		w.freed++
	}
}

// hurry moves the operations of a connection that was closed: what has no result soon will have none.
func (w *waiting) hurry(c *conn, now time.Time) {
	for i := range c.ops {
		if n := c.ops[i].wait; n != nil {
			n.read = now
			n.in.remove(n)
			w.closing.push(n)
		}
	}
}

// tell says that an operation has no result, if it waits for one. It is still known: its result may come after all.
func (w *waiting) tell(c *conn, o *operation) {
	if o.wait == nil {
		return
	}
	in := incomplete{first: o.wait.first, ends: c.secure(o), operation: *o}
	in.operation.wait, in.operation.lines = nil, nil
	w.told = append(w.told, in)
	w.settle(o)
}

// lose tells of what a connection has open, because nobody will know it any more.
func (w *waiting) lose(c *conn) {
	for i := range c.ops {
		w.tell(c, &c.ops[i])
	}
}

// overdue tells of the operations in front of a queue whose last line was read before a time.
func (w *waiting) overdue(q *queue, before time.Time) {
	for n := q.head; n != nil && n.read.Before(before); n = q.head {
		w.tell(n.conn, n.conn.find(n.number))
	}
}

// take returns the operations that were told of, in the order of their first lines, and forgets them.
func (w *waiting) take() []incomplete {
	all := w.told
	w.told = nil
	slices.SortFunc(all, func(a, b incomplete) int { return int(a.order) - int(b.order) })
	return all
}

// Overdue returns an event for each operation that has no result, and will hardly get one: more than ten minutes after
// its last line was read, by the clock that Parse was given, more than a minute after its connection was closed, or
// where there was no room to remember it. See Close for what these events are.
//
// It is to be called every few seconds: until then, the operations for which there was no room use memory. It costs
// nothing where there are none.
func (p *Parser) Overdue(now time.Time) []*event.Event {
	var all []*event.Event
	for _, d := range p.directories() {
		d.mu.Lock()
		d.overdue(&d.open, now.Add(-resultWait))
		d.overdue(&d.closing, now.Add(-closedWait))
		told := d.take()
		d.mu.Unlock()
		all = appendEvents(all, told)
	}
	return all
}

// Close returns an event for each operation that has no result, in the order of their first lines. Its event.action is
// ldap-incomplete, ldap.complete is false, and it has no event.outcome: what became of it is not known. It has all that
// the lines told of the operation, and of its first line the times, the host, and in ldap.first the event.id, from
// which its own is derived. It repeats no line: it has no event.original.
//
// A result that comes after all is an event with an outcome as always, and the operation is not told of again.
func (p *Parser) Close() []*event.Event {
	var all []*event.Event
	for _, d := range p.directories() {
		d.mu.Lock()
		for _, q := range []*queue{&d.open, &d.closing} {
			for q.head != nil {
				d.tell(q.head.conn, q.head.conn.find(q.head.number))
			}
		}
		told := d.take()
		d.mu.Unlock()
		all = appendEvents(all, told)
	}
	return all
}

func appendEvents(all []*event.Event, told []incomplete) []*event.Event {
	for i := range told {
		all = append(all, told[i].event())
	}
	return all
}

func (in *incomplete) event() *event.Event {
	e := &event.Event{Fields: make([]event.Field, 0, 40)}
	l := line{event: e}
	conn, op := strconv.Itoa(in.key.num), strconv.Itoa(in.number)
	l.put("event.id", event.HashKey("ldap-incomplete", in.id).String())
	l.put("@timestamp", formatTime(in.at))
	l.put("event.created", in.created.UTC().Format(event.Stamp))
	l.put("event.timezone", in.zone)
	l.put("event.kind", "event")
	l.put("agent.id", in.key.agent)
	l.put("host.name", in.key.host)
	l.put("log.source.address", in.key.peer)
	l.put("process.name", in.program)
	l.number("process.pid", in.pid)
	l.put("message", "conn="+conn+" op="+op+": no result")
	l.is("ldap-incomplete", ldapCategory(in.request)[0], "info")
	l.put("ldap.first", in.id)
	l.put("ldap.connection", conn)
	l.put("ldap.operation", op)
	l.put("ldap.complete", "false")
	l.ldapOperation(&in.operation)
	l.ldapEnds(&in.ends)
	return e
}
