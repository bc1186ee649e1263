// Package serve is the aggregator's API: it answers questions about events, for the operator's command line and whoever
// else shows who he is. Who asks is found out by the door that he comes through (Who), not here.
//
//	GET /v1/search?SPAN&limit=N&order=newest|oldest&after=CURSOR&fields=a,b.*&progress=1
//	                  NDJSON, one ECS object a line; 100 of them by default, limit=0: all. after: go on behind that place.
//	                  fields: these alone, b.* all that begin with "b.". The trailer Belfry-Cursor is the last one's place.
//	                  With progress=1 lines come between that are no events: {"progress":{"found","at","seconds"}} each
//	                  second, and {"end":{"found","cursor","more"}} at the end
//	GET /v1/count?SPAN&over=1h&by=FIELD&most=N    {"seconds":3600,"buckets":[{"at","value","count"}…]}; without over one for all
//	GET /v1/top?SPAN&field=NAME&limit=N           {"values":[{"value","count"}…],"events","without","inexact"}
//	GET /v1/fields?SPAN                           {"fields":[{"name","type","count"}…]}
//	GET /v1/event?id=ID&near=TIME                 one ECS object; near, its time or close to it, makes it faster
//	GET /v1/context?id=ID&near=TIME&before=N&after=N
//	                  the lines around an event in its file, N of each kind, 5 by default, at most 1000. id and near may
//	                  stand up to 100 times. NDJSON: {"id","at","events":[…]} for each, at says which of the events it is
//	GET /v1/tail?q=QUERY                          server-sent events, one ECS object each; "event: missed" with their number
//	GET /v1/status                                one JSON object
//
// SPAN is q=QUERY&from=TIME&to=TIME&deadline=30s: times are RFC 3339, of @timestamp, from the first one, to the first that
// is too late; a question that takes longer than its deadline ends. What was asked before (event.dataset: belfry.search)
// is left out of the answers, unless the query itself names belfry.search, or trail=1 asks for it.
//
// What cannot be done is answered with {"error"}: 400 for a parameter, with "column" for a query that cannot be read, 401
// and 403 for who may not, 404 for an event that is not there, 429 for too much at once, 501 for what the engine cannot
// do, 503 when its servers are away, 504 when the deadline is over, 500 else. An answer of many lines that fails after its
// first ends with a line {"error": …}. A line that is no event is an object with this one key; no event is.
//
// Every question leaves a line in the audit trail, and in the log: who asked what, of which time, how many were found, how
// long it took, and what failed. So that none goes by it, no more are answered than it takes: see limits.go.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
)

// Need is what one must be allowed, to be answered.
type Need int

// Who may search may not change anything; what ForLocal stands for is asked on this machine alone.
const (
	ForSearch Need = iota
	ForAdmin
	ForLocal
)

// Asker is who asks.
type Asker struct {
	Name  string // of the user at the other end of the socket, or of the token
	By    string // what proves it: "socket" or "token"
	From  string // his address; "" on this machine
	Admin bool   // he may do what is ForAdmin
	Local bool   // and ForLocal
}

func (a Asker) may(n Need) error {
	switch {
	case n == ForLocal && !a.Local:
		return errors.New("this is done on the aggregator's machine alone, over its unix socket")
	case n != ForSearch && !a.Admin:
		return fmt.Errorf("%s may search, and this needs the scope admin", a.Name)
	}
	return nil
}

// Who tells who sends a request: an ErrStranger if nobody knows, an ErrBusy if he has tried too often.
type Who func(r *http.Request) (Asker, error)

// Handler answers a request of somebody who may send it.
type Handler func(w http.ResponseWriter, r *http.Request, by Asker)

// The errors of a request that is not answered.
var (
	ErrStranger = errors.New("show a token of scope search or admin: Authorization: Bearer TOKEN")
	ErrBusy     = errors.New("too much at once: try again later")
)

// API answers the operator.
type API struct {
	index  index.Searcher
	hub    *Hub
	status func() any
	trail  func(Asked)
	log    *slog.Logger
	limits limits
	routes []route
}

type route struct {
	pattern string
	need    Need
	h       Handler
}

// New returns the API over an index and a hub. status makes the answer of /v1/status. trail, if not nil, is told of each
// question that was answered, and must not block for long.
func New(x index.Searcher, hub *Hub, status func() any, trail func(Asked), log *slog.Logger) *API {
	a := &API{index: x, hub: hub, status: status, trail: trail, log: log}
	a.Handle("GET /v1/search", ForSearch, a.search)
	a.Handle("GET /v1/count", ForSearch, a.count)
	a.Handle("GET /v1/top", ForSearch, a.top)
	a.Handle("GET /v1/fields", ForSearch, a.fields)
	a.Handle("GET /v1/event", ForSearch, a.event)
	a.Handle("GET /v1/context", ForSearch, a.context)
	a.Handle("GET /v1/tail", ForSearch, a.tail)
	a.Handle("GET /v1/status", ForSearch, func(w http.ResponseWriter, _ *http.Request, _ Asker) { a.answer(w, a.status()) })
	return a
}

// Handle adds a route, as "GET /v1/hosts", before Register is called.
func (a *API) Handle(pattern string, need Need, h Handler) {
	a.routes = append(a.routes, route{pattern, need, h})
}

// Register adds all routes to those of a door, which knows who comes through it.
func (a *API) Register(mux *http.ServeMux, who Who) {
	for _, r := range a.routes {
		mux.HandleFunc(r.pattern, a.guard(r, who))
	}
}

func (a *API) guard(to route, who Who) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, err := who(r)
		switch {
		case errors.Is(err, ErrBusy):
			refuse(w, err)
			return
		case err != nil:
			w.Header().Set("WWW-Authenticate", `Bearer realm="belfry"`)
			refuseAs(w, http.StatusUnauthorized, err)
			return
		}
		if err := by.may(to.need); err != nil {
			a.log.Warn("request is not let in", "who", by.Name, "from", by.From, "request", r.Method+" "+r.URL.Path, "err", err)
			refuseAs(w, http.StatusForbidden, err)
			return
		}
		to.h(w, r, by)
	}
}

// answer writes an answer of one object.
func (a *API) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	a.finish(encoder(w).Encode(v))
}

// encoder writes JSON as events have it: no page is made of it.
func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// retryAfter is in how many seconds what failed for want of room or of servers may be tried again.
const retryAfter = 2

// refuse answers with an error, and the status that is its.
func refuse(w http.ResponseWriter, err error) {
	var at *query.Error
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &at), errors.Is(err, errParameter), errors.Is(err, index.ErrQuestion):
		status = http.StatusBadRequest
	case errors.Is(err, index.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, index.ErrRefused):
		status = http.StatusNotImplemented
	case errors.Is(err, ErrBusy):
		status = http.StatusTooManyRequests
	case errors.Is(err, index.ErrAway), errors.Is(err, index.ErrClosed):
		status = http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	refuseAs(w, status, err)
}

func refuseAs(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem(err)) // the asker is gone
}

// problem is an error as it is answered.
func problem(err error) map[string]any {
	body := map[string]any{"error": err.Error()}
	var at *query.Error
	if errors.As(err, &at) {
		body["column"] = at.Column
	}
	return body
}

// finish notes an answer that could not be written: the asker is gone.
func (a *API) finish(err error) {
	if err != nil {
		a.log.Debug("answer not written", "err", err)
	}
}
