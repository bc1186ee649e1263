package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/audit"
	"belfry/aggregator/config"
	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// Who ships, who is expected, and which gaps there are and were accepted is known where one works alone, too, after a
// restore and after a reindex from servers: else an audit would find nothing missing of nobody.
func TestHostsOfServersGoAlong(t *testing.T) {
	r := start(t, t.TempDir(), soon, onServers(t))
	h, others := r.newHost("h"), r.newHost("others")
	first, lost, last := h.seal("one"), h.seal("two"), h.seal("three")
	if err := r.agg.fleet.Expect(t.Context(), []string{"never-here"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, b := range []func() error{
		func() error { return r.send(first) },
		func() error { return r.send(h.beat("/var/log/auth.log")) },
		func() error { return r.send(last) },
	} {
		if err := b(); err != nil {
			t.Fatal(err)
		}
	}
	var gaps []audit.Gap
	r.goOn("a gap opens", others, func() bool {
		var err error
		gaps, err = r.agg.gaps.Gaps(t.Context(), false)
		return err == nil && len(gaps) == 1
	})
	r.want(gapsAcceptCmd{ID: gaps[0].ID, Reason: []string{"the", "disk", "died"}}, 0)
	r.until("a look at the documents finds it", func() bool { out, _ := r.ask(gapsListCmd{All: true}); return strings.Contains(out, "the disk died") })
	file := filepath.Join(t.TempDir(), "b.tar")
	if out := r.wantCLI(0, "backup: ", "backup", file); strings.HasPrefix(out, "backup: 0 events") {
		t.Errorf("%sthough its events came a moment ago", out)
	}
	r.stop()
	r.change("index: {", "index: {engine: embedded, ")
	former := gaps[0]
	check := func(what string) {
		t.Helper()
		r.run()
		defer r.stop()
		out, _ := r.ask(hostsListCmd{})
		for _, want := range []string{"never-here", h.id.String(), others.id.String(), "9.9"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: hosts say nothing of %s:\n%s", what, want, out)
			}
		}
		r.want(gapsListCmd{All: true}, 0, former.ID, "the disk died")
		r.want(auditCmd{}, 0, "nothing is missing: 2 hosts", fmt.Sprintf("%d bytes missing and accepted", former.Bytes))
		if err := r.send(lost); err != nil {
			t.Error(err)
		}
		r.goOn("the gap is closed", others, func() bool { out, _ := r.ask(gapsListCmd{All: true}); return strings.Contains(out, audit.Closed) })
	}
	r.withState(filepath.Join(t.TempDir(), "state"))
	r.wantCLI(0, "restore: ", "restore", file)
	check("restore")
	r.withState(filepath.Join(t.TempDir(), "state"))
	for range 2 { // what is done twice is there once
		r.wantCLI(0, "reindex: ", "reindex", "--from=elastic", "--to=embedded")
	}
	check("reindex")
	r.wantCLI(0, "reindex: ", "reindex", "--from=elastic", "--to=embedded")
	r.run()
	r.want(gapsListCmd{All: true}, 0, former.ID, audit.Closed) // what went on there stays
}

// Who was forgotten while the documents were shared is not in the file any more, what was still to be said is said, and a
// document that cannot be read holds up no other.
func TestInherit(t *testing.T) {
	cfg := &config.Config{State: t.TempDir(), Index: config.Index{Engine: config.EngineEmbedded}}
	docs := map[string]*desk{docsAgents: {docs: map[string]paper{"no id": {body: "{}"}}}, docsNotes: {docs: make(map[string]paper)},
		docsGaps: {docs: map[string]paper{"g": {body: "{}"}}}}
	stays, goes := event.HashKey("stays"), event.HashKey("goes")
	open := func() *fleet.Fleet {
		t.Helper()
		f, err := openFleet(cfg, quietLog, nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	must := func(all ...error) {
		t.Helper()
		if err := errors.Join(all...); err != nil {
			t.Fatal(err)
		}
	}
	f := open()
	must(f.Claim(t.Context(), stays, "agent-stays"), f.Claim(t.Context(), goes, "agent-goes"), f.Expect(t.Context(), []string{"x"}, time.Now()))
	must(f.Close())
	f = open()
	f.Share(docs[docsAgents], docs[docsNotes], time.Now())
	must(f.PublishAll(t.Context(), time.Now()), f.Expect(t.Context(), []string{"y"}, time.Now()))
	_, _, err := f.Forget(t.Context(), "agent-goes", time.Now())
	must(err, f.PublishAll(t.Context(), time.Now()), f.Close())

	h, err := openHeir(cfg, quietLog)
	must(err)
	for kind, d := range docs {
		must(d.Each(t.Context(), time.Time{}, func(id string, body []byte, _ ledger.Version) error {
			h.take(kind, id, body)
			return nil
		}))
	}
	must(h.settle())
	f = open()
	defer f.Close()
	var names []string
	for _, h := range f.Hosts(time.Now()) {
		names = append(names, h.Name)
	}
	if want := []string{"agent-stays", "y"}; !slices.Equal(names, want) {
		t.Errorf("hosts %q, want %q", names, want)
	}
	says, err := f.DB().Unsaid(9)
	if err != nil || len(says) != 1 || says[0].Event.Get("event.action") != "host-forgotten" {
		t.Errorf("to be said: %v, %v", says, err)
	}
}
