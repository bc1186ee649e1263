package app

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/serve"
	"belfry/aggregator/token"
	"belfry/shared/certs"
)

// freeAddr returns one that nobody listens at.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startTLS starts an aggregator whose TLS door is at a known address.
func startTLS(t *testing.T, dir string) (r *rig, server, ca string) {
	t.Helper()
	authority, err := certs.NewAuthority(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := authority.Issue("belfry", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	agent, err := authority.Issue("agent", certs.Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	r = startWith(t, dir, fmt.Sprintf(`{http: {plain: "off", tls: {listen: %q, ca: %s, cert: %s, key: %s}}}`, addr, own.CA, own.Cert, own.Key),
		agent, ages)
	return r, "https://" + addr, own.CA
}

// makeToken returns a new token.
func (r *rig) makeToken(name, scopes string) string {
	r.t.Helper()
	out, _, err := r.belfry("token", "create", name, "--scope", scopes)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// Who is elsewhere asks over TLS, with a token, and may what it is for.
func TestTokenRoad(t *testing.T) {
	dir := t.TempDir()
	r, server, ca := startTLS(t, dir)
	r.town()
	search, admin, ingest := r.makeToken("alice", "search"), r.makeToken("root", "admin"), r.makeToken("shipper", "ingest")
	ask := func(secret string, args ...string) (string, error) {
		t.Helper()
		t.Setenv(tokenVariable, secret)
		out, aside, err := belfry(t, append([]string{"--config", "/nowhere", "--server", server, "--ca", ca}, args...)...)
		if text := fmt.Sprint(out, aside, err); secret != "" && strings.Contains(text, secret) {
			t.Errorf("%q shows the token: %s", args, text)
		}
		return out, err
	}
	works := func(secret, want string, args ...string) {
		t.Helper()
		if out, err := ask(secret, args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
	fails := func(secret, want string, args ...string) {
		t.Helper()
		if out, err := ask(secret, args...); err == nil || !strings.Contains(err.Error(), want) || ExitCode(err) != 2 || out != "" {
			t.Errorf("%q: %v, %s; want %s", args, err, out, want)
		}
	}
	works(search, "Accepted password for averez", "search", "averez")
	works(search, `"ready":"ok"`, "status", "--json")
	works(search, "no gaps", "gaps")
	works(admin, "Accepted password for averez", "search", "averez")
	works(admin, "nothing was erased", "erasures")
	fails(search, "query, column 11", "search", "user.name:")
	fails(search, "this needs the scope admin", "erasures")
	fails(search, "this needs the scope admin", "hosts", "forget", "x")
	fails(admin, "over its unix socket", "token", "create", "mallory")
	fails(ingest, errNoScope.Error(), "search", "averez")
	fails(search+"x", errBadToken.Error(), "search", "averez")
	fails("", "a token is needed", "search", "averez")

	t.Run("revoked", func(t *testing.T) {
		if _, _, err := r.belfry("token", "revoke", "alice"); err != nil {
			t.Fatal(err)
		}
		fails(search, errBadToken.Error(), "search", "averez")
	})
	t.Run("a certificate is no right to search", func(t *testing.T) {
		tls, err := r.agent.Client()
		if err != nil {
			t.Fatal(err)
		}
		c := http.Client{Transport: &http.Transport{TLSClientConfig: tls, DisableKeepAlives: true}}
		resp, err := c.Get(server + "/v1/search")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Error(resp.Status)
		}
	})
	t.Run("another authority", func(t *testing.T) {
		other, err := certs.NewAuthority(filepath.Join(dir, "other"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := other.Issue("x", certs.Request{CommonName: "x"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(tokenVariable, admin)
		_, _, err = belfry(t, "--config", "/nowhere", "--server", server, "--ca", f.CA, "search")
		if err == nil || !strings.Contains(err.Error(), "name the aggregator's authority in client.ca") {
			t.Error(err)
		}
	})
	t.Run("by the configuration", func(t *testing.T) {
		t.Setenv(tokenVariable, "")
		file, config := filepath.Join(dir, "token"), filepath.Join(dir, "client.yaml")
		write := func(path, text string, mode os.FileMode) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
		write(file, admin+"\n", 0o600)
		write(config, fmt.Sprintf("client: {server: %q, ca: %s, token_file: %s}\n", server, ca, file), 0o644)
		if out, _, err := belfry(t, "--config", config, "search", "averez"); err != nil || !strings.Contains(out, "Accepted") {
			t.Errorf("%v, %s", err, out)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := belfry(t, "--config", config, "search"); err == nil || !strings.Contains(err.Error(), "everybody on this machine can read it") {
			t.Error(err)
		}
		write(config, "client: {server: \"http://127.0.0.1:1\"}\n", 0o644)
		if _, _, err := belfry(t, "--config", config, "search"); err == nil || !strings.Contains(err.Error(), "client.server: \"http://127.0.0.1:1\" is not https") {
			t.Error(err)
		}
	})
}

// Who tries tokens is not listened to any more, and others are.
func TestFailedTokens(t *testing.T) {
	tokens, err := token.Open(filepath.Join(t.TempDir(), "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := tokens.Create("alice", []string{"search"}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	d := newTokenDoor(tokens, slogTo(&log), metrics.NewSet())
	now := time.Unix(0, 0)
	d.now = func() time.Time { return now }
	f := func(from, secret string, want error) {
		t.Helper()
		r := &http.Request{RemoteAddr: from, Header: http.Header{"Authorization": {"Bearer " + secret}}, Method: "GET"}
		r = mustRequest(t, r)
		if by, err := d.who(r); err != want || err == nil && (by.Name != "alice" || by.Admin || by.Local || by.By != "token") {
			t.Errorf("%s: %+v, %v; want %v", from, by, err, want)
		}
	}
	for range maxFailures {
		f("192.0.2.1:1", "belfry_wrong", errBadToken)
		f("[2001:db8::1]:1", "belfry_wrong", errBadToken)
	}
	f("192.0.2.1:2", "belfry_wrong", serve.ErrBusy)
	f("192.0.2.1:2", secret, serve.ErrBusy)
	f("[2001:db8::ffff]:1", secret, serve.ErrBusy)
	f("[2001:db8:0:1::1]:1", secret, nil)
	f("192.0.2.2:1", secret, nil)
	now = now.Add(time.Minute)
	f("192.0.2.1:2", secret, nil)
	if n := strings.Count(log.String(), "not let in"); n != 4 || strings.Contains(log.String(), "belfry_wrong") {
		t.Errorf("%d lines: %s", n, log.String())
	}
	// From however many addresses strangers come, who has a token is heard.
	for i := range maxAddresses {
		f(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), "belfry_wrong", errBadToken)
	}
	f("192.0.2.3:1", "belfry_wrong", serve.ErrBusy)
	f("192.0.2.3:1", secret, nil)
}
