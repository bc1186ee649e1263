package enroll

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"belfry/shared/certs"
	"belfry/shared/enroll"
)

// askTimeout bounds one question to the aggregator, which may have to ask its broker.
const askTimeout = 30 * time.Second

// refused is an answer that is none.
type refused struct {
	code   int
	status string
	text   string
}

func (r *refused) Error() string {
	return fmt.Sprintf("the aggregator answers %s: %s", r.status, r.text)
}

// later reports whether the same question may be answered later.
func later(err error) bool {
	var r *refused
	if !errors.As(err, &r) {
		var host x509.HostnameError
		var unknown x509.UnknownAuthorityError
		return !errors.As(err, &host) && !errors.As(err, &unknown) && !errors.Is(err, errAuthority)
	}
	return r.code == http.StatusTooManyRequests || r.code >= http.StatusInternalServerError
}

// do sends one request over a connection of its own.
func do(ctx context.Context, settings *tls.Config, method, url, token string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{
		TLSClientConfig: settings, DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: askTimeout / 2}).DialContext,
	}
	client := &http.Client{
		Transport: transport,
		// A token is for the server that was named, and for none that this one names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, enroll.MaxMessage))
	if err != nil {
		return nil, fmt.Errorf("read the aggregator's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var why struct{ Error string }
		if json.Unmarshal(text, &why) != nil || why.Error == "" {
			why.Error = string(bytes.TrimSpace(text[:min(len(text), 300)]))
		}
		return nil, &refused{resp.StatusCode, resp.Status, why.Error}
	}
	return text, nil
}

// errAuthority says that somebody else answers.
var errAuthority = errors.New("not the authority that the token names")

// authority asks a server whom nobody knows yet for its authority, and takes none but the one of which the token has the hash.
func authority(ctx context.Context, url string, t enroll.Token) ([]byte, error) {
	blind := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} // what it answers is judged by its hash
	text, err := do(ctx, blind, http.MethodGet, url+enroll.AuthorityPath, "", nil)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(text)
	if b == nil || sha256.Sum256(b.Bytes) != t.Authority {
		return nil, fmt.Errorf("%w: either the token is of another aggregator, or somebody stands between", errAuthority)
	}
	return pem.EncodeToMemory(&pem.Block{Type: b.Type, Bytes: b.Bytes}), nil
}

// ask asks for a certificate, and checks what comes.
func ask(ctx context.Context, settings *tls.Config, url, token, name string, key, csr []byte) (*enroll.Answer, error) {
	body, err := json.Marshal(enroll.Request{CSR: string(csr)})
	if err != nil {
		return nil, err
	}
	text, err := do(ctx, settings, http.MethodPost, url, token, body)
	if err != nil {
		return nil, err
	}
	a := new(enroll.Answer)
	if err := json.Unmarshal(text, a); err != nil {
		return nil, fmt.Errorf("read the aggregator's answer: %w", err)
	}
	return a, check(a, name, key)
}

// check says what is wrong with an answer: with that nothing would ever be shipped. It makes the address whole.
func check(a *enroll.Answer, name string, key []byte) (err error) {
	if a.URL != "" {
		if a.URL, err = checkServer(a.URL); err != nil {
			return fmt.Errorf("the aggregator's answer: %w", err)
		}
	}
	pair, err := tls.X509KeyPair([]byte(a.Certificate), key)
	if err != nil {
		return fmt.Errorf("the aggregator's answer: certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(a.Authorities)) {
		return errors.New("the aggregator's answer: authorities: no certificate")
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	if pair.Leaf.Subject.CommonName != name {
		return fmt.Errorf("the aggregator's answer: the certificate is of %q, wanted %q", pair.Leaf.Subject.CommonName, name)
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return fmt.Errorf("the aggregator's answer: certificate: %w", err)
	}
	return nil
}

// request makes a key, and asks for it by what the host is called.
func request(name, host string) (key, csr []byte, err error) {
	var hosts []string
	if enroll.CheckHost(name, host) == nil {
		hosts = []string{strings.ToLower(host)}
	}
	return certs.MakeCSR(name, hosts...)
}
