package app

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/aggregator/config"
	amqpin "belfry/aggregator/receive/amqp"
	"belfry/shared/certs"
)

// Who a batch comes from is what the broker has checked, and only an aggregator may speak for others.
func TestSenderOf(t *testing.T) {
	f := func(user string, headers map[string]string, want sender) {
		t.Helper()
		if got := senderOf(amqpin.Message{UserID: user, Headers: headers}); got != want {
			t.Errorf("%s %v: %+v, want %+v", user, headers, got, want)
		}
	}
	f("agent-web01", nil, sender{name: "agent-web01"})
	f("agent-web01", map[string]string{senderHeader: "agent-db01"}, sender{name: "agent-web01"})
	f("belfry", map[string]string{senderHeader: "agent-db01"}, sender{name: "agent-db01"})
	f("belfry", nil, sender{foreign: true})
	f("", nil, sender{})
}

// An aggregator whose events must go through a broker is not ready before it has one.
func TestNotReadyWithoutBroker(t *testing.T) {
	dir := t.TempDir()
	ca, err := certs.NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := ca.Issue("belfry", certs.Request{CommonName: "belfry", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	open := func(receive string) error {
		t.Helper()
		state, err := os.MkdirTemp(dir, "state")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(state, "aggregator.yaml")
		if err := os.WriteFile(path, []byte("state: "+state+"\n"+receive), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := a.close(); err != nil {
				t.Error(err)
			}
		}()
		return a.ready()
	}
	if err := open(""); err != nil {
		t.Errorf("without a broker to wait for: %v", err)
	}
	amqp := fmt.Sprintf("receive: {amqp: {urls: [\"amqps://127.0.0.1:1/\"], ca: %s, cert: %s, key: %s}}\n", files.CA, files.Cert, files.Key)
	if err := open(amqp); err == nil || !strings.Contains(err.Error(), "not connected") {
		t.Errorf("with a broker that is away: %v", err)
	}
}
