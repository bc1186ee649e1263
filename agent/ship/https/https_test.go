package https

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// server is a real one with mutual TLS.
func server(t *testing.T, h http.HandlerFunc) (Config, *certs.Authority) {
	t.Helper()
	ca, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.Issue("server", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := own.Server()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = settings
	s.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelInfo)
	s.StartTLS()
	t.Cleanup(s.Close)
	client, err := ca.Issue("client", certs.Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	return Config{URL: s.URL, Files: client}, ca
}

func road(t *testing.T, cfg Config) *Road {
	t.Helper()
	r, err := New(cfg, func(*batch.Manifest) {}, func(*heartbeat.Ack) {}, slog.New(slog.NewTextHandler(io.Discard, nil)), metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealed(t *testing.T) *batch.Sealed {
	t.Helper()
	b, err := batch.NewBuilder(event.HashKey("a"), event.HashKey("b"), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Add(batch.Place{Stream: event.HashKey("s")}, 0, 1, []byte(`{"a":1}`))
	s, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, r *Road, b *batch.Sealed) error {
	t.Helper()
	result := make(chan error, 2)
	r.Send(t.Context(), b, func(err error) { result <- err })
	return <-result
}

func TestSend(t *testing.T) {
	want := sealed(t)
	answer := http.StatusOK
	cfg, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		manifest, err2 := base64.StdEncoding.DecodeString(r.Header.Get("Belfry-Manifest"))
		if err != nil || err2 != nil || string(body) != string(want.Body) || string(manifest) != string(want.Header) ||
			r.URL.Path != "/v1/batches" || r.Header.Get("Content-Encoding") != "zstd" ||
			r.TLS.VerifiedChains[0][0].Subject.CommonName != "agent-h" {
			t.Errorf("%s %v %q", r.URL, r.Header, body)
		}
		http.Error(w, "because", answer)
	})
	r := road(t, cfg)
	indexed := 0
	r.indexed = func(m *batch.Manifest) {
		if indexed++; m != want.Manifest || answer != http.StatusOK {
			t.Errorf("%d says that %v is in the index", answer, m)
		}
	}
	defer func() {
		if indexed != 1 {
			t.Errorf("%d batches are in the index, want 1", indexed)
		}
	}()
	for code, text := range map[int]string{200: "", 202: "", 400: "400 Bad Request: because", 302: "302"} {
		answer = code
		err := send(t, r, want)
		if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("%d: %v, want %q", code, err, text)
		}
		if (r.LastError() == nil) != (err == nil) {
			t.Errorf("%d: last error %v", code, r.LastError())
		}
	}
}

// Behind a broker the index says later what it has.
func TestAsksForAcks(t *testing.T) {
	want := heartbeat.Ack{Agent: event.HashKey("a"), Streams: []heartbeat.Held{{ID: event.HashKey("s"), Epoch: 7, End: 9}}}
	cfg, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1/acks" || r.TLS.VerifiedChains[0][0].Subject.CommonName != "agent-h" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if err := json.NewEncoder(w).Encode(want); err != nil {
			t.Error(err)
		}
	})
	r := road(t, cfg)
	var got []heartbeat.Ack
	r.acked = func(a *heartbeat.Ack) { got = append(got, *a) }
	if err := r.askAcks(t.Context()); err != nil || len(got) != 1 || got[0].Agent != want.Agent || got[0].Streams[0] != want.Streams[0] {
		t.Errorf("%v %v", err, got)
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	var at []time.Time
	cfg, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		at = append(at, time.Now())
		if len(at) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	r := road(t, cfg)
	b := sealed(t)
	if err := send(t, r, b); err == nil {
		t.Error("429 was taken for success")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result := make(chan error, 1)
	r.Send(ctx, b, func(err error) { result <- err })
	if err := <-result; err == nil || len(at) != 1 {
		t.Errorf("sent while it should rest: %v, %d", err, len(at))
	}
	if err := send(t, r, b); err != nil || at[1].Sub(at[0]) < 900*time.Millisecond {
		t.Errorf("%v, second try after %v", err, at[1].Sub(at[0]))
	}
}

func TestStrangersAreRefused(t *testing.T) {
	cfg, _ := server(t, func(http.ResponseWriter, *http.Request) { t.Error("a stranger came in") })
	_, other := server(t, nil)
	strange, err := other.Issue("x", certs.Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := send(t, road(t, Config{URL: cfg.URL, Files: certs.Files{CA: cfg.CA, Cert: strange.Cert, Key: strange.Key}}), sealed(t)); err == nil {
		t.Error("client of another authority was let in")
	}
	if err := send(t, road(t, Config{URL: cfg.URL, Files: strange}), sealed(t)); err == nil || !strings.Contains(err.Error(), "authority") {
		t.Errorf("server of another authority: %v", err)
	}
}
