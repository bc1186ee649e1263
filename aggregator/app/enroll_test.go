package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/ca"
	"belfry/shared/certs"
	"belfry/shared/enroll"
)

// notary is an aggregator with an authority of its own.
type notary struct {
	*rig
	url string
	ca  string // file of the authority
}

func openNotary(t *testing.T, more ...string) *notary {
	t.Helper()
	dir := t.TempDir()
	url := freeAddr(t)
	out := filepath.Join(dir, "out")
	o := &notary{url: "https://" + url, ca: filepath.Join(out, "ca.pem")}
	o.rig = &rig{t: t, path: filepath.Join(dir, "aggregator.yaml")}
	section := fmt.Sprintf(`{http: {plain: "off", tls: {listen: %q, ca: %s, cert: %s/belfry.pem, key: %s/belfry.key}}}`, url, o.ca, out, out)
	text := fmt.Sprintf("state: %s/state\nreceive: %s\nserve: {socket: %s/api.sock}\n", dir, section, dir) + strings.Join(more, "\n")
	if err := os.WriteFile(o.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.must(caInitCmd{Name: "Our logs", Days: 10}.Run(o.line()))
	o.must(caIssueCmd{Name: "belfry", Host: []string{"127.0.0.1"}, Days: 5, Output: out}.Run(o.line()))
	o.run()
	return o
}

func (o *notary) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *notary) line() *CLI { return &CLI{Config: o.path, Out: io.Discard, Err: io.Discard} }

// said runs a command of the command line, and returns what it prints.
func (o *notary) said(run func(*CLI) error) string {
	o.t.Helper()
	var out bytes.Buffer
	c := o.line()
	c.Out = &out
	o.must(run(c))
	return strings.TrimSpace(out.String())
}

func (o *notary) token(t caTokenCmd) string {
	o.t.Helper()
	if t.Uses == 0 {
		t.Uses = 1
	}
	if t.TTL == 0 {
		t.TTL = 1 << 40
	}
	text := o.said(func(c *CLI) error { return t.Run(o.t.Context(), c) })
	parsed, err := enroll.ParseToken(text)
	o.must(err)
	return parsed.Secret
}

// ask sends a request for a certificate, and returns what comes; client nil: without a certificate.
func (o *notary) ask(path, secret string, csr []byte, client *tls.Certificate) (int, enroll.Answer, string) {
	o.t.Helper()
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	settings.RootCAs, err = certs.Pool(o.ca)
	o.must(err)
	if client != nil {
		settings.Certificates = []tls.Certificate{*client}
	}
	transport := &http.Transport{TLSClientConfig: settings}
	defer transport.CloseIdleConnections()
	body, err := json.Marshal(enroll.Request{CSR: string(csr)})
	o.must(err)
	req, err := http.NewRequest(http.MethodPost, o.url+path, bytes.NewReader(body))
	o.must(err)
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	o.must(err)
	defer resp.Body.Close()
	var a struct {
		enroll.Answer
		Error string
	}
	o.must(json.NewDecoder(resp.Body).Decode(&a))
	return resp.StatusCode, a.Answer, a.Error
}

func (o *notary) csr(name string, hosts ...string) (key, csr []byte) {
	o.t.Helper()
	key, csr, err := certs.MakeCSR(name, hosts...)
	o.must(err)
	return key, csr
}

// enrolled gets a certificate.
func (o *notary) enrolled(name string) *tls.Certificate {
	o.t.Helper()
	key, csr := o.csr(name)
	code, a, text := o.ask(enroll.EnrollPath, o.token(caTokenCmd{Name: name}), csr, nil)
	if code != http.StatusOK {
		o.t.Fatalf("%s: %d %s", name, code, text)
	}
	pair, err := tls.X509KeyPair([]byte(a.Certificate), key)
	o.must(err)
	return &pair
}

// knows waits until the aggregator knows that a certificate was revoked, and why.
func (o *notary) knows(c *x509.Certificate, compromised bool) {
	o.t.Helper()
	o.until("know that the certificate was revoked", func() bool {
		return o.agg.authority.Unsigned(c, c.NotBefore) != nil || !compromised && o.agg.authority.Refuses(c) != nil
	})
}

// finds waits until a query finds so many events.
func (o *notary) finds(want int, query string) {
	o.t.Helper()
	o.until(query, func() bool { got, _ := o.search(query); return len(got) == want })
}

// What an agent is given is what the aggregator decides, whatever it asks for.
func TestEnrollment(t *testing.T) {
	o := openNotary(t, "enroll: {lifetime: 2d}\n")
	secret := o.token(caTokenCmd{Name: "web01"})
	_, csr := o.csr("agent-web01", "web01.example.org")
	code, a, text := o.ask(enroll.EnrollPath, secret, csr, nil)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	if a.URL != "" || len(a.AMQP) > 0 || strings.Count(a.Authorities, "BEGIN") != 1 {
		t.Errorf("%+v", a)
	}
	c := parsed(t, a.Certificate)
	if c.Subject.String() != "CN=agent-web01" || len(c.DNSNames) != 1 || c.IsCA || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth ||
		time.Until(c.NotAfter) > 48*time.Hour {
		t.Errorf("%+v", c)
	}
	// The answer was lost, and the same request comes again; another one does not get in by that token.
	if code, _, text := o.ask(enroll.EnrollPath, secret, csr, nil); code != http.StatusOK {
		t.Errorf("again: %d %s", code, text)
	}
	f := func(what, secret string, csr []byte, code int, want string) {
		t.Helper()
		got, _, text := o.ask(enroll.EnrollPath, secret, csr, nil)
		if got != code || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %d %s", what, got, text, code, want)
		}
	}
	_, other := o.csr("agent-web01")
	f("used up", secret, other, 403, "used up")
	one := o.token(caTokenCmd{Name: "agent-web02"})
	f("another name", one, other, 403, "it is for agent-web02")
	f("no token", "", other, 401, "none for enrolling")
	f("a wrong token", "belfry_x", other, 401, "none for enrolling")
	_, aggregator := o.csr("belfry")
	f("the aggregator's name", one, aggregator, 400, "no name of an agent")
	_, foreign := o.csr("agent-web02", "logs.example.org")
	f("a host of others", one, foreign, 400, "is not that host")
	f("no request", one, nil, 400, "no PEM block")

	// A pattern is for those whom nobody knows.
	fleet := o.token(caTokenCmd{Pattern: "web*", Uses: 10})
	f("who is there", fleet, other, 409, "has a certificate already")
	_, small := o.csr("agent-weba")
	f("a name", fleet, small, 200, "")
	_, capital := o.csr("agent-webA")
	f("that name, which speaks for that host", fleet, capital, 409, "has a certificate already")
	_, third := o.csr("agent-web03")
	f("who is not", fleet, third, 200, "")
	_, again := o.csr("agent-web03")
	f("twice by one pattern", fleet, again, 409, "")
	o.must(caRevokeCmd{Which: "agent-web03", Reason: "stolen"}.Run(t.Context(), o.line()))
	f("the very request of who was thrown out", fleet, third, 403, "was revoked since")
	f("who was thrown out", fleet, again, 403, "was revoked since")
	_, anew := o.csr("agent-web03")
	f("who was thrown out, by a newer pattern", o.token(caTokenCmd{Pattern: "web*"}), anew, 409, "")
	f("who was thrown out, by a token of his own", o.token(caTokenCmd{Name: "web03"}), anew, 200, "")

	o.finds(1, "event.dataset:belfry.ca AND event.action:enroll AND event.outcome:failure AND error.message:*used*")
	o.finds(1, "event.dataset:belfry.ca AND event.action:revoke AND event.reason:stolen")
	o.finds(5, "event.dataset:belfry.ca AND event.action:enroll AND event.outcome:success") // one of them twice

	// Nothing else is to be had by such a token.
	req, err := http.NewRequest(http.MethodPost, o.url+"/events", strings.NewReader(`{"message":"m"}`))
	o.must(err)
	req.Header.Set("Authorization", "Bearer "+fleet)
	pool, err := certs.Pool(o.ca)
	o.must(err)
	resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}).Do(req)
	o.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("events by a token for enrolling: %s", resp.Status)
	}
}

func parsed(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	b, _ := pem.Decode([]byte(text))
	c, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Who tries tokens is not heard for a while.
func TestTokensAreNotGuessed(t *testing.T) {
	o := openNotary(t)
	_, csr := o.csr("agent-x")
	last := 0
	for range maxFailures + 1 {
		last, _, _ = o.ask(enroll.EnrollPath, "belfry_guess", csr, nil)
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("%d", last)
	}
	if code, _, _ := o.ask(enroll.EnrollPath, o.token(caTokenCmd{Name: "x"}), csr, nil); code != http.StatusTooManyRequests {
		t.Errorf("with the right one: %d", code)
	}
}

// A certificate is renewed for who shows it, as long as it is valid and not revoked; a new one follows with a new key.
func TestRenewal(t *testing.T) {
	o := openNotary(t)
	pair := o.enrolled("agent-web01")
	_, csr := o.csr("agent-web01", "web01")
	code, a, text := o.ask(enroll.RenewPath, "", csr, pair)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	if c := parsed(t, a.Certificate); c.Subject.CommonName != "agent-web01" || c.SerialNumber.Cmp(pair.Leaf.SerialNumber) == 0 {
		t.Errorf("%v %v", c.Subject, c.SerialNumber)
	}
	f := func(what string, csr []byte, pair *tls.Certificate, code int, want string) {
		t.Helper()
		got, _, text := o.ask(enroll.RenewPath, "", csr, pair)
		if got != code || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %d %s", what, got, text, code, want)
		}
	}
	_, other := o.csr("agent-web02")
	f("another name", other, pair, 403, "the certificate is of")
	f("no certificate", csr, nil, 401, "show the certificate")
	o.must(caIssueCmd{Name: "belfry", Days: 1, Output: t.TempDir()}.Run(o.line()))
	own, err := tls.LoadX509KeyPair(filepath.Join(filepath.Dir(o.ca), "belfry.pem"), filepath.Join(filepath.Dir(o.ca), "belfry.key"))
	o.must(err)
	_, aggregator := o.csr("belfry")
	f("the aggregator", aggregator, &own, 400, "no name of an agent")
	o.must(caRevokeCmd{Which: pair.Leaf.SerialNumber.Text(16), Reason: "lost"}.Run(t.Context(), o.line()))
	f("revoked", csr, pair, 403, "was revoked")
	list := o.said(func(c *CLI) error { return caListCmd{Name: "agent-web01"}.Run(c) })
	if strings.Count(list, "revoked (lost)") != 1 || strings.Count(list, "valid") != 1 || strings.Contains(list, "belfry") {
		t.Error(list)
	}
}

// A batch that was signed before its signer was revoked counts, one from after that does not, and with a compromised key none
// does. At the door its bearer hears why.
func TestRevocation(t *testing.T) {
	o := openNotary(t)
	pair := o.enrolled("agent-h")
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	o.must(err)
	o.agent = certs.Files{CA: o.ca, Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	o.must(errors.Join(os.WriteFile(o.agent.Cert, certs.EncodePEM(pair.Leaf), 0o600), os.WriteFile(o.agent.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)))
	h := o.newHost("h")
	o.must(o.send(h.seal(stamp() + " h x: first")))
	before := h.seal(stamp() + " h x: before")
	o.must(caRevokeCmd{Which: "agent-h", Reason: "is gone"}.Run(t.Context(), o.line()))
	o.knows(pair.Leaf, false)
	o.must(o.send(before))
	after := h.seal(stamp() + " h x: after")
	o.must(o.send(after))
	if all := o.dead(); len(all) != 1 || !strings.Contains(all[0], "was revoked") {
		t.Errorf("signed after: %v", all)
	}
	o.count(2, "event.original:*x:*")
	pool, err := certs.Pool(o.ca)
	o.must(err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{*pair}, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(o.url + "/v1/acks")
	o.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	o.must(err)
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "is gone") || !resp.Close {
		t.Errorf("at the door: %s %s, the connection is closed: %v", resp.Status, text, resp.Close)
	}
	o.must(caRevokeCmd{Which: "agent-h", Reason: "stolen", Compromised: true}.Run(t.Context(), o.line()))
	o.knows(pair.Leaf, true)
	o.must(o.send(before))
	if all := o.dead(); len(all) != 2 {
		t.Errorf("signed before by a compromised key: %v", all)
	}
}

// What ails the aggregator is for its log, and no fault of who asks.
func TestJournalThatCannotBeRead(t *testing.T) {
	o := openNotary(t)
	secret := o.token(caTokenCmd{Name: "web01"})
	f, err := os.OpenFile(filepath.Join(filepath.Dir(o.path), "state", "ca", "issued.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
	o.must(err)
	_, err = f.WriteString("x\n")
	o.must(errors.Join(err, f.Close()))
	_, csr := o.csr("agent-web01")
	if code, _, text := o.ask(enroll.EnrollPath, secret, csr, nil); code != http.StatusInternalServerError || strings.Contains(text, "issued") {
		t.Errorf("%d %s", code, text)
	}
}

// Who asks to have a certificate renewed may be the first who is refused since the start.
func TestFirstIsRefused(t *testing.T) {
	d := newTokenDoor(nil, slog.New(slog.DiscardHandler), metrics.NewSet())
	if err := d.stranger(httptest.NewRequest(http.MethodPost, enroll.RenewPath, nil), "192.0.2.7", errNoScope); !errors.Is(err, errNoScope) {
		t.Error(err)
	}
}

// Who is revoked while the certificate is being made, which may wait for a broker, gets none.
func TestRevokedMeanwhile(t *testing.T) {
	o := openNotary(t)
	allowed := time.Now()
	o.enrolled("agent-h")
	o.must(caRevokeCmd{Which: "agent-h", Reason: "stolen"}.Run(t.Context(), o.line()))
	_, text := o.csr("agent-h")
	csr, err := certs.ReadCSR(text)
	o.must(err)
	set := metrics.NewSet()
	e := &enroller{Aggregator: o.agg, door: newTokenDoor(nil, o.agg.log, set), enrolled: set.NewCounter("enrolled"), refused: set.NewCounter("refused")}
	w := httptest.NewRecorder()
	e.grant(w, httptest.NewRequest(http.MethodPost, enroll.EnrollPath, nil), csr, ca.Origin{How: ca.ByEnrollment, Since: allowed})
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "was revoked") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A certificate that is in use does not lose a host by a typing error.
func TestIssueKeepsHosts(t *testing.T) {
	o := openNotary(t)
	out := t.TempDir()
	issue := func(force bool, hosts ...string) error {
		return caIssueCmd{Name: "belfry", Host: hosts, Days: 5, Output: out, Force: force}.Run(o.line())
	}
	o.must(issue(false, "logs.example.org", "127.0.0.1"))
	o.must(issue(false, "127.0.0.1", "logs.example.org", "logs"))
	if err := issue(false, "lgos.example.org"); err == nil || !strings.Contains(err.Error(), "names logs.example.org, logs, 127.0.0.1, and the new") {
		t.Errorf("%v", err)
	}
	o.must(issue(true, "other"))
}
