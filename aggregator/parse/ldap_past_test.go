package parse

import (
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/event"
)

// index remembers the events of a Parser, and is another's past.
type index struct {
	events []*event.Event
	asked  []PastQuery
}

func (x *index) Lines(q PastQuery) []*event.Event {
	x.asked = append(x.asked, q)
	var all []*event.Event
	for _, e := range x.events {
		at, err := time.Parse(time.RFC3339, e.Get("@timestamp"))
		if err == nil && e.Get(q.Field) == q.Value && e.Get("agent.id") == q.Agent && e.Get("host.name") == q.Host &&
			e.Get("process.pid") == q.PID && !at.Before(q.From) && !at.After(q.To) {
			all = append(all, e)
		}
	}
	return all
}

func lookups(set *metrics.Set, result string) uint64 {
	return set.GetOrCreateCounter(`belfry_parse_lookups_total{result="` + result + `"}`).Get()
}

// A Parser that takes over in the middle reads as one that saw all from the beginning.
func TestTakeOver(t *testing.T) {
	var lines []string
	for _, text := range slapdSession() {
		lines = append(lines, "Nov 23 17:54:31 vm "+text)
	}
	lines = append(lines, slapdCrossed()...)
	whole := newReader()
	var want []*event.Event
	for i, line := range lines {
		want = append(want, whole.again(line, i))
	}
	for cut := range lines {
		past := &index{events: want[:cut]}
		r := newReader()
		r.p = New(Config{Past: past}, nil)
		for i := cut; i < len(lines); i++ {
			if got, w := string(r.again(lines[i], i).AppendJSON(nil)), string(want[i].AppendJSON(nil)); got != w {
				t.Fatalf("from line %d, line %d:\ngot  %s\nwant %s", cut, i, got, w)
			}
		}
		seen := map[string]bool{}
		for _, q := range past.asked {
			if seen[q.Value] || q.Field != "ldap.connection" || q.To.Sub(q.From) != pastSpan {
				t.Errorf("from line %d: asked for %+v", cut, q)
			}
			seen[q.Value] = true
		}
		if got := r.p.Close(); len(got) != 0 {
			t.Errorf("from line %d: incomplete: %s", cut, waited(got))
		}
	}
}

// What is asked, and what comes of it.
func TestLookUp(t *testing.T) {
	set := metrics.NewSet()
	past := new(index)
	s := newLDAP(t)
	s.f(accept(1))
	s.f(bindAs(1, 0, "a"))
	for _, text := range []string{accept(1), bindAs(1, 0, "a"), accept(5), "conn=5 fd=15 closed"} {
		past.events = append(past.events, s.says("slapd[19243]", text))
	}
	s.p = New(Config{Past: past}, set)
	asks := func(n int) {
		t.Helper()
		if len(past.asked) != n {
			t.Errorf("%d questions, want %d: %+v", len(past.asked), n, past.asked)
		}
		past.asked = nil
	}
	s.f("conn=1 op=0 RESULT tag=97 err=0 text=", bindOK, "user.name=a", fromPeer)
	asks(1)
	s.f(bindAs(1, 1, "b"), fromPeer)
	s.f("conn=1 fd=15 closed", fromPeer)
	asks(0)
	s.f(accept(2))
	s.f(bindAs(2, 0, "b"))
	asks(0)
	s.f("conn=3 op=0 RESULT tag=97 err=0 text=", bindOK, "-source.ip")
	s.f("conn=3 op=1 UNBIND")
	s.f("conn=4 fd=15 TLS established tls_ssf=256 ssf=256")
	s.f("not of any connection")
	asks(2)
	if n := set.GetOrCreateCounter("belfry_parse_lines_total").Get(); n != 9 {
		t.Errorf("%d lines, want 9", n)
	}
	if found, none := lookups(set, "found"), lookups(set, "none"); found != 1 || none != 2 {
		t.Errorf("%d found and %d not, want 1 and 2", found, none)
	}
	// A connection that ended long ago is not the one that has its number now.
	e := s.line("Nov 23 18:54:31 vm slapd[19243]: " + bindAs(5, 0, "z"))
	check(t, e, "-source.ip", "user.name=z")
	asks(1)
}

// There is a bound to how much is asked: what is over is not known.
func TestLookUpBound(t *testing.T) {
	set := metrics.NewSet()
	past := new(index)
	s := newLDAP(t)
	s.p = New(Config{Past: past}, set)
	for conn := range 3 * lookupsBurst {
		s.f(bindAs(conn, 0, "a"), bindAsked, "user.name=a")
	}
	if n := len(past.asked); n != lookupsBurst || lookups(set, "refused") != 2*lookupsBurst {
		t.Errorf("%d questions, %d refused", n, lookups(set, "refused"))
	}
	s.now = s.now.Add(time.Second)
	for conn := range 3 * lookupsBurst {
		s.f(bindAs(1000+conn, 0, "a"))
	}
	if n := len(past.asked); n != lookupsBurst+lookupsSecond {
		t.Errorf("%d questions after a second", n)
	}
}

// A relay's lines are read with the peer that sent them, and what is no line is left out.
func TestReplay(t *testing.T) {
	past := new(index)
	parse := func(p *Parser, text, id string) *event.Event {
		e := new(event.Event)
		e.Append("event.original", "<134>Nov 23 17:54:31 ldap1 slapd[7]: "+text)
		e.Append("event.id", id)
		e.Append("observer.name", "relay")
		e.Append("source.ip", "198.51.100.7")
		p.Parse(e, readAt)
		return e
	}
	first := New(Config{}, nil)
	past.events = append(past.events, parse(first, accept(1), "1"), parse(first, bindAs(1, 0, "a"), "2"))
	past.events = append(past.events, first.Close()...)
	second := New(Config{Past: past}, nil)
	check(t, parse(second, "conn=1 op=0 RESULT tag=97 err=0 text=", "3"), strings.Fields(bindOK+" user.name=a "+fromPeer)...)
	check(t, parse(second, "conn=1 op=1 UNBIND", "4"), strings.Fields(fromPeer+" log.source.address=198.51.100.7")...)
	if got := second.Close(); len(got) != 0 {
		t.Errorf("incomplete: %s", waited(got))
	}
}

// Look-ups that are slow are few: the lines behind them wait.
func TestLookUpSpent(t *testing.T) {
	var b bucket
	begin := time.Date(2026, 11, 23, 17, 54, 31, 0, time.UTC)
	f := func(after time.Duration, want bool) {
		t.Helper()
		if got := b.take(begin.Add(after)); got != want {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
	}
	f(0, true)
	b.spend(2 * time.Second) // eight seconds' worth, less what was there
	f(2*time.Second, false)
	f(2500*time.Millisecond, false)
	f(5*time.Second, true)
	for range 3 { // whatever happened at once
		b.spend(2 * time.Second)
	}
	f(20*time.Second, false)
	f(60*time.Second, true)
}
