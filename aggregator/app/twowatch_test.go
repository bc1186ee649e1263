package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"belfry/aggregator/audit"
)

// watched is what an aggregator tells of hosts, gaps and bytes.
func watched(r *rig) string {
	hosts, _ := r.ask(hostsListCmd{JSON: true})
	gaps, _ := r.ask(gapsListCmd{JSON: true, All: true})
	parts, _ := r.ask(auditCmd{All: true, JSON: true})
	return hosts + gaps + parts
}

// agree waits until both tell the same of hosts, gaps and bytes, and what they tell has these texts in it.
func (p *pair) agree(what string, texts ...string) (told string) {
	p.t.Helper()
	var a, b string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("one told\n%s\nand the other\n%s", a, b)
		}
	}()
	p.a.until(what, func() bool {
		a, b = watched(p.a), watched(p.b)
		for _, text := range texts {
			if !strings.Contains(a, text) {
				return false
			}
		}
		return a == b
	})
	return a
}

func openGaps(r *rig) (all []audit.Gap) {
	text, _ := r.ask(gapsListCmd{JSON: true})
	var got gapsAnswer
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		r.t.Logf("%v: %s", err, text)
	}
	return got.Gaps
}

// Two aggregators tell the same of hosts, gaps and bytes, whichever of them consumes what, also when one has gone.
func TestTwoAggregatorsTellTheSame(t *testing.T) {
	q := startBrokerOf(t, 2)
	p := q.pair(t, "ledger: {gap_grace: 1s}\n")
	hosts, others := []*host{p.hostOf(p.a, "gap0"), p.hostOf(p.b, "gap1")}, []*host{p.hostOf(p.a, "other0"), p.hostOf(p.b, "other1")}
	for _, h := range hosts {
		first := h.seal("one", "two")
		h.seal("lost")
		p.q.sendBatch(first)
		p.q.sendBatch(h.beat("/var/log/auth.log"))
		p.q.sendBatch(h.seal("three"))
	}
	goOn := func() {
		for _, h := range others {
			p.q.sendBatch(h.seal("goes on"))
		}
	}
	p.a.until("both gaps are known at both", func() bool {
		goOn()
		return len(openGaps(p.a)) == 2 && len(openGaps(p.b)) == 2
	})
	told := p.agree("both tell the same", hosts[0].id.String(), hosts[1].id.String(), others[0].id.String(), others[1].id.String())
	if n := strings.Count(told, `"kind":"missing"`); n != 2 {
		t.Errorf("%d parts are missing, want 2:\n%s", n, told)
	}
	for _, g := range openGaps(p.b) {
		p.b.want(gapsAcceptCmd{ID: g.ID, Reason: []string{"a", "test"}}, 0, "accepts gap")
	}
	p.a.until("the other one knows that they are accepted", func() bool { return len(openGaps(p.a)) == 0 })
	p.agree("both tell the same of that", "a test")

	p.a.stop()
	before := watched(p.b)
	hosts[0].seal("lost too")
	p.q.sendBatch(hosts[0].seal("four"))
	p.b.until("who is left judges on", func() bool { goOn(); return len(openGaps(p.b)) == 1 })
	if !strings.Contains(before, hosts[0].id.String()) {
		t.Errorf("the hosts of the other one are not known:\n%s", before)
	}
	p.a.run()
	p.shared()
	p.agree("who comes back knows", fmt.Sprintf("%q", hosts[0].id.String()))
	for action, n := range map[string]int{"gap-opened": 3, "gap-accepted": 2, "gap-closed": 0} {
		p.both(n, "event.dataset:belfry.gap AND event.action:"+action)
	}
}
