package topology

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"belfry/shared/certs"
	"belfry/shared/conf"
)

// Management says how to reach the broker's management API.
type Management struct {
	URL      string      `yaml:"url"`      // https://broker:15671; http:// on loopback only
	User     string      `yaml:"user"`     // with the tag administrator
	Password conf.Secret `yaml:"password"` //
	CA       string      `yaml:"ca"`       // authorities of its certificate; default those of receive.amqp
	Cert     string      `yaml:"cert"`     // one's own certificate, if it asks for one; default none
	Key      string      `yaml:"key"`      // its key
}

// Validate reports every fault, each with its key.
func (m Management) Validate() error {
	var errs []error
	u, err := url.Parse(m.URL)
	switch {
	case err != nil || u.Host == "":
		errs = append(errs, fmt.Errorf("url: %q is not a URL such as https://broker:15671", m.URL))
	case u.User != nil:
		errs = append(errs, errors.New("url: put the user into user and password"))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		errs = append(errs, fmt.Errorf("url: %q would send the password in the clear: https, or a loopback address", m.URL))
	case u.Scheme != "http" && u.Scheme != "https":
		errs = append(errs, fmt.Errorf("url: scheme %q: only https is spoken, and http on loopback", u.Scheme))
	}
	if m.User == "" || m.Password == "" {
		errs = append(errs, errors.New("user: user and password must both be set"))
	}
	if _, err := m.tls(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tls returns the settings of a connection. Its errors begin with the key.
func (m Management) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.CA != "" {
		pool, err := certs.Pool(m.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		c.RootCAs = pool
	}
	if m.Cert != "" || m.Key != "" {
		pair, err := tls.LoadX509KeyPair(m.Cert, m.Key)
		if err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// The bounds of one request.
const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 256 << 20 // 1000 agents make about 1 MiB
	maxReason      = 300       // of an answer that is none of the API's
)

// client speaks to the management API. It is safe for concurrent use.
type client struct {
	Management
	http *http.Client
}

func newClient(m Management) (*client, error) {
	settings, err := m.tls()
	if err != nil {
		return nil, fmt.Errorf("receive.amqp.management.%w", err)
	}
	m.URL = strings.TrimSuffix(m.URL, "/")
	return &client{m, &http.Client{
		Timeout:   requestTimeout,
		Transport: &http.Transport{TLSClientConfig: settings, MaxIdleConnsPerHost: lanes},
		// A password is not carried to where somebody else sends us.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// path joins the parts of a path, each escaped, behind /api.
func path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

func (c *client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

// do makes one request. Its error says what an operator can do about it.
func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.SetBasicAuth(c.User, c.Password.Reveal())
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		return c.unreached(err)
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("management API: %s %s: read the answer: %w", method, path, err)
	}
	if answer.StatusCode/100 != 2 {
		return c.refused(method, path, answer.StatusCode, text)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s%s does not answer as the management API does: is receive.amqp.management.url right? %w", c.URL, path, err)
	}
	return nil
}

// unreached explains why there was no answer.
func (c *client) unreached(err error) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var cert *tls.CertificateVerificationError
	var alert tls.AlertError
	what := "management API: %w; is the broker up, its plugin rabbitmq_management enabled " +
		"(rabbitmq-plugins enable rabbitmq_management), and receive.amqp.management.url right?"
	switch {
	case errors.Is(err, context.Canceled):
		what = "management API: %w"
	case errors.As(err, &host):
		what = "management API: TLS: %w; the name in receive.amqp.management.url must be one of the certificate's"
	case errors.As(err, &unknown), errors.As(err, &cert):
		what = "management API: TLS: %w; receive.amqp.management.ca must hold the authority of its certificate"
	case strings.Contains(err.Error(), "gave HTTP response to HTTPS client"):
		what = "management API: TLS: %w; that port does not speak TLS"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls"):
		what = "management API: TLS: %w; it wants a certificate: receive.amqp.management.cert and key"
	}
	return fmt.Errorf(what, err)
}

// errAbsent is the API's word that something does not exist.
var errAbsent = errors.New("there is none (404)")

// refused explains an answer that is none.
func (c *client) refused(method, path string, status int, text []byte) error {
	var a struct{ Error, Reason any }
	if json.Unmarshal(text, &a) != nil || a.Reason == nil {
		a.Reason = string(text[:min(len(text), maxReason)])
	}
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("management API: user %q is refused (401): %v; see receive.amqp.management.user and password; the user needs "+
			"the tag administrator (rabbitmqctl set_user_tags %s administrator)", c.User, a.Reason, c.User)
	case http.StatusForbidden:
		return fmt.Errorf("management API: user %q may not %s %s (403): %v; give it the tag administrator (rabbitmqctl set_user_tags %s "+
			"administrator)", c.User, method, path, a.Reason, c.User)
	case http.StatusNotFound:
		absent := errAbsent
		if a.Error != "Object Not Found" { // the word of a proxy, or of another server
			absent = errors.New("not found (404)")
		}
		return fmt.Errorf("management API: %s %s: %w: %v; is receive.amqp.management.url that of RabbitMQ with the plugin "+
			"rabbitmq_management, and is there such a virtual host?", method, c.URL+path, absent, a.Reason)
	}
	return fmt.Errorf("management API: %s %s: status %d: %v", method, path, status, a.Reason)
}
