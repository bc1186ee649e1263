package parse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

// waited names the operations of events by connection, number and user.
func waited(events []*event.Event) string {
	var all []string
	for _, e := range events {
		all = append(all, strings.TrimSuffix(e.Get("ldap.connection")+"/"+e.Get("ldap.operation")+" "+e.Get("user.name"), " "))
	}
	return strings.Join(all, ", ")
}

// later moves the clock, and checks which operations are overdue by then.
func (s *ldap) later(d time.Duration, want string) []*event.Event {
	s.t.Helper()
	s.now = s.now.Add(d)
	got := s.p.Overdue(s.now)
	if waited(got) != want {
		s.t.Errorf("overdue: %s, want %s", waited(got), want)
	}
	return got
}

func bindAs(conn, op int, name string) string {
	return fmt.Sprintf(`conn=%d op=%d BIND dn="uid=%s,dc=x" method=128`, conn, op, name)
}

func TestIncomplete(t *testing.T) {
	s := newLDAP(t)
	s.f(accept(1))
	s.f(bindAs(1, 0, "a"))
	first := s.n
	s.f(bindAs(1, 1, "b"))
	s.f("conn=1 op=1 RESULT tag=97 err=49 text=", bindBad, "user.name=b")
	s.f("conn=1 op=2 ABANDON msg=9")
	s.f("conn=1 op=3 UNBIND")
	s.later(10*time.Minute, "")
	e := s.later(time.Second, "1/0 a")[0]
	id := s.event("", first).Get("event.id")
	check(t, e, "event.action=ldap-incomplete", "ldap.complete=false", "-event.outcome", "-event.original", "-ldap.result.code",
		"event.category=authentication", "event.type=info", "event.kind=event", "ldap.request=bind", "ldap.dn=uid=a,dc=x",
		"ldap.mechanism=SIMPLE", "source.ip=192.0.2.7", "source.port=40960", "destination.port=389", "ldap.tls=false",
		"@timestamp=2026-11-23T17:54:31Z", "event.created=2026-11-23T18:54:31.000000Z", "event.timezone=UTC",
		"host.name=vm", "agent.id="+event.HashKey("vm").String(), "process.name=slapd", "process.pid=19243", "ldap.first="+id,
		"event.id="+event.HashKey("ldap-incomplete", id).String(), "message=conn=1 op=0: no result")
	// Its result comes after all.
	s.f("conn=1 op=0 RESULT tag=97 err=0 text=", bindOK, "user.name=a", fromPeer)
	s.later(time.Hour, "")
	if got := s.p.Close(); len(got) != 0 {
		t.Errorf("at the end: %s", waited(got))
	}
}

// A line more is a sign of life; the end of the connection is the sign that there will be none.
func TestIncompleteWhen(t *testing.T) {
	s := newLDAP(t)
	s.f(`conn=1 op=0 SRCH base="dc=x" scope=2 deref=0 filter="(a=b)"`)
	s.later(6*time.Minute, "")
	s.f("conn=1 op=0 SRCH attr=uid")
	s.later(6*time.Minute, "")
	s.f(accept(2))
	s.f(bindAs(2, 0, "b"))
	s.f(bindAs(2, 1, "c"))
	s.later(2*time.Minute, "")
	s.f("conn=2 fd=15 closed (connection lost)")
	s.f("conn=2 op=1 RESULT tag=97 err=0 text=", bindOK, "user.name=c", fromPeer)
	s.later(time.Minute, "")
	s.later(time.Second, "2/0 b")
	e := s.later(2*time.Minute, "1/0")[0]
	check(t, e, "ldap.attributes=uid", "ldap.filter=(a=b)", "event.category=database")
	s.f("conn=1 op=0 SEARCH RESULT tag=101 err=0 nentries=3 text=", "event.action=ldap-search", "ldap.base=dc=x")
	// The same number is another connection's: there is nobody who could answer.
	s.f(accept(3))
	s.f(bindAs(3, 0, "d"))
	s.f(accept(3))
	s.later(0, "3/0 d")
	s.f("conn=3 op=0 RESULT tag=97 err=0 text=", bindOK, "-user.name")
	// A server that reads the line twice has said it once.
	s.f(bindAs(4, 0, "e"))
	n := s.n
	s.later(11*time.Minute, "4/0 e")
	s.again("Nov 23 17:54:31 vm slapd[19243]: "+bindAs(4, 0, "e"), n)
	s.later(11*time.Minute, "")
	s.f("conn=4 op=0 RESULT tag=97 err=0 text=", bindOK, "user.name=e")
	s.again("Nov 23 17:54:31 vm slapd[19243]: "+bindAs(4, 0, "e"), n)
	s.later(11*time.Minute, "")
}

// Lines that were overtaken by others leave nothing that waits.
func TestIncompleteLate(t *testing.T) {
	s := newLDAP(t)
	s.f(accept(1))
	s.f("conn=1 op=0 RESULT tag=97 err=0 text=", bindOK, "-user.name", fromPeer)
	s.f(bindAs(1, 0, "a"), bindAsked, "user.name=a")
	s.f(bindAs(1, 1, "b"))
	s.f("conn=1 op=1 RESULT tag=97 err=0 text=", bindOK, "user.name=b")
	s.f(`conn=1 op=1 BIND dn="uid=b,dc=x" mech=SIMPLE ssf=0`, bindAsked)
	// The connection's own lines may come late as well.
	s.f(bindAs(2, 0, "c"))
	s.f(accept(2))
	s.f("conn=2 op=0 RESULT tag=97 err=49 text=", bindBad, "user.name=c", fromPeer)
	s.f(bindAs(3, 0, "d"))
	s.f("conn=3 fd=15 closed")
	s.f("conn=3 op=0 RESULT tag=97 err=49 text=", bindBad, "user.name=d")
	s.later(time.Hour, "")
	// Lines of long ago, whose operations nobody knows any more.
	n := s.n
	for op := range 40 {
		s.f(bindAs(4, op, "e"))
		s.f(fmt.Sprintf("conn=4 op=%d RESULT tag=97 err=0 text=", op), bindOK)
	}
	s.again("Nov 23 17:54:31 vm slapd[19243]: "+bindAs(4, 0, "e"), n+1)
	s.later(time.Hour, "")
}

// What a table has no room for is told, and told once.
func TestIncompleteBounds(t *testing.T) {
	s := newLDAP(t)
	for op := range maxOpen + 3 {
		s.f(bindAs(1, op, "a"))
	}
	s.later(0, "1/0 a, 1/1 a, 1/2 a")
	s.later(0, "")
	if got := len(s.p.Close()); got != maxOpen {
		t.Errorf("%d at the end, want %d", got, maxOpen)
	}
	s.p.ldap.live.limit = 64 << 10
	seen := map[string]int{}
	const conns = 1000
	for conn := range conns {
		s.f(bindAs(100+conn, 0, "b"))
	}
	early := s.p.Overdue(s.now)
	for _, e := range append(early, s.p.Close()...) {
		seen[e.Get("event.id")]++
	}
	if len(seen) != conns || len(early) == 0 || len(early) == conns {
		t.Errorf("%d operations are told of, want %d; %d of them for their weight", len(seen), conns, len(early))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is told of %d times", id, n)
		}
	}
	if w := &s.p.ldap.waiting; w.open.head != nil || w.open.tail != nil || w.closing.head != nil || w.freed > maxFree {
		t.Errorf("still waiting: %+v", w)
	}
}

// What plain lines leave open stands behind them, in the order of its first lines.
func TestLinesIncomplete(t *testing.T) {
	var in strings.Builder
	for _, text := range []string{
		accept(1), bindAs(1, 0, "a"), bindAs(2, 0, "b"), bindAs(3, 0, "c"), "conn=2 fd=9 closed", "conn=1 op=1 UNBIND",
		"conn=3 op=0 RESULT tag=97 err=0 text=", bindAs(4, 0, "d"),
	} {
		fmt.Fprintln(&in, "Nov 23 17:54:31 vm slapd[7]: "+text)
	}
	all, err := events(t, strings.NewReader(in.String()), Options{Host: "web01"})
	if err != nil || len(all) != 11 {
		t.Fatalf("%d events, %v", len(all), err)
	}
	if got := waited(all[8:]); got != "1/0 a, 2/0 b, 4/0 d" {
		t.Errorf("at the end: %s", got)
	}
	check(t, all[8], "ldap.first="+all[1].Get("event.id"), "host.name=vm", "event.action=ldap-incomplete")
}
