package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/config"
	"belfry/shared/event"
)

func TestSpeaksFor(t *testing.T) {
	s := &speakers{entries: []config.Sender{{Name: "relay-1", Hosts: []string{"sw-*", "fw.example.org"}}, {Name: "all", Hosts: []string{"*"}}}}
	f := func(name, host string, want bool) {
		t.Helper()
		if got := s.may(name, host); got != want {
			t.Errorf("%s speaks for %s: %v", name, host, got)
		}
	}
	f("web01", "web01", true)
	f("agent-web01", "Web01", true)
	f("web01.example.org", "web01", true)
	f("web01.example.org", "web01.example.org", true)
	f("web01", "web01.example.org", false)
	f("web011", "web01", false)
	f("web01", "db01", false)
	f("agent-web01", "", true)
	f("relay-1", "sw-12", true)
	f("relay-1", "SW-12", true)
	f("relay-1", "FW.example.org", true)
	f("relay-1", "web01", false)
	f("all", "any.host", true)
}

// One host that claims to be another is told once a day; a relay that nobody calls one, once for all its hosts.
func TestMismatchIsToldOnce(t *testing.T) {
	var told []*event.Event
	s := &speakers{tell: func(_ context.Context, _ []string, e *event.Event) { told = append(told, e.Clone()) }}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	claim := func(name, host, relay string, at time.Time, want int) {
		t.Helper()
		var e event.Event
		e.Set("host.name", host)
		e.Set("observer.name", relay)
		s.check(t.Context(), &e, name, strings.HasPrefix(name, "token-"), at)
		if len(told) != want || e.Get("tags") != tagMismatch {
			t.Errorf("%d told, want %d; tags %v", len(told), want, e.All("tags"))
		}
	}
	claim("agent-a", "b", "", now, 1)
	claim("agent-a", "b", "", now, 1)
	claim("agent-a", "c", "", now, 2)
	claim("agent-a", "b", "", now.Add(24*time.Hour), 3)
	claim("agent-r", "x", "r", now.Add(24*time.Hour), 4)
	claim("agent-r", "y", "r", now.Add(24*time.Hour), 4)
	claim("token-t", "x", "", now.Add(24*time.Hour), 5)
	claim("token-t", "y", "", now.Add(24*time.Hour), 5)
	for i := range 2 * maxToldOfOne { // of one who claims ever new hosts it is enough some time
		claim("agent-z", fmt.Sprint(i), "", now.Add(24*time.Hour), 5+min(i+1, maxToldOfOne))
	}
	if told[0].Get("agent.name") != "agent-a" || told[0].Get("host.name") != "b" || told[0].Get("event.dataset") != "belfry.identity" {
		t.Errorf("%v", told[0])
	}
}

// A host that another's certificate claims is tagged, and alerts.
func TestFalseHost(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	h.name = "other"
	for range 2 {
		if err := r.send(h.seal("x")); err != nil {
			t.Fatal(err)
		}
	}
	r.count(2, "tags:identity_mismatch")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		found, err := r.search("event.dataset:belfry.identity")
		if len(found) == 1 {
			break
		}
		if time.Now().After(end) || len(found) > 1 || err != nil && !errors.Is(err, errNothing) {
			t.Fatalf("%d events, %v", len(found), err)
		}
	}
}

// A list is found by each of its values, and in either case: none of them may be another's.
func TestClaimsInLists(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	place := func(e *event.Event) {
		e.Set("@timestamp", time.Now().UTC().Format(time.RFC3339Nano))
		e.Set("event.id", event.ID(h.id, h.place.Stream, h.place.Epoch, h.offset).String())
		e.Set("event.original", "x")
		e.Set("log.offset", fmt.Sprint(h.offset))
		h.builder.Add(h.place, h.offset, h.offset+2, e.AppendJSON(nil))
		h.offset += 2
	}
	hosts := new(event.Event)
	hosts.Append("host.name", "h")
	hosts.Append("host.name", "other")
	place(hosts)
	sets := new(event.Event)
	sets.Append("host.name", "h")
	sets.Append("event.dataset", "mine")
	sets.Append("event.dataset", "belfry.gap")
	sets.Append("event.dataset", "Belfry.Gap")
	place(sets)
	doubt := new(event.Event)
	doubt.Set("host.name", "h")
	doubt.Set("event.dataset", "belfry.doubt")
	place(doubt)
	if err := r.send(h.sealed()); err != nil {
		t.Fatal(err)
	}
	r.count(1, "tags:identity_mismatch AND host.name:other AND agent.name:*")
	r.count(1, "event.dataset:belfry.doubt")
	r.count(0, "event.dataset:belfry.gap OR event.dataset:Belfry.Gap")
	r.count(1, "event.dataset:mine AND labels.dataset:belfry.gap AND labels.dataset:Belfry.Gap")
	r.until("the claim is told", func() bool {
		return r.found("event.dataset:belfry.identity AND host.name:other") == 1
	})
}
