package broker_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"belfry/shared/broker"
	"belfry/shared/certs"
)

// Each broker is told apart: one that is well, one that is away, one that says nothing; and what is wrong with the login,
// the certificates and the exchanges.
func (r *rig) reaches(t *testing.T) {
	f := func(cfg broker.Config, patience time.Duration, exchanges []broker.Exchange, want ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		got := broker.Reach(ctx, cfg, exchanges...)
		if len(got) != len(want) {
			t.Fatalf("%v, want %q", got, want)
		}
		for i, w := range want {
			if w == "" && got[i] != nil || w != "" && (got[i] == nil || !strings.Contains(got[i].Error(), w)) {
				t.Errorf("%v, want %q", got, want)
			}
		}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	agent := r.config("agent-h")
	f(agent, time.Minute, broker.Exchanges(), "") // to ask needs no right
	f(r.config("belfry"), time.Minute, broker.Exchanges(), "")
	f(agent, time.Minute, []broker.Exchange{{Name: "belfry.none", Kind: "direct"}, broker.Exchanges()[0]}, "exchange belfry.none: not-found: ")
	several := agent
	several.URLs = []string{"amqps://127.0.0.1:1/", agent.URLs[0]}
	f(several, time.Minute, broker.Exchanges(), "network: dial tcp 127.0.0.1:1: connect: connection refused", "")
	several.URLs = []string{"amqps://" + silent.Addr().String() + "/"}
	f(several, 100*time.Millisecond, nil, "no answer in time")
	other, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stranger := agent
	if stranger.Files, err = other.Issue("agent-h", certs.Request{CommonName: "agent-h", Client: true}); err != nil {
		t.Fatal(err)
	}
	f(stranger, time.Minute, nil, "tls: ")
}
