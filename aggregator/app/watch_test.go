package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/audit"
	"belfry/aggregator/fleet"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// soon is a configuration by which what is missing is so within seconds.
const soon = "ledger: {gap_grace: 1s, silence_after: 2s}\n"

// command is one of the command line.
type command interface {
	Run(ctx context.Context, c *CLI) error
}

// ask runs a command, and returns what it prints and its exit code.
func (r *rig) ask(c command) (string, int) {
	r.t.Helper()
	var out bytes.Buffer
	err := c.Run(r.t.Context(), &CLI{Config: r.path, Out: &out})
	if err != nil && !errors.Is(err, errFindings) {
		out.WriteString(err.Error())
	}
	return out.String(), ExitCode(err)
}

// want runs a command and asks for its exit code, and for what it prints.
func (r *rig) want(c command, code int, texts ...string) {
	r.t.Helper()
	out, got := r.ask(c)
	for _, text := range texts {
		if !strings.Contains(out, text) {
			r.t.Errorf("%#v does not say %q:\n%s", c, text, out)
		}
	}
	if got != code {
		r.t.Errorf("%#v: exit code %d, want %d:\n%s", c, got, code, out)
	}
}

// goOn lets the others go on until a condition holds.
func (r *rig) goOn(what string, others *host, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("it never came that %s", what)
		}
		if err := r.send(others.seal("goes on")); err != nil {
			r.t.Fatal(err)
		}
	}
}

// beat is a heartbeat that names the end of the host's stream.
func (h *host) beat(path string) *batch.Sealed {
	h.t.Helper()
	place := batch.Place{Stream: event.HashKey("heartbeat", h.id.String()), Class: "default", Day: h.place.Day}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	beat := heartbeat.Heartbeat{Expires: time.Now().Add(time.Hour), Dropped: h.dropped, Streams: []heartbeat.Stream{
		{ID: h.place.Stream, Epoch: h.place.Epoch, Path: path, End: h.offset, Cursor: h.offset}}}
	var e event.Event
	if err := beat.Put(&e); err != nil {
		h.t.Fatal(err)
	}
	e.Set("@timestamp", now)
	e.Set("event.created", now)
	e.Set("event.id", event.ID(h.id, place.Stream, place.Epoch, h.beats).String())
	e.Set("agent.version", "9.9")
	e.Set("host.name", h.name)
	e.Set("log.offset", fmt.Sprint(h.beats))
	h.builder.Add(place, h.beats, h.beats+1, e.AppendJSON(nil))
	h.beats++
	s, err := h.builder.Seal()
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func TestGapsOfARunningAggregator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, dir, soon)
	send := func(b *batch.Sealed) {
		t.Helper()
		if err := r.send(b); err != nil {
			t.Fatal(err)
		}
	}
	h, others := r.newHost("h"), r.newHost("others")
	first, second, third := h.seal("one", "two"), h.seal("three"), h.seal("four")
	cut := second.Manifest.Streams[0].Ranges[0]
	send(first)
	send(h.beat("/var/log/auth.log"))
	r.want(gapsListCmd{}, 0, "no gaps")
	r.want(gapsListCmd{JSON: true}, 0, `{"gaps":[]}`)
	send(third)
	r.goOn("a gap opens", others, func() bool { _, code := r.ask(gapsListCmd{}); return code == ExitNothing })
	r.want(gapsListCmd{}, 1, "/var/log/auth.log", audit.ReasonMissing)
	var got gapsAnswer
	text, _ := r.ask(gapsListCmd{JSON: true})
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Gaps) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	g := got.Gaps[0]
	if g.First != cut.First || g.End != cut.End || g.Bytes != cut.End-cut.First || !g.Exact || g.Host != "h" || g.Name != "agent-h" ||
		g.Since.IsZero() || g.Until.Before(g.Since) {
		t.Errorf("%+v, want it for %+v", g, cut)
	}
	r.want(auditCmd{}, 1, fmt.Sprintf("%d bytes are missing", g.Bytes))
	r.want(auditCmd{Host: "h", All: true}, 1, "missing ", g.ID, "/var/log/auth.log", "held")
	r.want(auditCmd{Host: "nobody"}, 2, `host "nobody" is not known`)
	r.want(hostsListCmd{}, 1, "agent-h", "9.9")
	r.goOn("the gap is in the index", others, func() bool {
		found, _ := r.search("event.dataset:belfry.gap AND event.action:gap-opened AND host.name:h AND belfry.gap.id:" + g.ID)
		return len(found) == 1
	})
	r.goOn("it alerts", others, func() bool { return strings.Contains(r.metrics(), "belfry_alert_fired_total 1\n") })
	if m := r.metrics(); !strings.Contains(m, "belfry_audit_gaps_open 1\n") || !strings.Contains(m, fmt.Sprintf("belfry_audit_missing_bytes %d\n", g.Bytes)) {
		t.Error(m)
	}

	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	r.want(gapsAcceptCmd{ID: "none", Reason: []string{"x"}}, 2, "no such gap")
	r.want(gapsAcceptCmd{ID: g.ID, Reason: []string{" "}}, 2, "a reason must be given")
	r.want(gapsAcceptCmd{ID: g.ID[:8], Reason: []string{"the", "disk", "died"}}, 0, me.Username+" accepts gap "+g.ID, "the disk died")
	r.want(gapsListCmd{}, 0)
	r.want(gapsListCmd{All: true}, 0, "the disk died")
	r.want(auditCmd{}, 0, "nothing is missing", "missing and accepted")

	r.stop()
	r = start(t, dir, soon)
	r.want(gapsListCmd{}, 0)
	r.want(gapsListCmd{All: true}, 0, g.ID, "the disk died")
	if err := r.send(second); err != nil {
		t.Fatal(err)
	}
	r.goOn("the gap is closed", others, func() bool { out, _ := r.ask(gapsListCmd{All: true}); return strings.Contains(out, audit.Closed) })
	for _, action := range []string{"opened", "accepted", "closed"} {
		r.goOn("it was said", others, func() bool {
			found, _ := r.search("event.action:gap-" + action)
			return len(found) == 1
		})
	}
	text, code := r.ask(auditCmd{JSON: true, All: true, Host: h.id.String()})
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var total audit.Total
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &total); err != nil || code != 0 || total.Held != h.offset+h.beats || total.Pending+total.Missing > 0 {
		t.Errorf("exit code %d, %v, %+v of %s", code, err, total, text)
	}
	if strings.Contains(text, event.HashKey("belfry", "own").String()) {
		t.Error("the aggregator judges itself")
	}
}

// What was written into the index by a process that was killed before it could note that is not there twice.
func TestOwnEventsAreWrittenOnce(t *testing.T) {
	r := start(t, t.TempDir())
	db := r.agg.fleet.DB()
	if err := db.Write(nil, []*event.Event{fleet.Say(time.Now(), "belfry.gap", "gap-grown", "told")}); err != nil {
		t.Fatal(err)
	}
	all, err := db.Unsaid(1)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	for range 2 {
		again := all[0]
		again.Event = again.Event.Clone() // the index owns it then
		if err := r.agg.writeOwn(t.Context(), []fleet.Own{again}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.agg.sayOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, err := db.Unsaid(1); err != nil || len(all) != 0 {
		t.Errorf("still to be said: %v, %v", all, err)
	}
	r.count(1, "event.action:gap-grown")
}

// What a relay has dropped is an event and an alert, once each time that there is more.
func TestDroppedMessages(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir(), soon)
	h, others := r.newHost("h"), r.newHost("others")
	tell := func(dropped uint64) {
		t.Helper()
		h.dropped = dropped
		if err := r.send(h.beat(":514")); err != nil {
			t.Fatal(err)
		}
	}
	told := func(messages string) func() bool {
		return func() bool {
			return r.found("event.dataset:belfry.gap AND event.action:messages-dropped AND host.name:h AND belfry.gap.messages:"+messages) == 1
		}
	}
	tell(5)
	r.goOn("it is told", others, told("5"))
	tell(5)
	tell(12)
	r.goOn("the rest is told", others, told("7"))
	r.count(2, "event.action:messages-dropped")
	r.goOn("both alert", others, func() bool { return strings.Contains(r.metrics(), "belfry_alert_fired_total 2\n") })
	if out, _ := r.ask(hostsListCmd{}); !strings.Contains(out, " 12 ") {
		t.Error(out)
	}
}

// An event of the aggregator's own that the index refuses, or that cannot even be read back, holds no other one up.
func TestOwnEventThatIsRefused(t *testing.T) {
	r := start(t, t.TempDir())
	long := fleet.Say(time.Now(), "belfry.silence", "hosts-silent", "very many hosts")
	for i := range 2 * event.MaxFields { // more than can be read back
		long.Append("belfry.silence.hosts", fmt.Sprint(i))
	}
	says := []*event.Event{fleet.Say(time.Now(), "belfry.gap", "gap-grown", "before"), long}
	large := strings.Repeat("x", 1<<20)
	for range ownBatch - 2 { // too much for one write
		says = append(says, fleet.Say(time.Now(), "belfry.gap", "gap-opened", large))
	}
	says = append(says, fleet.Say(time.Now(), "belfry.gap", "gap-grown", "behind"))
	if err := r.agg.fleet.DB().Write(nil, says); err != nil {
		t.Fatal(err)
	}
	if err := r.agg.sayOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.count(2, "event.action:gap-grown")
	r.count(ownBatch-2, "event.action:gap-opened")
	r.count(1, "event.action:unreadable")
}

func (r *rig) metrics() string {
	var b bytes.Buffer
	r.agg.set.WritePrometheus(&b)
	return b.String()
}

func TestHostsOfARunningAggregator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, dir, soon)
	h := r.newHost("h")
	if err := r.send(h.seal("one")); err != nil {
		t.Fatal(err)
	}
	r.want(hostsListCmd{}, 0, "agent-h", "ok")

	list := filepath.Join(dir, "hosts")
	if err := os.WriteFile(list, []byte("# all\nh\n\ngone # since long\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.want(hostsExpectedCmd{File: list}, 0, "2 hosts are expected")
	r.goOn("the host that never reported is missed", h, func() bool { out, code := r.ask(hostsListCmd{}); return code == 1 && strings.Contains(out, "silent") })
	r.goOn("that is in the index", h, func() bool {
		found, _ := r.search("event.dataset:belfry.silence AND event.action:host-silent AND host.name:gone")
		return len(found) == 1
	})
	r.want(hostsForgetCmd{Name: "gone"}, 0, "gone is forgotten")
	r.want(hostsForgetCmd{Name: "gone"}, 2, `host "gone" is not known`)
	r.want(hostsListCmd{}, 0)
	if err := os.WriteFile(list, []byte("a\nb c\na\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.want(hostsExpectedCmd{File: list}, 2, `line 2: "b c" is more than one name`, `line 3: "a" stands in line 1 already`)
	r.want(hostsExpectedCmd{File: "/nowhere"}, 2, "/nowhere")

	// The id is that host's, until it is forgotten.
	ca, err := certs.NewAuthority(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	mine := r.agent
	if r.agent, err = ca.Issue("thief", certs.Request{CommonName: "thief", Client: true}); err != nil {
		t.Fatal(err)
	}
	thief := r.newHost("h")
	r.agent = mine
	if err := r.send(thief.seal("stolen")); err != nil {
		t.Fatal(err)
	}
	if reasons := strings.Join(r.dead(), "\n"); !strings.Contains(reasons, `"agent-h"`) || !strings.Contains(reasons, `"thief" speaks for it`) {
		t.Errorf("dead letters: %s", reasons)
	}
	r.count(0, "stolen")
	r.goOn("that is in the index", h, func() bool { found, _ := r.search("event.action:agent-id-taken"); return len(found) == 1 })
	r.want(hostsForgetCmd{Name: "agent-h"}, 0, "anew: 1")
	thief.place.Epoch++
	thief.offset = 0
	if err := r.send(thief.seal("lent")); err != nil {
		t.Fatal(err)
	}
	r.count(1, "lent")
	r.want(hostsListCmd{JSON: true}, 1, `"name":"thief"`, `"name":"h","state":"silent"`) // h is expected still
}

// withoutGapAlerts is a configuration by which what is lost raises no alert, for who counts others.
func withoutGapAlerts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rule := "title: none\nid: 3d0b4a52-6a0e-4a3c-9a53-6c1f0b9d7e10\nlogsource: {product: belfry}\n" +
		"detection: {gap: {event.dataset: belfry.gap}, condition: gap}\nbelfry: {enabled: false}\n"
	if err := os.WriteFile(filepath.Join(dir, "none.yml"), []byte(rule), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("alert: {rules: [%q]}\n", dir)
}
