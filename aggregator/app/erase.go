package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/aggregator/serve"
	"belfry/shared/event"
)

// eraseDataset is the event.dataset of what tells that events were erased.
const eraseDataset = "belfry.erase"

// maxReason bounds what is kept of why, in bytes.
const maxReason = 1000

// addErasing adds to the API, for who may do everything:
//
//	POST /v1/erase?q=QUERY&from=TIME&to=TIME&reason=TEXT     NDJSON: {"gone":N} while it lasts, at the end the record, or {"error"}
//	POST /v1/erase?q=QUERY&from=TIME&to=TIME&dry=1           {"events":N}, those that would go
//	GET  /v1/erasures                                        NDJSON, one record a line, oldest first
//
// What tells of searches and of erasures is never erased. A client that goes ends the erasing.
func (a *Aggregator) addErasing(api *serve.API) {
	a.erasures.path = a.cfg.Dir(erasuresFile)
	api.Handle("POST /v1/erase", serve.ForAdmin, a.erase)
	api.Handle("GET /v1/erasures", serve.ForAdmin, func(w http.ResponseWriter, _ *http.Request, _ serve.Asker) {
		all, err := a.erasures.list()
		if err != nil {
			refuse(w, http.StatusInternalServerError, err)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		out := json.NewEncoder(w)
		for _, e := range all {
			_ = out.Encode(e) // else the asker is gone
		}
	})
}

func (a *Aggregator) erase(w http.ResponseWriter, r *http.Request, by serve.Asker) {
	span, err := toErase(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if r.Form.Get("dry") == "1" {
		buckets, err := a.index.Count(r.Context(), index.Count{Span: span})
		if err != nil {
			refuse(w, eraseStatus(err), err)
			return
		}
		n := uint64(0)
		for _, b := range buckets {
			n += b.Count
		}
		answer(w, map[string]uint64{"events": n}, nil)
		return
	}
	e := erasure{
		ID: event.RandomKey().String(), State: erasureBegun, At: time.Now().UTC(), By: by.Name, Proof: by.By, Peer: by.From,
		Query: r.Form.Get("q"), Reason: strings.TrimSpace(r.Form.Get("reason")), From: given(span.From), To: given(span.To),
	}
	if e.Reason == "" || len(e.Reason) > maxReason {
		refuse(w, http.StatusBadRequest, fmt.Errorf("reason: there must be one, of at most %d bytes", maxReason))
		return
	}
	if err := a.erasures.begin(e); err != nil {
		refuse(w, eraseStatus(err), err)
		return
	}
	a.eraseNow(w, r, span, e)
}

// eraseNow erases, and tells what came of it.
func (a *Aggregator) eraseNow(w http.ResponseWriter, r *http.Request, span index.Span, e erasure) {
	out, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
	told := time.Now()
	begun := false
	gone, err := a.index.Erase(r.Context(), index.Search{Span: span, Limit: -1, Oldest: true}, func(n uint64) {
		if time.Since(told) < time.Second {
			return
		}
		told, begun = time.Now(), true
		_ = out.Encode(map[string]uint64{"gone": n}) // who erases will notice that nobody listens
		_ = flush()
	})
	e.State, e.Gone, e.Took = erasureDone, gone, time.Since(e.At).Round(time.Millisecond).Seconds()
	if err != nil {
		e.State, e.Error = erasureFailed, err.Error()
	}
	unkept := a.erasures.end(e)
	a.log.Warn("events erased", "who", e.By, "query", e.Query, "reason", e.Reason, "gone", gone, "err", errors.Join(err, unkept))
	a.tell(context.WithoutCancel(r.Context()), []string{"erase", e.ID}, erasureEvent(e))
	switch err := errors.Join(err, unkept); {
	case err != nil && !begun:
		refuse(w, eraseStatus(err), err)
	case err != nil:
		_ = out.Encode(map[string]string{"error": err.Error()})
	default:
		_ = out.Encode(e)
	}
}

// toErase reads what is to go.
func toErase(r *http.Request) (span index.Span, err error) {
	if err := r.ParseForm(); err != nil {
		return span, fmt.Errorf("parameters: %w", err)
	}
	if err := serve.Known(r.Form, "q", "from", "to", "reason", "dry"); err != nil {
		return span, err
	}
	text := strings.TrimSpace(r.Form.Get("q"))
	if text == "" {
		return span, errors.New("a query must be given; * is everything")
	}
	if _, err := query.Parse(text); err != nil {
		return span, err
	}
	if text == "*" {
		text = "_exists_:event.id"
	}
	span.Query, err = query.Parse("(" + text + ") AND NOT event.dataset:(" + serve.TrailDataset + " OR " + eraseDataset + ")")
	if err != nil {
		return span, fmt.Errorf("the query is as long, or as deep, as one may be: %w", err)
	}
	for _, x := range []struct {
		name string
		t    *time.Time
	}{{"from", &span.From}, {"to", &span.To}} {
		if v := r.Form.Get(x.name); v != "" {
			if *x.t, err = time.Parse(time.RFC3339Nano, v); err != nil {
				return span, fmt.Errorf("%s: %q is not an RFC 3339 time", x.name, v)
			}
		}
	}
	return span, nil
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func eraseStatus(err error) int {
	switch {
	case errors.Is(err, errErasing):
		return http.StatusConflict
	case errors.Is(err, index.ErrRefused):
		return http.StatusNotImplemented
	case errors.Is(err, index.ErrQuestion):
		return http.StatusBadRequest
	case errors.Is(err, index.ErrAway), errors.Is(err, index.ErrClosed):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// erasureEvent tells of an erasure where it can be searched, and alerts.
func erasureEvent(e erasure) *event.Event {
	n := new(event.Event)
	set := func(name, value string) { n.Append(name, strings.ToValidUTF8(value, "\uFFFD")) }
	set("event.dataset", eraseDataset)
	set("event.action", "events-erased")
	set("user.name", e.By)
	set("source.ip", e.Peer)
	set("event.start", e.At.Format(time.RFC3339Nano))
	set("labels.erasure", e.ID)
	set("labels.by", e.Proof)
	set("labels.query", e.Query[:min(len(e.Query), maxReason)])
	set("labels.reason", e.Reason)
	set("labels.gone", strconv.FormatUint(e.Gone, 10))
	outcome := "success"
	if e.Error != "" {
		outcome = "failure"
		set("error.message", e.Error)
	}
	set("event.outcome", outcome)
	set("message", fmt.Sprintf("%s erased %d events", e.By, e.Gone))
	return n
}
