package http

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/receive"
	"belfry/shared/certs"
	"belfry/shared/event"
)

// store is a sink that remembers.
type store struct {
	queued bool
	err    error
	events []*event.Event
	sender string
	body   string
	named  map[string]bool
}

func newStore() *store { return &store{named: make(map[string]bool)} }

// keys is the tokens that there are, with their scopes.
type keys map[string][]string

func (k keys) Check(secret string) (string, []string, bool) {
	scopes, ok := k[secret]
	return "token-" + secret, scopes, ok
}

func (s *store) Batch(_ context.Context, b Batch) (bool, error) {
	s.sender, s.body = b.Sender, string(b.Manifest)+" "+string(b.Body)
	return s.queued, s.err
}

func (s *store) Events(_ context.Context, events []*event.Event) (Taken, error) {
	t := Taken{Queued: s.queued}
	for i, e := range events {
		if id := e.Get("event.id"); s.named[id] {
			t.Known = append(t.Known, i)
		} else if s.err == nil {
			s.named[id] = true
			s.events = append(s.events, e)
			if s.queued && !receive.Named(e) { // as who gives it a place in a stream
				e.Set("event.id", event.RandomKey().String())
			}
		}
	}
	return t, s.err
}

func doors(s *store, ready error) *Doors {
	return New(s, keys{"good": {"search", "ingest"}, "poor": {"search"}}, func() error { return ready }, slog.New(slog.NewTextHandler(io.Discard, nil)), metrics.NewSet())
}

func TestPlain(t *testing.T) {
	s := newStore()
	f := func(method, path, body string, code int, want string, headers ...string) {
		t.Helper()
		r := httptest.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
			if headers[i] == "Host" {
				r.Host = headers[i+1]
			}
		}
		w := httptest.NewRecorder()
		doors(s, nil).Plain().ServeHTTP(w, r)
		if w.Code != code || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s %.60q %v: %d %s; want %d %s", method, path, body, headers, w.Code, w.Body, code, want)
		}
	}
	demo := `{"category":"demo","hostname":"localhost","severity":"INFO","summary":"This is a test"}`
	f("POST", "/events", demo, 200, `"status":"indexed"`)
	if len(s.events) != 1 || s.events[0].Get("message") != "This is a test" ||
		strings.Join(s.events[0].All("tags"), ",") != "no_id,unauthenticated" {
		t.Errorf("%v", s.events)
	}
	f("POST", "/events", demo+"\n{", 400, `line 2`)
	f("POST", "/events", strings.Repeat(" ", receive.MaxText+1), 413, "larger")
	f("POST", "/events", demo, 403, "evil.example", "Host", "evil.example:8080")
	f("POST", "/events", demo, 403, "evil.example", "Origin", "http://evil.example")
	f("POST", "/events", demo, 200, "", "Origin", "http://localhost:3000", "Host", "127.0.0.1:8080")
	f("GET", "/events", "", 405, "")
	f("POST", "/events", demo, 415, "brotli", "Content-Encoding", "brotli")
	f("POST", "/_bulk", "x", 404, "")
	f("GET", "/v1/search?q=*", "", 404, "")
	f("POST", "/v1/batches", "x", 404, "")
	f("GET", "/healthz", "", 200, "ok")
	s.queued = true
	f("POST", "/events", demo, 202, `"status":"queued"`)
	s.err = errors.New("index is away")
	had := len(s.events)
	f("POST", "/events", demo, 503, "index is away")
	if len(s.events) != had {
		t.Error("taken in spite of the error")
	}
}

// tlsDoor serves the TLS door with a real handshake, and returns its address and two clients: with a certificate of
// agent-h, and without one.
func tlsDoor(t *testing.T, d *Doors) (url string, known, stranger *http.Client) {
	t.Helper()
	ca, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.Issue("server", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := own.AskingServer()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(d.TLS())
	srv.TLS, srv.EnableHTTP2 = settings, true
	srv.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelInfo)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	agent, err := ca.Issue("agent", certs.Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	client, err := agent.Client()
	if err != nil {
		t.Fatal(err)
	}
	over := func(c *tls.Config) *http.Client {
		tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr}
	}
	return srv.URL, over(client), over(&tls.Config{RootCAs: client.RootCAs})
}

// TLS is tried with a real handshake: who sends is whom the certificate names.
func TestTLS(t *testing.T) {
	s := newStore()
	url, known, _ := tlsDoor(t, doors(s, nil))
	f := func(code int, want string, err error, headers ...string) {
		t.Helper()
		s.err = err
		r, reqErr := http.NewRequest("POST", url+"/v1/batches", strings.NewReader("body"))
		if reqErr != nil {
			t.Fatal(reqErr)
		}
		r.Header.Set("Content-Encoding", "zstd")
		r.Header.Set("Belfry-Manifest", base64.StdEncoding.EncodeToString([]byte("manifest")))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, doErr := known.Do(r)
		if doErr != nil {
			t.Fatal(doErr)
		}
		defer resp.Body.Close()
		text, readErr := io.ReadAll(resp.Body)
		if readErr != nil || resp.StatusCode != code || !strings.Contains(string(text), want) {
			t.Errorf("%d %s, want %d %s", resp.StatusCode, text, code, want)
		}
		if code == 503 && resp.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
	f(200, "indexed", nil)
	if s.sender != "agent-h" || s.body != "manifest body" {
		t.Errorf("%q from %q", s.body, s.sender)
	}
	f(400, "no such version", fmt.Errorf("%w: no such version", ErrPoison))
	f(503, "away", errors.New("index is away"))
	f(415, "want zstd", nil, "Content-Encoding", "gzip")
	f(400, "Belfry-Manifest", nil, "Belfry-Manifest", "%")
}

func TestNoCertificateNoBatch(t *testing.T) {
	w := httptest.NewRecorder()
	doors(newStore(), nil).TLS().ServeHTTP(w, httptest.NewRequest("POST", "/v1/batches", strings.NewReader("x")))
	if w.Code != 401 {
		t.Errorf("%d", w.Code)
	}
}

func TestReady(t *testing.T) {
	w := httptest.NewRecorder()
	doors(newStore(), errors.New("disk is full")).Plain().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if w.Code != 503 || w.Body.String() != "disk is full\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
