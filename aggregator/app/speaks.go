package app

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/aggregator/config"
	"belfry/shared/event"
)

// tagMismatch marks an event of a host for which its sender's certificate does not speak.
const tagMismatch = "identity_mismatch"

// speakers knows for which hosts a certificate speaks: for the one that it names, and for those that the configuration
// says, as a relay's must.
type speakers struct {
	entries []config.Sender
	tell    func(ctx context.Context, key []string, e *event.Event) // writes an event of the aggregator's own, once

	mu   sync.Mutex
	told map[string]map[string]bool // since this day began: of whom, and of which hosts
	day  string
}

// What is told of a day is bounded: of one name, which may claim ever new hosts, and of all.
const (
	maxToldOfOne = 20
	maxTold      = 10_000
)

// may reports whether the certificate of name may speak for host. A certificate of "web01", "agent-web01" or
// "web01.example.org" speaks for web01. Letters count alike in either case (RFC 4343).
func (s *speakers) may(name, host string) bool {
	if host == "" || strings.EqualFold(strings.TrimPrefix(name, "agent-"), host) || strings.EqualFold(name, host) {
		return true
	}
	if n := len(host); len(name) > n && name[n] == '.' && strings.EqualFold(name[:n], host) {
		return true
	}
	for _, e := range s.entries {
		if e.Name == name && slices.ContainsFunc(e.Hosts, func(p string) bool { return matches(p, host) }) {
			return true
		}
	}
	return false
}

// further returns the first of an event's hosts behind the first for which the certificate of name does not speak, or
// "": a list is found by each of its values.
func (s *speakers) further(name string, e *event.Event) string {
	n := 0
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Name == "host.name" {
			if n++; n > 1 && !s.may(name, f.Value) {
				return f.Value
			}
		}
	}
	return ""
}

// check tags an event whose sender does not speak for its host, and has it told once a day for each pair: of one who relays
// for others and of whom nobody said that he does, once for all hosts. Foreign senders are such by nature.
func (s *speakers) check(ctx context.Context, e *event.Event, name string, foreign bool, now time.Time) {
	e.Add("tags", tagMismatch)
	host, relay := e.Get("host.name"), e.Get("observer.name")
	if s.may(name, host) {
		host = s.further(name, e)
	}
	of := host
	if relay != "" || foreign {
		of = ""
	}
	day := now.UTC().Format(time.DateOnly)
	if !s.first(name, of, day) {
		return
	}
	var n event.Event
	n.Set("event.dataset", "belfry.identity")
	n.Set("event.action", "identity-mismatch")
	n.Set("host.name", host)
	n.Set("agent.name", name)
	n.Set("observer.name", relay)
	text := "the certificate or token of " + name + " does not speak for host " + host
	if of == "" {
		text += ", nor is it said under receive.senders that it relays for others"
	}
	n.Set("message", text)
	s.tell(ctx, []string{"identity", name, of, day}, &n)
}

// first reports whether something is to be told of a name and a host today that was not told yet.
func (s *speakers) first(name, host, day string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.day != day {
		s.day, s.told = day, make(map[string]map[string]bool)
	}
	hosts := s.told[name]
	if hosts[host] || len(hosts) >= maxToldOfOne || hosts == nil && len(s.told) >= maxTold {
		return false
	}
	if hosts == nil {
		hosts = make(map[string]bool)
		s.told[name] = hosts
	}
	hosts[host] = true
	return true
}

// matches reports whether a host's name is of a pattern, as path.Match knows them.
func matches(pattern, host string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(host))
	return ok && err == nil // the configuration was checked
}
