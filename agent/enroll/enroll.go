package enroll

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"time"

	"belfry/shared/backoff"
	"belfry/shared/certs"
	"belfry/shared/enroll"
	"belfry/shared/owner"
)

// user is who the agent runs as, where there is such a user.
const user = "belfry-agent"

// Options say what Enroll is to do.
type Options struct {
	State  string // folder of the agent's state; it is made, if there is none
	Server string // https://host:port of the aggregator
	Token  string // of belfry ca token
	Name   string // common name; default agent-HOST
	Host   string // name of this host
	CA     string // file of the authorities that the server's certificate may come from; default the one that the token names
	Force  bool   // although there is a valid certificate
}

// Result is what came of it.
type Result struct {
	Name  string
	Until time.Time
	Ship  Ship
}

// tries is how often a question is asked that nobody has answered.
const tries = 5

// Enroll gets a certificate, and keeps it in the state, as who that belongs to.
func Enroll(ctx context.Context, o Options) (Result, error) {
	base, err := checkServer(o.Server)
	if err != nil {
		return Result{}, err
	}
	t, err := enroll.ParseToken(o.Token)
	if err != nil {
		return Result{}, err
	}
	if o.Name == "" {
		if o.Name, err = enroll.AgentName(o.Host); err != nil {
			return Result{}, fmt.Errorf("%w: --name gives another", err)
		}
	}
	if err := enroll.CheckName(o.Name); err != nil {
		return Result{}, err
	}
	if err := owner.Make(o.State, user); err != nil {
		return Result{}, fmt.Errorf("make state folder: %w", err)
	}
	f := In(o.State)
	if err := f.free(o.Force); err != nil {
		return Result{}, err
	}
	got, err := get(ctx, base, t, o)
	if err != nil {
		return Result{}, fmt.Errorf("enrol at %s: %w", base, err)
	}
	if err := owner.As(o.State, func() error { return f.write(got) }); err != nil {
		return Result{}, err
	}
	r := Result{Ship: got.Ship}
	r.Name, _, r.Until, err = f.Certificate()
	return r, err
}

// checkServer returns the beginning of all addresses of a server.
func checkServer(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Path != "" && u.Path != "/" {
		return "", fmt.Errorf("server: %q is not https://host:port", text)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "8443")
	}
	return "https://" + u.Host, nil
}

// free says whether there is a valid certificate that nobody wants to replace.
func (f Folder) free(force bool) error {
	_, err := f.Ship()
	if errors.Is(err, fs.ErrNotExist) || force {
		return nil
	}
	if err != nil {
		return err
	}
	name, _, until, err := f.Certificate()
	if err != nil || time.Now().After(until) {
		return nil // it is of no use
	}
	return fmt.Errorf("%s has a certificate until %s, which it renews by itself: --force gets another one all the same",
		name, until.UTC().Format(time.RFC3339))
}

func get(ctx context.Context, base string, t enroll.Token, o Options) (next, error) {
	key, csr, err := request(o.Name, o.Host)
	if err != nil {
		return next{}, err
	}
	trusted, err := named(o.CA)
	if err != nil {
		return next{}, err
	}
	var a *enroll.Answer
	pause := backoff.Backoff{Min: time.Second, Max: 10 * time.Second}
	for n := range tries { // with the same key: that costs the token no second use
		if n > 0 {
			pause.Wait(ctx)
		}
		if a, err = once(ctx, base, t, o.Name, trusted, key, csr); err == nil || !later(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return next{}, err
	}
	s := Ship{URL: cmp.Or(a.URL, base), AMQP: a.AMQP, Trusted: trusted}
	return next{s, []byte(a.Authorities + trusted), []byte(a.Certificate), key}, nil
}

// named reads the authorities that somebody names; none without a file.
func named(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if _, err := certs.Pool(path); err != nil {
		return "", fmt.Errorf("ca: %w", err)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// once asks for the authority, and then, of whom this one vouches for, for the certificate.
func once(ctx context.Context, base string, t enroll.Token, name, trusted string, key, csr []byte) (*enroll.Answer, error) {
	known, err := authority(ctx, base, t)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(append(known, trusted...))
	settings := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	a, err := ask(ctx, settings, base+enroll.EnrollPath, t.Secret, name, key, csr)
	return a, explain(err)
}

// explain says what can be done about a server that is not believed.
func explain(err error) error {
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &host):
		return fmt.Errorf("%w: the aggregator's certificate does not name this host (belfry ca issue belfry --host HOST)", err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: the aggregator's certificate is not of the authority that the token names: --ca names another", err)
	}
	return err
}
