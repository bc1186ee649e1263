package fleet

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"belfry/shared/event"
)

// The states of a host.
const (
	OK       = "ok"
	Silent   = "silent"   // it says nothing, while others of its queue do or nobody does
	Expected = "expected" // it has never reported, and has some time left to
	Clone    = "clone"    // two processes speak for it at once
	Replaced = "replaced" // another id speaks for its name now
)

// Host is one agent, or one that is expected.
type Host struct {
	Name    string    `json:"name"`            // in its certificate
	Host    string    `json:"host,omitempty"`  // as it calls itself
	Agent   string    `json:"agent,omitempty"` // its id; "" if it has never reported
	State   string    `json:"state"`
	Seen    time.Time `json:"last_seen,omitzero"`
	Sealed  time.Time `json:"last_sealed,omitzero"` // of its newest batch, by its clock
	Lag     uint64    `json:"lag_bytes"`            // read or not, what is not taken yet
	LagTime float64   `json:"lag_seconds"`          // how long the oldest of that waits
	Dropped uint64    `json:"dropped"`
	Spool   uint64    `json:"spool_bytes,omitempty"` // that wait in its spool; Lag has them too
	Version string    `json:"version,omitempty"`
	Config  string    `json:"config,omitempty"`
	Expires time.Time `json:"certificate_expires,omitzero"`
	Queue   string    `json:"queue,omitempty"`      // of its heartbeats
	Idle    bool      `json:"queue_idle,omitempty"` // nobody speaks in its queue
	Gaps    int       `json:"gaps_open"`            // for who knows them to fill in
	id      event.Key
}

// Hosts returns all hosts, by name.
func (f *Fleet) Hosts(now time.Time) []Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	newest := f.newest()
	all := make([]Host, 0, len(f.agents)+len(f.expected))
	for _, a := range f.agents {
		all = append(all, f.host(a, newest[a.Name], now))
	}
	here := f.reported()
	for name, x := range f.expected {
		if here[name] {
			continue
		}
		h := Host{Name: name, State: Expected}
		if now.Sub(x.Since) > f.cfg.SilenceAfter {
			h.State = Silent
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(x, y Host) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), bytes.Compare(x.id[:], y.id[:]))
	})
	return all
}

func (f *Fleet) host(a *agent, newest, now time.Time) Host {
	home, _ := a.by(0)
	h := Host{
		Name: a.Name, Host: a.Host, Agent: a.id.String(), State: f.state(a, newest, now), Seen: a.Seen, Sealed: a.Sealed,
		Dropped: a.dropped(), Spool: a.Spool, Version: a.Version, Config: a.Config, Expires: a.Expires,
		Queue: home, Idle: f.still(a, now), id: a.id,
	}
	var oldest time.Time
	for _, s := range a.streams {
		if !a.named(s) {
			continue
		}
		h.Lag = plus(h.Lag, s.Behind)
		if !s.Since.IsZero() { // else all was taken, or will never be
			h.Lag = plus(h.Lag, s.Said-min(s.Said, max(s.Cursor, s.Seen)))
		}
		if !s.Since.IsZero() && (oldest.IsZero() || s.Since.Before(oldest)) {
			oldest = s.Since
		}
	}
	if !oldest.IsZero() {
		h.LagTime = max(0, a.Beat.Sub(oldest).Seconds())
	}
	return h
}

func (f *Fleet) state(a *agent, newest, now time.Time) string {
	switch {
	case newest.Sub(a.Sealed) > f.cfg.SilenceAfter:
		return Replaced
	case a.cloned():
		return Clone
	case a.missed(), f.judgesHost(a) && f.mute(a, now), f.still(a, now):
		return Silent
	}
	return OK
}

// count counts the hosts in a state; in any but Replaced if that is "".
func (f *Fleet) count(state string) (n int) {
	for _, h := range f.Hosts(time.Now()) {
		if h.State == state || state == "" && h.State != Replaced {
			n++
		}
	}
	return n
}

// expirySoon is how long before its end an agent's certificate counts as one that expires.
const expirySoon = 7 * 24 * time.Hour

// expiring counts the hosts that are heard and whose certificates end soon, or have ended, as their heartbeats say.
func (f *Fleet) expiring(now time.Time) (n int) {
	for _, h := range f.Hosts(now) {
		if h.State != Replaced && !h.Expires.IsZero() && h.Expires.Before(now.Add(expirySoon)) {
			n++
		}
	}
	return n
}

// Agent is one id of a host.
type Agent struct {
	ID         event.Key
	Name, Host string
	Over       bool // it has streams that are not judged, for it has too many
}

// Agents returns the agents, by name; only those of a host if that is not "": its name, the one in its certificate, or
// its id.
func (f *Fleet) Agents(host string) []Agent {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Agent
	for _, a := range f.agents {
		if host == "" || host == a.Name || host == a.Host || host == a.id.String() {
			all = append(all, Agent{a.id, a.Name, a.shown(), a.Over})
		}
	}
	slices.SortFunc(all, func(x, y Agent) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), bytes.Compare(x.ID[:], y.ID[:]))
	})
	return all
}
