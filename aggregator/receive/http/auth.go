package http

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// scope is what a token must be for, to bring events.
const scope = "ingest"

// peer is who sends a request.
type peer struct {
	name string // proven by a certificate or a token; "" for nobody
	at   string // by what it is counted: its name, or its address
}

var (
	errNobody    = errors.New("show a client certificate, or a token: Authorization: Bearer TOKEN")
	errToken     = errors.New("the token is unknown, revoked or expired")
	errForbidden = fmt.Errorf("the token is not for scope %s", scope)
)

// handler answers a request of a known peer.
type handler func(w http.ResponseWriter, r *http.Request, from peer)

// refuser answers with an error.
type refuser func(w http.ResponseWriter, code int, err error)

// ingest lets those in who may bring events.
func (d *Doors) ingest(next handler, refuse refuser) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := sameOrigin(r); err != nil {
			refuse(w, http.StatusForbidden, err)
			return
		}
		from, err := d.whoIs(r)
		switch {
		case err == nil:
			next(w, r, from)
		case errors.Is(err, errForbidden):
			d.stranger(r, err.Error())
			refuse(w, http.StatusForbidden, err)
		default:
			d.stranger(r, err.Error())
			w.Header().Add("WWW-Authenticate", `Bearer realm="belfry"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="belfry", charset="UTF-8"`)
			refuse(w, http.StatusUnauthorized, err)
		}
	}
}

// whoIs returns who sends a request: whom the certificate names, else whose the token is.
func (d *Doors) whoIs(r *http.Request) (peer, error) {
	if name := commonName(r); name != "" {
		return peer{name, name}, nil
	}
	secret := secretOf(r)
	if secret == "" || d.tokens == nil {
		return peer{}, errNobody
	}
	name, scopes, ok := d.tokens.Check(secret)
	switch {
	case !ok:
		return peer{}, errToken
	case !slices.Contains(scopes, scope):
		return peer{}, errForbidden
	}
	return peer{name, name}, nil
}

// commonName is who sent a request, proven by a certificate.
func commonName(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	return r.TLS.VerifiedChains[0][0].Subject.CommonName
}

// secretOf returns the token that a request brings: as Bearer, as the password of Basic, or as an API key, with which
// Elasticsearch's clients send base64 of "id:key".
func secretOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	kind, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(kind, "Bearer"):
		return value
	case !strings.EqualFold(kind, "ApiKey"):
		return ""
	}
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return value
	}
	if _, key, ok := strings.Cut(string(text), ":"); ok {
		return key
	}
	return value
}

// sameOrigin refuses what a page in somebody's browser sends in his name: he may hold a certificate.
func sameOrigin(r *http.Request) error {
	o := r.Header.Get("Origin")
	if o == "" {
		return nil
	}
	if u, err := url.Parse(o); err != nil || u.Host != r.Host {
		return fmt.Errorf("origin %q is not this server", o)
	}
	return nil
}

func address(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// stranger notes that somebody was not let in.
func (d *Doors) stranger(r *http.Request, why string) {
	d.strangers.Inc()
	d.failures.note(why, time.Now(), "peer", address(r), "request", r.Method+" "+r.URL.Path)
}

// complainEvery is how often the log tells of what anybody can bring about, and again and again.
const complainEvery = 10 * time.Second

// complaints tells the log, but not each time.
type complaints struct {
	log  *slog.Logger
	what string

	mu    sync.Mutex
	next  time.Time
	since int // not told since the last one that was
}

func (c *complaints) note(why string, now time.Time, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.next) {
		c.since++
		return
	}
	c.log.Warn(c.what, append(args, "others", c.since, "err", why)...)
	c.next, c.since = now.Add(complainEvery), 0
}
