package elastic

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"belfry/aggregator/index"
	"belfry/shared/backoff"
)

// client speaks to the servers. It is safe for concurrent use.
type client struct {
	cfg       Config // with defaults
	names     names
	es        *esapi.API
	http      *elastictransport.Client
	transport *transport
	log       *slog.Logger
	breaker   *breaker
	facts     facts // set by learn, before anybody asks
}

func newClient(cfg Config, log *slog.Logger) (*client, error) {
	transport, err := newTransport(&cfg)
	if err != nil {
		return nil, err
	}
	// The library's own client, above esapi, only looks whether a server is Elasticsearch: learn does that better.
	options := []elastictransport.Option{
		elastictransport.WithTransport(transport), elastictransport.WithUserAgent("belfry"),
		elastictransport.WithDisableRetry(), // tries are made here: see ask
	}
	urls := make([]*url.URL, len(cfg.Nodes))
	for i, node := range cfg.Nodes {
		u, err := url.Parse(strings.TrimRight(node, "/"))
		if err != nil {
			return nil, err // was checked
		}
		urls[i] = u
	}
	options = append(options, elastictransport.WithURLs(urls...))
	if cfg.Compression {
		options = append(options, elastictransport.WithCompression(gzip.BestSpeed))
	}
	if cfg.Sniff {
		options = append(options, elastictransport.WithDiscoverNodesInterval(sniffEvery))
	}
	t, err := elastictransport.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", strings.Join(cfg.Nodes, ", "), err)
	}
	return &client{
		cfg: cfg, names: names{cfg.Prefix}, es: esapi.New(t), http: t, transport: transport, log: log, breaker: newBreaker(len(cfg.Nodes), log),
	}, nil
}

const sniffEvery = 5 * time.Minute

// request makes one request of the servers; it is called once for each try, and makes the body anew each time:
//
//	func(ctx context.Context) (*esapi.Response, error) {
//		return c.es.Search(c.es.Search.WithContext(ctx), c.es.Search.WithBody(bytes.NewReader(body)))
//	}
type request func(ctx context.Context) (*esapi.Response, error)

// maxAnswer bounds an answer of the servers: the largest is that of a page of documents.
const maxAnswer = 512 << 20

// statusError is an answer that is none: the servers refuse a request.
type statusError struct {
	Status int    // of HTTP
	Type   string // as "index_not_found_exception"; "" if the answer is not of their making
	Reason string // in their words, which may quote what was sent
}

func (e *statusError) Error() string {
	return strings.TrimRight(fmt.Sprintf("status %d: %s: %s", e.Status, e.Type, e.Reason), ": ")
}

// isStatus reports whether an error is the servers' refusal with this status.
func isStatus(err error, status int) bool {
	var refusal *statusError
	return errors.As(err, &refusal) && refusal.Status == status
}

// passes reports whether a status may pass: the servers are busy, or not there behind a proxy.
func passes(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// askTries is how often a question is asked, each time of another node, before it is index.ErrAway.
const askTries = 3

// ask makes a request that may be made twice, and again while what keeps it may pass, and decodes the answer into
// into, unless that is nil. An error is index.ErrAway when the servers were not there for it, a *statusError when they
// refuse it, or the context's.
func (c *client) ask(ctx context.Context, into any, r request) error {
	wait := backoff.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second}
	for try := 1; ; try++ {
		err := c.once(ctx, into, r)
		if !errors.Is(err, index.ErrAway) || try >= askTries+len(c.cfg.Nodes) || ctx.Err() != nil {
			return err
		}
		if wait.Wait(ctx); ctx.Err() != nil {
			return err
		}
	}
}

// insist is ask without an end but the context's: it waits while the servers are away.
func (c *client) insist(ctx context.Context, into any, r request) error {
	wait := backoff.Backoff{Min: 100 * time.Millisecond, Max: 15 * time.Second}
	for {
		err := c.once(ctx, into, r)
		if !errors.Is(err, index.ErrAway) {
			return err
		}
		if wait.Wait(ctx); ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// once makes a request one time: for what must not be made twice.
func (c *client) once(ctx context.Context, into any, r request) error {
	body, err := c.fetch(ctx, r, nil)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer of the servers: %w", err)
	}
	return nil
}

// fetch makes a request one time, and appends what the servers answer to dst.
func (c *client) fetch(ctx context.Context, r request, dst []byte) ([]byte, error) {
	done, err := c.breaker.enter()
	if err != nil {
		return dst, err
	}
	timed, cancel := context.WithTimeout(ctx, time.Duration(c.cfg.Timeout))
	defer cancel()
	dst, err = exchange(timed, r, dst)
	switch {
	case ctx.Err() != nil:
		done(unknown, nil)
		return dst, ctx.Err()
	case err == nil:
		done(good, nil)
	case errors.Is(err, index.ErrAway):
		done(outcomeOf(err), err)
	default:
		done(good, nil) // they are there, and say no
	}
	return dst, err
}

// outcomeOf tells a server that is busy from one that is not there: the first is no reason to leave it alone for long.
func outcomeOf(err error) outcome {
	if isStatus(err, http.StatusTooManyRequests) {
		return unknown
	}
	return bad
}

// exchange makes a request and reads the whole answer.
func exchange(ctx context.Context, r request, dst []byte) ([]byte, error) {
	resp, err := r(ctx)
	if err != nil {
		return dst, away(err)
	}
	defer resp.Body.Close()
	into := bytes.NewBuffer(dst)
	n, err := into.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return dst, away(err)
	}
	if n > maxAnswer {
		return dst, fmt.Errorf("the servers' answer is longer than %d bytes", maxAnswer)
	}
	if resp.StatusCode < 300 {
		return into.Bytes(), nil
	}
	refusal := refusalOf(resp.StatusCode, into.Bytes()[len(dst):])
	if passes(resp.StatusCode) {
		return dst, away(refusal)
	}
	return dst, refusal
}

// away says that a request may be tried again later.
func away(err error) error { return fmt.Errorf("%w: %w", index.ErrAway, err) }

// refusalOf reads an answer that is an error.
func refusalOf(status int, body []byte) *statusError {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	e := &statusError{Status: status}
	if json.Unmarshal(body, &answer) != nil {
		e.Reason = http.StatusText(status)
		return e
	}
	var cause struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
		Root   []struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		} `json:"root_cause"`
	}
	if json.Unmarshal(answer.Error, &cause) != nil {
		_ = json.Unmarshal(answer.Error, &e.Reason) // it is a text, or nothing
		return e
	}
	e.Type, e.Reason = cause.Type, cause.Reason
	if len(cause.Root) > 0 && cause.Root[0].Reason != "" && cause.Root[0].Reason != cause.Reason {
		e.Reason += " (" + cause.Root[0].Reason + ")"
	}
	return e
}
