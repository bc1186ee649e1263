package app

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"belfry/aggregator/config"
	"belfry/shared/certs"
)

// open wires an aggregator that is not run, with a broker at an address where none is if that is wanted.
func open(t *testing.T, withBroker bool) *Aggregator {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("state: %s\nserve: {socket: %s/api.sock}\n", dir, dir)
	if withBroker {
		ca, err := certs.NewAuthority(dir)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ca.Issue("belfry", certs.Request{CommonName: "belfry", Client: true})
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("receive: {http: {plain: \"off\"}, amqp: {urls: [\"amqps://127.0.0.1:1/\"], ca: %s, cert: %s, key: %s}}\n", f.CA, f.Cert, f.Key)
		text += "notify: {irc: {server: \"127.0.0.1:1\", channel: \"#ops\", oncall: alice}}\n"
	}
	path := filepath.Join(dir, "aggregator.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, Process{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// An aggregator whose events must go through a broker is not ready before it has one.
func TestNotReadyWithoutBroker(t *testing.T) {
	if err := open(t, false).ready(); err != nil {
		t.Errorf("without a broker to wait for: %v", err)
	}
	if err := open(t, true).ready(); err == nil || !strings.Contains(err.Error(), "not connected") {
		t.Errorf("with a broker that is away: %v", err)
	}
}

// Dashboards and alarms know the metrics by these names: a change here is one for everybody who has any.
func TestMetricNames(t *testing.T) {
	a := open(t, true)
	want, err := os.ReadFile(filepath.Join("testdata", "metrics.txt"))
	if err != nil {
		t.Fatal(err)
	}
	names := a.set.ListMetricNames()
	slices.Sort(names)
	if d := cmp.Diff(strings.Fields(string(want)), names); d != "" {
		t.Error(d)
	}
}

// Who opens connections to the plain door takes none of the descriptors that the other doors need.
func TestManyPlainConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	startWith(t, t.TempDir(), fmt.Sprintf("{http: {plain: %q}}", addr), certs.Files{})
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range maxPlainConns {
		dial()
	}
	c := dial()
	fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("one more was served")
	}
}
