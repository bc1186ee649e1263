package e2e_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"belfry/shared/e2e/stack"
	"belfry/shared/event"
)

// relayed is how many messages go by each way.
const relayed = 200

// TestRelay has the senders that Debian ships send to every kind of listener that a relay has. Each message arrives once,
// with all that it says in the right field, and nothing else arrives.
func TestRelay(t *testing.T) {
	r := openRelay(t)
	t.Run("logger", r.logger)
	t.Run("rsyslog", r.rsyslog)
	t.Run("syslog-ng", r.syslogNG)
	found := r.collect(t)
	for _, w := range r.ways {
		t.Run(w.name, func(t *testing.T) { w.judge(t, found[w.name]) })
		delete(found, w.name)
	}
	for word, events := range found {
		t.Errorf("%d events that nobody sent (%q), the first: %s", len(events), word, events[0].AppendJSON(nil))
	}
}

// relay is a road, and what was sent on it.
type relay struct {
	*stack.Road
	udp, tcp, tls, asking, relp, relpTLS string // ports of 127.0.0.1
	datagrams, stream                    string // paths of unix sockets
	ways                                 []*way
	senders                              []*stack.Peer
}

func openRelay(t *testing.T) *relay {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "sockets") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{datagrams: filepath.Join(dir, "datagrams"), stream: filepath.Join(dir, "stream")}
	var listeners []stack.Listener
	f := func(port *string, scheme, more string) {
		t.Helper()
		addr, err := stack.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		_, *port, _ = net.SplitHostPort(addr)
		listeners = append(listeners, stack.Listener{URL: scheme + "://" + addr, More: more})
	}
	f(&r.tls, "tls", "")
	f(&r.asking, "tls", "client_auth: optional")
	f(&r.relp, "relp", "")
	f(&r.relpTLS, "relp+tls", "")
	listeners = append(listeners, stack.Listener{URL: "unixgram://" + r.datagrams}, stack.Listener{URL: "unix://" + r.stream})
	r.Road = open(t, stack.RoadConfig{Listeners: listeners})
	_, r.udp, _ = net.SplitHostPort(r.Agent.UDP)
	_, r.tcp, _ = net.SplitHostPort(r.Agent.TCP)
	return r
}

// relayedOnes finds whatever came by the relay, and no heartbeats.
const relayedOnes = "event.original:*"

// marked finds the mark at the end of each message: the word of its way and its number.
var marked = regexp.MustCompile(`\((\w+) \d+\)$`)

// complaint finds what a daemon has to say against its peer. Only syslog-ng tells in its log when all is well.
var complaint = regexp.MustCompile(`(?im)^.*(rsyslog|error|fail|refuse|reject|broken|invalid).*$`)

// collect waits until as many events are there as were sent, ends the agent, so that it hands on what it still has, and
// returns all events by the word that they end with.
func (r *relay) collect(t *testing.T) map[string][]*event.Event {
	t.Helper()
	sent := 0
	for _, w := range r.ways {
		sent += len(w.said)
	}
	found := 0
	ctx, cancel := context.WithTimeout(t.Context(), patience())
	defer cancel()
	err := attempt(ctx, func(ctx context.Context) error {
		events, err := r.Aggregator.Search(ctx, relayedOnes)
		if found = len(events); err == nil && found < sent {
			err = fmt.Errorf("%d events of %d are there", found, sent)
		}
		return err
	})
	if err != nil {
		t.Error(err) // which of them, the ways tell
	}
	for _, p := range r.senders {
		ends(t, p)
		if said := complaint.FindString(p.Log()); said != "" {
			t.Errorf("a sender complains: %s", said)
		}
	}
	if err := r.Agent.Stop(); err != nil {
		t.Error(err)
	}
	all := make(map[string][]*event.Event)
	for _, e := range (watch{r.Road}).search(t, relayedOnes) {
		word := ""
		if m := marked.FindStringSubmatch(e.Get("event.original")); m != nil {
			word = m[1]
		}
		all[word] = append(all[word], e)
	}
	return all
}
