// Package http takes batches from agents and events from anybody over HTTP.
//
// Two doors: Plain, for this machine only, takes POST /events without a token and answers health checks; TLS takes
// batches and events from senders that show a client certificate. An answer of 200 means that all of the body is on
// the disk, 202 that a broker holds it. Of a body that cannot be read nothing is taken. What is not an answer of 2xx
// must be sent again, after Retry-After where that is given.
package http

import (
	"context"
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

// MaxBody bounds what one request may bring, in bytes.
const MaxBody = 10 << 20

// ErrPoison says that a batch can never be taken: the sender must not try again. Sinks wrap it.
var ErrPoison = errors.New("batch is not acceptable")

// Sink takes what came in. Both methods block until it is durable, or held by a broker: then queued is true.
type Sink interface {
	Batch(ctx context.Context, b Batch) (queued bool, err error)
	Events(ctx context.Context, events []*event.Event) (queued bool, err error)
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
	sink  Sink
	ready func() error
	log   *slog.Logger

	events, batches, refused *metrics.Counter
}

// New returns the doors to a sink. ready says why the aggregator is not ready, or nil.
func New(sink Sink, ready func() error, log *slog.Logger, set *metrics.Set) *Doors {
	return &Doors{
		sink: sink, ready: ready, log: log,
		events:  set.NewCounter("belfry_receive_http_events_total"),
		batches: set.NewCounter("belfry_receive_http_batches_total"),
		refused: set.NewCounter("belfry_receive_http_refused_total"),
	}
}

// Plain is the door for this machine: events without a token, and health.
func (d *Doors) Plain() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /events", d.localOnly(d.takeEvents("", "unauthenticated")))
	d.health(mux)
	return mux
}

// TLS is the door for senders with a certificate.
func (d *Doors) TLS() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/batches", d.takeBatch)
	mux.HandleFunc("POST /events", func(w http.ResponseWriter, r *http.Request) {
		d.takeEvents(commonName(r), "")(w, r)
	})
	d.health(mux)
	return mux
}

func (d *Doors) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := d.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
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

// commonName is who sent a request, proven by a certificate.
func commonName(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	return r.TLS.VerifiedChains[0][0].Subject.CommonName
}

func (d *Doors) takeEvents(sender, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
			d.refuse(w, http.StatusUnsupportedMediaType, fmt.Errorf("content-encoding %q: send events as they are", enc))
			return
		}
		body, ok := d.read(w, r)
		if !ok {
			return
		}
		events, err := receive.Foreign(body, time.Now())
		if err != nil {
			d.refuse(w, http.StatusBadRequest, err)
			return
		}
		for _, e := range events {
			e.Add("tags", tag)
			e.Set("agent.name", sender)
		}
		queued, err := d.sink.Events(r.Context(), events)
		if err != nil {
			d.unavailable(w, err)
			return
		}
		d.events.Add(len(events))
		answer(w, queued, map[string]any{"events": len(events)})
	}
}

func (d *Doors) takeBatch(w http.ResponseWriter, r *http.Request) {
	sender := commonName(r)
	if sender == "" {
		d.refuse(w, http.StatusUnauthorized, errors.New("a client certificate is needed"))
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
	body, ok := d.read(w, r)
	if !ok {
		return
	}
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

func (d *Doors) read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		d.refuse(w, http.StatusRequestEntityTooLarge, fmt.Errorf("body is larger than %d bytes", MaxBody))
		return nil, false
	}
	if err != nil {
		d.refuse(w, http.StatusBadRequest, fmt.Errorf("read body: %w", err))
		return nil, false
	}
	return body, true
}

func (d *Doors) refuse(w http.ResponseWriter, code int, err error) {
	d.refused.Inc()
	writeJSON(w, code, map[string]any{"error": err.Error()})
}

func (d *Doors) unavailable(w http.ResponseWriter, err error) {
	d.log.Warn("input not taken", "err", err)
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

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the sender is gone, and asks again
}
