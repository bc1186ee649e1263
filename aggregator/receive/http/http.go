// Package http takes batches from agents and events from anybody over HTTP.
//
// Two doors: Plain, for this machine only, takes POST /events without a token and answers health checks. TLS takes
// events from senders that show a client certificate or a token of scope ingest, at /events and, in Elasticsearch's
// manner, at /_bulk and beside it; and batches from agents, which must show a certificate.
//
// An answer of 200 means that all of the body is on the disk, 202 that a broker holds it. Of a body that cannot be read
// nothing is taken (but see bulk.go). 400, 413 and 415 will be answered again for the same body; after 408, 429 and 503
// it must be sent again, behind Retry-After. An Idempotency-Key names a request: when it comes again within a day, its
// events are known.
//
// What is under way is bounded, in requests and in bytes, of one sender and of all: see inflight.go.
package http

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/receive"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// MaxBody bounds what one request may bring as a batch, or as compressed events, in bytes. Events that are not
// compressed may be receive.MaxText.
const MaxBody = 10 << 20

// ErrPoison says that a batch can never be taken: the sender must not try again. Sinks wrap it.
var ErrPoison = errors.New("batch is not acceptable")

// Taken says what became of events.
type Taken struct {
	Queued bool  // a broker holds them: whether they were there already is not known yet
	Known  []int // indexes of those that were there already, by their names, in order
}

// Sink takes what came in. Both methods block until it is durable, or held by a broker: then queued is true. The sink may
// change the events; those that are queued it has let go when it returns, with the ids by which they will be found.
type Sink interface {
	Batch(ctx context.Context, b Batch) (queued bool, err error)
	Events(ctx context.Context, events []*event.Event) (Taken, error)
}

// Tokens knows who may come without a certificate.
type Tokens interface {
	// Check returns whose token a secret is, and what it is for. ok is false if it is none, or is no longer valid.
	Check(secret string) (name string, scopes []string, ok bool)
}

// Batch is one batch of an agent, as it came.
type Batch struct {
	Manifest []byte
	Proof    batch.Proof
	Body     []byte
	Sender   string // common name of the certificate of the connection
}

// Doors makes the handlers.
type Doors struct {
	// Acks writes how far the index is with the agents of a certificate, one heartbeat.Ack a line. Set it before TLS is
	// called, if anybody is to be told.
	Acks func(w io.Writer, name string) error
	// Alive says which part of the process stands still, or nil. Likewise; without it, none does.
	Alive func() error

	// Revoked says why the certificate of a connection counts no more, or nil. Set it before TLS is called, if any may be.
	Revoked func(*x509.Certificate) error

	sink     Sink
	tokens   Tokens
	ready    func() error
	log      *slog.Logger
	inflight *inflight     // of events
	carried  *inflight     // of batches
	patience time.Duration // with a sender that brings a body
	failures complaints
	outages  complaints

	events, repeats, batches, refused, busy, strangers *metrics.Counter
}

// New returns the doors to a sink. Without tokens, only certificates count. ready says why the aggregator is not ready,
// or nil.
func New(sink Sink, tokens Tokens, ready func() error, log *slog.Logger, set *metrics.Set) *Doors {
	d := &Doors{
		sink: sink, tokens: tokens, ready: ready, log: log, inflight: newInflight(eventLimits), carried: newInflight(batchLimits),
		patience: bodyTimeout,
		failures: complaints{log: log, what: "request is not let in"}, outages: complaints{log: log, what: "input not taken"},
		events:    set.NewCounter("belfry_receive_http_events_total"),
		repeats:   set.NewCounter("belfry_receive_http_repeats_total"),
		batches:   set.NewCounter("belfry_receive_http_batches_total"),
		refused:   set.NewCounter("belfry_receive_http_refused_total"),
		busy:      set.NewCounter("belfry_receive_http_busy_total"),
		strangers: set.NewCounter("belfry_receive_http_unauthenticated_total"),
	}
	set.NewGauge("belfry_receive_http_in_flight_bytes", func() float64 { return float64(d.inflight.taken() + d.carried.taken()) })
	return d
}

// Plain is the door for this machine: events without a token, and health.
func (d *Doors) Plain() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /events", d.localOnly(func(w http.ResponseWriter, r *http.Request) {
		d.takeEvents(w, r, peer{at: address(r)})
	}))
	d.health(mux, func(*http.Request) bool { return false })
	return mux
}

// TLS is the door for senders with a certificate or a token.
func (d *Doors) TLS() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/batches", d.takeBatch)
	mux.HandleFunc("GET /v1/acks", d.tellAcks)
	mux.HandleFunc("POST /events", d.ingest(d.takeEvents, d.refuse))
	d.elastic(mux)
	d.health(mux, func(r *http.Request) bool { _, err := d.whoIs(r); return err != nil })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.revoked(r); err != nil {
			d.stranger(r, err.Error())
			w.Header().Set("Connection", "close")
			d.refuse(w, http.StatusForbidden, err)
		} else {
			mux.ServeHTTP(w, r)
		}
		drain(w, r)
	})
}

// revoked says why who sends a request is let in no more. It is asked for each: a connection may be older than that.
func (d *Doors) revoked(r *http.Request) error {
	if d.Revoked == nil || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return d.Revoked(r.TLS.PeerCertificates[0])
}

// What is read of a body that nobody wanted. A sender in the middle of its body over HTTP/2 may otherwise miss the
// answer: the stream is reset behind it, and curl tells of nothing else then.
const (
	drainBytes = 256 << 10
	drainTime  = 2 * time.Second
)

func drain(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 { // there the server does so itself, behind the answer, and who waits for that sends no body
		return
	}
	patience := http.NewResponseController(w)
	_ = patience.SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes) // it is nobody's loss
	_ = patience.SetReadDeadline(time.Time{})
}

// health adds the checks. A stranger hears whether all is well, and not what ails the aggregator.
func (d *Doors) health(mux *http.ServeMux, stranger func(*http.Request) bool) {
	check := func(path string, ask func() error, hidden string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			var err error
			if ask != nil {
				err = ask()
			}
			if err != nil && stranger(r) {
				err = errors.New(hidden)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintln(w, "ok")
		})
	}
	check("/healthz", d.Alive, "not healthy")
	check("/readyz", d.ready, "not ready")
}

// localOnly refuses what a page in somebody's browser sends: it names a foreign origin, or reached us by a foreign name.
func (d *Doors) localOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !localName(r.Host) {
			d.refuse(w, http.StatusForbidden, fmt.Errorf("host %q is not this machine", r.Host))
			return
		}
		if o := r.Header.Get("Origin"); o != "" {
			if u, err := url.Parse(o); err != nil || !localName(u.Host) {
				d.refuse(w, http.StatusForbidden, fmt.Errorf("origin %q is not this machine", o))
				return
			}
		}
		next(w, r)
	}
}

func localName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// errNoCertificate names the usual reason too: one who has a certificate of another authority sends none.
var errNoCertificate = errors.New("a client certificate of an authority that the aggregator trusts (receive.http.tls.ca) is " +
	"needed, and none came: a sender whose certificate is of another authority sends none")

// tellAcks tells an agent how far the index is with what it has sent: it has no queue at the broker.
func (d *Doors) tellAcks(w http.ResponseWriter, r *http.Request) {
	name := commonName(r)
	switch {
	case name == "":
		d.stranger(r, "no certificate of an agent")
		d.refuse(w, http.StatusUnauthorized, errNoCertificate)
	case d.Acks == nil:
		d.refuse(w, http.StatusNotFound, errors.New("nothing is known of the index"))
	default:
		w.Header().Set("Content-Type", "application/x-ndjson")
		if err := d.Acks(w, name); err != nil {
			d.log.Debug("acknowledgements not written", "to", name, "err", err)
		}
	}
}

func (d *Doors) takeBatch(w http.ResponseWriter, r *http.Request) {
	sender := commonName(r)
	if sender == "" {
		d.stranger(r, "no certificate with a batch")
		d.refuse(w, http.StatusUnauthorized, errNoCertificate)
		return
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "zstd" {
		d.refuse(w, http.StatusUnsupportedMediaType, fmt.Errorf("content-encoding %q, want zstd", enc))
		return
	}
	manifest, err := base64.StdEncoding.DecodeString(r.Header.Get("Belfry-Manifest"))
	if err != nil || len(manifest) == 0 || len(manifest) > batch.MaxHeader {
		d.refuse(w, http.StatusBadRequest, errors.New("header Belfry-Manifest is missing or not base64"))
		return
	}
	proof, err := batch.ProofOf(r.Header.Get)
	if err != nil {
		d.refuse(w, http.StatusBadRequest, err)
		return
	}
	body, leave, err := d.batchBody(w, r, sender)
	if err != nil {
		d.refuseAs(w, err, d.refuse)
		return
	}
	defer leave()
	queued, err := d.sink.Batch(r.Context(), Batch{Manifest: manifest, Proof: proof, Body: body, Sender: sender})
	switch {
	case errors.Is(err, ErrPoison):
		d.refuse(w, http.StatusBadRequest, err)
	case err != nil:
		d.unavailable(w, err)
	default:
		d.batches.Inc()
		answer(w, queued, map[string]any{})
	}
}

// batchBody reads the body of a batch as it is: bounded, and counted as under way until leave is called.
func (d *Doors) batchBody(w http.ResponseWriter, r *http.Request, sender string) (body []byte, leave func(), err error) {
	t, err := d.carried.enter(sender)
	if err != nil {
		return nil, nil, err
	}
	defer d.hurry(w)()
	if body, err = receive.ReadText(http.MaxBytesReader(w, r.Body, MaxBody), t.grow); err != nil {
		t.leave()
		return nil, nil, bodyError("", err)
	}
	return body, t.leave, nil
}

// hurry bounds how long a sender may take to bring a body, until the returned func is called.
func (d *Doors) hurry(w http.ResponseWriter) func() {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(d.patience)) // where it cannot be set, there is no connection
	return func() { _ = c.SetReadDeadline(time.Time{}) }
}

func (d *Doors) refuse(w http.ResponseWriter, code int, err error) {
	d.refused.Inc()
	writeJSON(w, code, map[string]any{"error": err.Error()})
}

func (d *Doors) unavailable(w http.ResponseWriter, err error) {
	d.outages.note(err.Error(), time.Now())
	w.Header().Set("Retry-After", "1")
	d.refuse(w, http.StatusServiceUnavailable, err)
}

func answer(w http.ResponseWriter, queued bool, body map[string]any) {
	if queued {
		body["status"] = "queued"
		writeJSON(w, http.StatusAccepted, body)
		return
	}
	body["status"] = "indexed"
	writeJSON(w, http.StatusOK, body)
}

// answerTimeout is how long a sender may take to read an answer that no buffer of the system's holds.
const answerTimeout = time.Minute

// inTime writes a long answer.
func inTime(w http.ResponseWriter, write func()) {
	patience := http.NewResponseController(w)
	_ = patience.SetWriteDeadline(time.Now().Add(answerTimeout)) // where it cannot be set, there is no connection
	write()
	_ = patience.Flush()
	_ = patience.SetWriteDeadline(time.Time{})
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the sender is gone, and asks again
}
