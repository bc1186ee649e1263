package app

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/serve"
	"belfry/aggregator/token"
	"belfry/shared/ops"
)

// fromSocket knows who asks over the operator's socket: whoever may use it may do everything.
func fromSocket(r *http.Request) (serve.Asker, error) {
	return serve.Asker{Name: askedBy(r), By: "socket", Admin: true, Local: true}, nil
}

// askedBy returns the user at the other end of the socket, as the kernel says.
func askedBy(r *http.Request) string {
	uid, ok := ops.Peer(r.Context())
	if !ok {
		return "somebody"
	}
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}

// Who tries tokens that are none waits until the minute is over: 256 bits are not guessed, but each try costs a look at
// every token, and a line of log. An address is one of IPv4, or a /64 of IPv6.
const (
	maxFailures  = 20     // of an address in a minute
	maxAddresses = 10_000 // that are remembered; beyond, nobody without a token is heard until the minute is over
)

// tokenDoor knows who asks over TLS. A token of the right scope is what counts: a certificate of the authority is what
// every agent has, and says only that its bearer may ship.
type tokenDoor struct {
	tokens *token.Store
	log    *slog.Logger
	now    func() time.Time
	failed *metrics.Counter

	mu       sync.Mutex
	until    time.Time // the minute is over
	failures map[string]int
}

func newTokenDoor(tokens *token.Store, log *slog.Logger, set *metrics.Set) *tokenDoor {
	return &tokenDoor{tokens: tokens, log: log, now: time.Now, failed: set.NewCounter("belfry_serve_unauthenticated_total")}
}

var (
	errBadToken = errors.New("the token is unknown, revoked or expired")
	errNoScope  = errors.New("the token has neither the scope search nor admin")
)

// who returns whose token a request brings.
func (d *tokenDoor) who(r *http.Request) (serve.Asker, error) {
	from := addressOf(r)
	if !d.patient(from) {
		return serve.Asker{}, serve.ErrBusy
	}
	kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if secret = strings.TrimSpace(secret); !strings.EqualFold(kind, "Bearer") || secret == "" {
		return serve.Asker{}, d.stranger(r, from, serve.ErrStranger)
	}
	name, scopes, ok := d.tokens.Check(secret)
	switch {
	case !ok:
		return serve.Asker{}, d.stranger(r, from, errBadToken)
	case slices.Contains(scopes, "admin"):
		return serve.Asker{Name: name, By: "token", From: from, Admin: true}, nil
	case slices.Contains(scopes, "search"):
		return serve.Asker{Name: name, By: "token", From: from}, nil
	}
	return serve.Asker{}, d.stranger(r, from, errNoScope)
}

// patient reports whether an address has not failed too often.
func (d *tokenDoor) patient(from string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn()
	return d.failures[network(from)] < maxFailures
}

// turn begins a minute when one is over. The caller holds mu.
func (d *tokenDoor) turn() {
	if now := d.now(); !now.Before(d.until) {
		d.until, d.failures = now.Add(time.Minute), make(map[string]int)
	}
}

// stranger notes that somebody was not let in. The log hears of the first time of an address in a minute, and of the last.
func (d *tokenDoor) stranger(r *http.Request, from string, why error) error {
	d.failed.Inc()
	d.mu.Lock()
	d.turn()
	n := d.failures[network(from)] + 1
	full := n == 1 && len(d.failures) >= maxAddresses
	if !full {
		d.failures[network(from)] = n
	}
	d.mu.Unlock()
	if full {
		return serve.ErrBusy
	}
	if n == 1 || n == maxFailures {
		d.log.Warn("request is not let in", "peer", from, "request", r.Method+" "+r.URL.Path, "tries", n, "err", why)
	}
	return why
}

func addressOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// network is by what an address is counted.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
}
