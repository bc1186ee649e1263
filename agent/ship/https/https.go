// Package https is the road to an aggregator without a broker between: each batch is one POST over mutual TLS, and is
// taken when the answer is 200 (it is on the aggregator's disk) or 202 (a broker holds it). Those of one
// lane go one after the other. 429 and 503 are back pressure: the road rests as long as Retry-After says.
package https

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/conf"
	"belfry/shared/heartbeat"
)

// Config says where the aggregator is. Zero fields take defaults.
type Config struct {
	URL         string `yaml:"url"` // https://host:8443
	certs.Files `yaml:",inline"`
	Timeout     conf.Duration `yaml:"timeout"` // of one POST; default 60s
}

func (c *Config) timeout() time.Duration { return cmp.Or(time.Duration(c.Timeout), time.Minute) }

// Validate reports every fault, each with its key.
func (c *Config) Validate() error {
	var errs []error
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "https" || u.Host == "" {
		errs = append(errs, fmt.Errorf("url: %q: want a URL that begins with https://, as https://aggregator:8443", c.URL))
	}
	return errors.Join(append(errs, c.Files.Validate())...)
}

// maxRest bounds what Retry-After may ask for.
const maxRest = 5 * time.Minute

// Road is a way to an aggregator.
type Road struct {
	cfg     Config
	indexed func(*batch.Manifest)
	acked   func(*heartbeat.Ack)
	log     *slog.Logger
	client  *http.Client

	mu      sync.Mutex
	queued  bool // a broker has what was sent last: the index says later that it has it
	lastErr error
	rest    time.Time // send nothing before

	posts, failures *metrics.Counter
}

// idleConns is how many connections wait for the next batch: one for each of the lanes that a relay may have.
const idleConns = 16

// New returns the road. It connects with the first batch. indexed is called with each batch that the answer says is in the
// index already. Where a broker has it first, acked is called with what the index says later.
func New(cfg Config, indexed func(*batch.Manifest), acked func(*heartbeat.Ack), log *slog.Logger, set *metrics.Set) (*Road, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	r := &Road{
		cfg: cfg, indexed: indexed, acked: acked, log: log, lastErr: errors.New("nothing sent yet"),
		posts:    set.NewCounter("belfry_agent_ship_https_posts_total"),
		failures: set.NewCounter("belfry_agent_ship_https_failures_total"),
	}
	r.client = &http.Client{
		Timeout: cfg.timeout(),
		Transport: &http.Transport{
			DialTLSContext: r.dial, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: idleConns, ResponseHeaderTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

// dial connects with what the certificate files hold now.
func (r *Road) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	settings, err := r.cfg.Client()
	if err != nil {
		return nil, err
	}
	if settings.ServerName, _, err = net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: settings}
	return d.DialContext(ctx, network, addr)
}

// Run asks now and then how far the index is, as long as a broker stands before it, until ctx is done. Then it closes the
// connection.
func (r *Road) Run(ctx context.Context) error {
	defer r.client.CloseIdleConnections()
	tick := time.NewTicker(heartbeat.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		r.mu.Lock()
		queued := r.queued
		r.mu.Unlock()
		if !queued {
			continue
		}
		if err := r.askAcks(ctx); err != nil {
			r.log.Debug("the index's acknowledgements do not come", "err", err)
		}
	}
}

// maxAcks bounds an answer, in bytes.
const maxAcks = 64 << 20

// askAcks asks the aggregator how far the index is with what this agent has sent.
func (r *Road) askAcks(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(r.cfg.URL, "/")+"/v1/acks", nil)
	if err != nil {
		return fmt.Errorf("ask for acknowledgements: %w", err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for acknowledgements: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for acknowledgements: %s", resp.Status)
	}
	dec := json.NewDecoder(io.LimitReader(resp.Body, maxAcks))
	for dec.More() {
		ack := new(heartbeat.Ack)
		if err := dec.Decode(ack); err != nil {
			return fmt.Errorf("read acknowledgements: %w", err)
		}
		r.acked(ack)
	}
	return nil
}

// Reconnect has what comes next go over new connections, with what the certificate files hold now.
func (r *Road) Reconnect() { r.client.CloseIdleConnections() }

// LastError says why nothing goes, or nil.
func (r *Road) LastError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastErr
}

// Send posts one batch and waits for the answer.
func (r *Road) Send(ctx context.Context, b *batch.Sealed, done func(error)) {
	r.mu.Lock()
	wait := time.Until(r.rest)
	r.mu.Unlock()
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			done(ctx.Err())
			return
		}
	}
	err := r.post(ctx, b)
	r.mu.Lock()
	r.lastErr = err
	r.mu.Unlock()
	if err != nil {
		r.failures.Inc()
	} else {
		r.posts.Inc()
	}
	done(err)
}

func (r *Road) post(ctx context.Context, b *batch.Sealed) error {
	address := strings.TrimSuffix(r.cfg.URL, "/") + "/v1/batches"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(b.Body))
	if err != nil {
		return fmt.Errorf("post batch: %w", err)
	}
	req.Header.Set("Content-Type", batch.ContentType)
	req.Header.Set("Content-Encoding", batch.ContentEncoding)
	req.Header.Set(batch.ManifestHeader, base64.StdEncoding.EncodeToString(b.Header))
	for name, value := range b.Proof.Headers() {
		req.Header.Set(name, value)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("post batch: %w", err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // only for the error below
	switch resp.StatusCode {
	case http.StatusOK:
		r.indexed(b.Manifest)
		return nil
	case http.StatusAccepted:
		r.mu.Lock()
		r.queued = true
		r.mu.Unlock()
		return nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		r.restFor(resp.Header.Get("Retry-After"))
	}
	return fmt.Errorf("post batch: %s: %s", resp.Status, reason(text))
}

// reason is what an answer says that is none: the text of its error, or all of it.
func reason(answer []byte) string {
	var why struct{ Error string }
	if json.Unmarshal(answer, &why) == nil && why.Error != "" {
		return why.Error
	}
	return string(bytes.TrimSpace(answer))
}

// restFor notes how long the receiver wants to be left alone (RFC 9110, section 10.2.3).
func (r *Road) restFor(retryAfter string) {
	d := time.Second
	if n, err := strconv.Atoi(retryAfter); err == nil && n >= 0 {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(retryAfter); err == nil {
		d = time.Until(at)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest = time.Now().Add(min(d, maxRest))
}
