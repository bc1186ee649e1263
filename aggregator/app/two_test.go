package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/event"
)

// pair is two aggregators that share the queues of a broker and an index on servers.
type pair struct {
	t *testing.T
	q *mq
	a *rig
	b *rig
}

func (q *mq) pair(t *testing.T, more string) *pair {
	t.Helper()
	section := onServers(t) + more
	p := &pair{t: t, q: q}
	receive := strings.TrimSuffix(q.receive, "}") + `, senders: [{name: agent-h, hosts: ["*"]}]}`
	p.a = startWith(t, t.TempDir(), receive, q.files, section)
	p.b = startWith(t, t.TempDir(), receive, q.files, section)
	p.shared()
	return p
}

// shared waits until each of them consumes.
func (p *pair) shared() {
	p.t.Helper()
	p.a.until("both consume", func() bool { return len(consumed(p.a)) > 0 && len(consumed(p.b)) > 0 })
}

// consumed is the queues of an aggregator.
func consumed(r *rig) (queues []string) {
	for _, m := range r.agg.consume.Members() {
		if m.Self {
			queues = m.Queues
		}
	}
	return queues
}

// hostOf is a host of which the lines go to an aggregator.
func (p *pair) hostOf(r *rig, name string) *host {
	p.t.Helper()
	for n := range 1000 {
		h := r.newHost(fmt.Sprint(name, n))
		slot, err := strconv.ParseUint(batch.Slot(h.id, 0), 16, 8)
		if err != nil {
			p.t.Fatal(err)
		}
		h.name = name
		for _, queue := range consumed(r) {
			if queue == broker.EventQueue(int(slot)%2) {
				return h
			}
		}
	}
	p.t.Fatal("no host's lines go there")
	return nil
}

// both looks for the same at both.
func (p *pair) both(want int, query string) {
	p.t.Helper()
	for _, r := range []*rig{p.a, p.b} {
		r.until(fmt.Sprintf("%d of %q", want, query), func() bool { return r.found(query) == want })
	}
}

// total is a counter of both.
func (p *pair) total(name string) (n uint64) {
	for _, r := range []*rig{p.a, p.b} {
		n += r.agg.set.GetOrCreateCounter(name).Get()
	}
	return n
}

func TestTwoAggregators(t *testing.T) {
	q := startBrokerOf(t, 2)
	p := q.pair(t, "")
	t.Run("once, and told once", p.once)
	t.Run("tail", p.tail)
	t.Run("dead letters", p.letters)
	t.Run("taken over", p.takenOver)
}

// once: what either takes is found at both, and pings once, however often it is sent.
func (p *pair) once(t *testing.T) {
	for i, r := range []*rig{p.a, p.b} {
		h := p.hostOf(r, fmt.Sprint("once", i))
		b := h.seal(stamp()+" "+h.name+" sudo:   averez : TTY=pts/0 ; PWD=/srv/lab ; USER=root ; COMMAND=/usr/bin/su -c id", stamp()+" h x: more")
		for range 3 {
			p.q.sendBatch(b)
		}
	}
	p.both(4, "host.name:once*")
	p.both(2, "user.name:averez AND process.name:sudo AND host.name:once*")
	p.a.until("both are told of", func() bool { return p.total("belfry_alert_delivered_total") == 2 })
	p.a.until("repeats are known", func() bool { return p.total("belfry_ledger_repeats_total") >= 8 })
	if n := p.total("belfry_alert_fired_total"); n != 2 {
		t.Errorf("%d alerts, want 2", n)
	}
}

// follow returns the lines of a tail.
func follow(t *testing.T, r *rig, query string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	lines, ended := make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(ended)
		_ = tailCmd{Query: []string{query}, showFlags: showFlags{Format: "json"}}.Run(ctx, &CLI{Config: r.path, Out: in})
		in.Close()
	}()
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() { cancel(); out.Close(); <-ended })
	return lines
}

// tail: a tail at either shows what either takes, once.
func (p *pair) tail(t *testing.T) {
	atA, atB := follow(t, p.a, "followed"), follow(t, p.b, "followed")
	hosts := []*host{p.hostOf(p.a, "tail0"), p.hostOf(p.b, "tail1")}
	seen := map[<-chan string]map[string]int{atA: {}, atB: {}}
	n := 0
	p.a.until("both show what both take", func() bool {
		for _, h := range hosts {
			n++
			p.q.sendBatch(h.seal(fmt.Sprintf("%s %s x: followed %d", stamp(), h.name, n)))
		}
		for quiet := false; !quiet; {
			var line string
			var at <-chan string
			select {
			case line = <-atA:
				at = atA
			case line = <-atB:
				at = atB
			case <-time.After(50 * time.Millisecond):
				quiet = true
				continue
			}
			e, err := new(event.Decoder).Decode([]byte(line))
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			seen[at][e.Get("event.id")]++
			seen[at][e.Get("host.name")] = 1
		}
		return seen[atA]["tail0"]+seen[atA]["tail1"]+seen[atB]["tail0"]+seen[atB]["tail1"] == 4
	})
	for _, ids := range seen {
		for id, times := range ids {
			if times != 1 {
				t.Errorf("event %s was shown %d times", id, times)
			}
		}
	}
}

// letters: what one could not take is a letter for both.
func (p *pair) letters(t *testing.T) {
	h := p.hostOf(p.a, "letters")
	h.builder.Add(h.place, h.offset, h.offset+7, []byte("poison"))
	h.offset += 7
	p.q.sendBatch(h.sealed())
	p.q.sendBatch(h.seal(stamp() + " letters x: behind it"))
	p.both(1, "behind AND host.name:letters")
	p.both(1, "event.dataset:belfry.dead")
	if all := p.b.lists(); len(all) != 1 || !strings.Contains(all[0].Reason, "event 0") {
		t.Errorf("%+v", all)
	}
	p.b.wantCLI(0, "dropped", "dead", "drop", "--all", "--yes")
}

// takenOver: what one has begun the other ends, and what comes again is known there.
func (p *pair) takenOver(t *testing.T) {
	h := p.hostOf(p.a, "moved")
	begun := h.seal(
		stamp()+" moved slapd[7]: conn=1 fd=9 ACCEPT from IP=192.0.2.1:9 (IP=192.0.2.9:389)",
		stamp()+` moved slapd[7]: conn=1 op=0 BIND dn="uid=user1,dc=example" method=128`)
	p.q.sendBatch(begun)
	p.both(2, "host.name:moved")
	p.a.stop()
	p.q.sendBatch(begun)
	p.q.sendBatch(h.seal(stamp() + " moved slapd[7]: conn=1 op=0 RESULT tag=97 err=0 text="))
	p.b.until("the end is there", func() bool { return p.b.found("host.name:moved AND event.action:ldap-bind") == 1 })
	p.b.count(1, "host.name:moved AND event.action:ldap-bind AND user.name:user1 AND source.ip:192.0.2.1 AND event.outcome:success")
	p.b.count(3, "host.name:moved")
	p.a.run()
	p.shared()
	p.both(3, "host.name:moved")
}
