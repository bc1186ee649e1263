// Package serve is the aggregator's API: search and live tail, for the operator's command line on this machine.
//
//	GET /v1/search?q=QUERY&limit=N&from=TIME&to=TIME&order=newest|oldest   NDJSON, one ECS object a line;
//	                                                                     100 of them by default, limit=0: all
//	GET /v1/tail?q=QUERY                                                 server-sent events, one ECS object each
//	GET /v1/status                                                       one JSON object
//
// What cannot be done is answered with {"error"}: 400 for a parameter, with "column" for a query that cannot be read,
// 429 for one tail too many, 500 for a search that fails. A search that fails after its first line ends with a line
// {"error": …} in place of an event. Every search leaves a line in the log.
package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// Index is what the API needs of the index.
type Index interface {
	Search(ctx context.Context, s index.Search, fn func(*event.Event, index.Cursor) error) error
}

// API answers the operator.
type API struct {
	index  Index
	hub    *Hub
	status func() any
	log    *slog.Logger
	more   map[string]http.HandlerFunc // routes that others have added
}

// New returns the API over an index and a hub. status makes the answer of /v1/status.
func New(x Index, hub *Hub, status func() any, log *slog.Logger) *API {
	return &API{index: x, hub: hub, status: status, log: log, more: make(map[string]http.HandlerFunc)}
}

// Handle adds a route, as "GET /v1/hosts", before Handler is called.
func (a *API) Handle(pattern string, h http.HandlerFunc) { a.more[pattern] = h }

// Handler returns the routes.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/search", a.search)
	mux.HandleFunc("GET /v1/tail", a.tail)
	for pattern, h := range a.more {
		mux.HandleFunc(pattern, h)
	}
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		a.finish(json.NewEncoder(w).Encode(a.status()))
	})
	return mux
}

func (a *API) search(w http.ResponseWriter, r *http.Request) {
	s, err := parseSearch(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	begin := time.Now()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := bufio.NewWriter(w)
	found := 0
	var line []byte
	err = a.index.Search(r.Context(), s, func(e *event.Event, _ index.Cursor) error {
		found++
		line = append(e.AppendJSON(line[:0]), '\n')
		_, err := out.Write(line)
		return err
	})
	switch {
	case err != nil && found == 0:
		refuse(w, http.StatusInternalServerError, err)
	case err != nil:
		a.finish(json.NewEncoder(out).Encode(map[string]string{"error": err.Error()}))
	}
	a.finish(out.Flush())
	log := a.log.With("query", s.Query.String(), "found", found, "took", time.Since(begin).Round(time.Microsecond))
	if err != nil {
		log.Warn("search failed", "err", err)
		return
	}
	log.Info("search")
}

// defaultLimit is the number of events that a search returns when it does not say how many.
const defaultLimit = 100

func parseSearch(r *http.Request) (index.Search, error) {
	s := index.Search{Limit: defaultLimit}
	var err error
	if s.Query, err = parseQuery(r); err != nil {
		return s, err
	}
	switch v := r.Form.Get("order"); v {
	case "oldest":
		s.Oldest = true
	case "", "newest":
	default:
		return s, fmt.Errorf("order %q is neither newest nor oldest", v)
	}
	if v := r.Form.Get("limit"); v != "" {
		if s.Limit, err = parseLimit(v); err != nil {
			return s, err
		}
	}
	if s.From, err = parseTime(r, "from"); err != nil {
		return s, err
	}
	s.To, err = parseTime(r, "to")
	return s, err
}

// parseQuery reads the parameters, and of them the query.
func parseQuery(r *http.Request) (*query.Expr, error) {
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("parameters cannot be read: %w", err)
	}
	return query.Parse(r.Form.Get("q"))
}

// parseLimit returns a limit as the index wants it.
func parseLimit(text string) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 0:
		return 0, fmt.Errorf("limit %q is not a number of events", text)
	case n == 0:
		return -1, nil // all
	}
	return n, nil
}

func parseTime(r *http.Request, name string) (t time.Time, err error) {
	v := r.Form.Get(name)
	if v == "" {
		return t, nil
	}
	if t, err = time.Parse(time.RFC3339Nano, v); err != nil {
		return t, fmt.Errorf("%s %q is not an RFC 3339 time", name, v)
	}
	return t, nil
}

func refuse(w http.ResponseWriter, status int, err error) {
	body := map[string]any{"error": err.Error()}
	var at *query.Error
	if errors.As(err, &at) {
		body["column"] = at.Column
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the asker is gone
}

// keepAlive is how often a silent tail says that it lives.
const keepAlive = 15 * time.Second

func (a *API) tail(w http.ResponseWriter, r *http.Request) {
	filter, err := parseQuery(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	t := a.hub.subscribe(filter)
	if t == nil {
		refuse(w, http.StatusTooManyRequests, fmt.Errorf("%d readers follow already, and no more may", maxTails))
		return
	}
	defer a.hub.unsubscribe(t)
	a.log.Info("tail", "query", filter.String())
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	a.finish(follow(r.Context(), w, t))
}

func follow(ctx context.Context, w http.ResponseWriter, t *tail) error {
	flush := http.NewResponseController(w).Flush
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	if _, err := fmt.Fprint(w, ": following\n\n"); err != nil {
		return err
	}
	var line []byte
	for err := flush(); err == nil; err = flush() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_, err = fmt.Fprint(w, ": alive\n\n")
		case e := <-t.events:
			line = append(e.AppendJSON(append(line[:0], "data: "...)), "\n\n"...)
			_, err = w.Write(line)
		}
		if n := t.takeMissed(); n > 0 && err == nil {
			_, err = fmt.Fprintf(w, "event: missed\ndata: %d\n\n", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish notes an answer that could not be written: the asker is gone.
func (a *API) finish(err error) {
	if err != nil {
		a.log.Debug("answer not written", "err", err)
	}
}
