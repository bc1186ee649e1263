package http

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"belfry/shared/certs"
)

// asked is one request and what came of it.
type asked struct {
	code   int
	body   string
	header http.Header
}

func ask(t *testing.T, c *http.Client, method, url, body string, headers ...string) asked {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return asked{resp.StatusCode, string(text), resp.Header}
}

const event1 = `{"message":"m"}`

// untouched is a body that nobody may read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body is waited for")
	return 0, io.EOF
}

// Who asks whether to send a body (Expect: 100-continue) waits for the answer, and so must not be waited for.
func TestRefusedBeforeTheBody(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "https://localhost/_bulk", untouched{t})
	r.Header.Set("Expect", "100-continue")
	if doors(newStore(), nil).TLS().ServeHTTP(w, r); w.Code != 401 {
		t.Error(w.Code)
	}
}

// Who has neither certificate nor token is let in nowhere but to the check of health; and the token must be for it.
func TestWhoIsLetIn(t *testing.T) {
	s := newStore()
	d := doors(s, nil)
	url, known, stranger := tlsDoor(t, d)
	base := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	f := func(c *http.Client, authorization string, code int, sender string) {
		t.Helper()
		had := len(s.events)
		a := ask(t, c, "POST", url+"/events", event1, "Authorization", authorization)
		if a.code != code || (len(s.events) > had) != (code == 200) {
			t.Errorf("%q: %d %s, %d events more; want %d", authorization, a.code, a.body, len(s.events)-had, code)
			return
		}
		if e := s.events; code == 200 && (e[had].Get("agent.name") != sender || strings.Contains(strings.Join(e[had].All("tags"), ","), "unauthenticated")) {
			t.Errorf("%q: %v", authorization, e[had].Fields)
		}
		if code == 401 && len(a.header.Values("WWW-Authenticate")) == 0 {
			t.Errorf("%q: 401 without WWW-Authenticate", authorization)
		}
	}
	f(known, "", 200, "agent-h")
	f(known, "Bearer bad", 200, "agent-h")
	f(stranger, "Bearer good", 200, "token-good")
	f(stranger, "bearer good", 200, "token-good")
	f(stranger, "Basic "+base("elastic:good"), 200, "token-good")
	f(stranger, "ApiKey "+base("id:good"), 200, "token-good")
	f(stranger, "ApiKey good", 200, "token-good")
	f(stranger, "", 401, "")
	f(stranger, "Bearer bad", 401, "")
	f(stranger, "Bearer", 401, "")
	f(stranger, "Basic "+base("good:"), 401, "")
	f(stranger, "Digest good", 401, "")
	f(stranger, "Bearer poor", 403, "")
	if n := d.strangers.Get(); n != 6 {
		t.Errorf("%d who were not let in are counted, want 6", n)
	}
	for _, route := range []string{
		"POST /_bulk", "POST /i/_bulk", "POST /i/_doc", "PUT /i/_create/1", "GET /", "GET /_license", "GET /_cluster/health",
		"GET /_cat/health", "PUT /_index_template/x", "GET /i", "POST /v1/batches",
	} {
		method, path, _ := strings.Cut(route, " ")
		if a := ask(t, stranger, method, url+path, event1); a.code != 401 {
			t.Errorf("%s: %d %s", route, a.code, a.body)
		}
		if a := ask(t, stranger, method, url+path, event1, "Authorization", "Bearer good"); (a.code == 401) != (path == "/v1/batches") {
			t.Errorf("%s with a token: %d %s", route, a.code, a.body)
		}
	}
	if a := ask(t, known, "POST", url+"/events", event1, "Origin", "https://evil.example"); a.code != 403 {
		t.Errorf("from a page elsewhere: %d %s", a.code, a.body)
	}
	if a := ask(t, stranger, "GET", url+"/healthz", ""); a.code != 200 {
		t.Errorf("health: %d", a.code)
	}
}

// A certificate that is shown must be right, even where a token would do.
func TestForeignCertificate(t *testing.T) {
	url, _, stranger := tlsDoor(t, doors(newStore(), nil))
	ca, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f, err := ca.Issue("x", certs.Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := stranger.Transport.(*http.Transport).TLSClientConfig.Clone()
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	r, _ := http.NewRequest("POST", url+"/events", strings.NewReader(event1))
	r.Header.Set("Authorization", "Bearer good")
	if resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: c}}).Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("another authority's certificate: %s", resp.Status)
	}
}

func TestComplaints(t *testing.T) {
	var log bytes.Buffer
	c := complaints{log: slog.New(slog.NewTextHandler(&log, nil)), what: "not let in"}
	at := time.Now()
	for range 100 {
		c.note("no", at, "peer", "10.0.0.1")
	}
	c.note("no", at.Add(complainEvery), "peer", "10.0.0.2")
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "peer=10.0.0.2") || !strings.Contains(log.String(), "others=99") {
		t.Errorf("%s", log.String())
	}
}

// What ails the aggregator is nobody's business who is not let in.
func TestReadyForStrangers(t *testing.T) {
	d := doors(newStore(), io.ErrNoProgress)
	url, known, stranger := tlsDoor(t, d)
	if a := ask(t, stranger, "GET", url+"/readyz", ""); a.code != 503 || a.body != "not ready\n" {
		t.Errorf("a stranger hears %d %q", a.code, a.body)
	}
	if a := ask(t, known, "GET", url+"/readyz", ""); a.code != 503 || a.body != io.ErrNoProgress.Error()+"\n" {
		t.Errorf("one who is known hears %d %q", a.code, a.body)
	}
}
