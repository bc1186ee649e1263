package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/dead"
	"belfry/aggregator/query"
	"belfry/aggregator/serve"
	"belfry/shared/event"
)

// allLetters stands for an id in a path. No id begins so: they are hex digits.
const allLetters = "all"

// letterLine is a dead letter in a list.
type letterLine struct {
	ID       event.Key  `json:"id"`
	Received time.Time  `json:"received"`
	Class    dead.Class `json:"class"`
	Reason   string     `json:"reason"`
	Host     string     `json:"host,omitempty"`
	Sender   string     `json:"sender"`
	Queue    string     `json:"queue,omitempty"`
	Events   int        `json:"events"`
	Bytes    int        `json:"bytes"`
	Retries  int        `json:"retries"`
}

// shownLetter is a dead letter by itself.
type shownLetter struct {
	dead.Letter
	Body []byte `json:"body,omitempty"` // in base64
}

// deadResult is what became of letters that were to be retried or dropped.
type deadResult struct {
	Done   []event.Key  `json:"done"`
	Failed []deadFailed `json:"failed,omitempty"`
}

type deadFailed struct {
	ID    event.Key `json:"id"`
	Error string    `json:"error"`
}

// The errors of an id that somebody typed.
var (
	errNoLetter     = errors.New("there is no such dead letter")
	errManyLetters  = errors.New("more than one dead letter begins so")
	errNotALetterID = errors.New("an id is at most 32 hex digits")
)

// addRoutes adds to the API:
//
//	GET /v1/dead?limit=N             NDJSON, one letter a line, oldest first; limit=0, the default: all
//	GET /v1/dead/{id}?body=true      one JSON object
//	POST /v1/dead/{id}/retry         sends it the road again; {"done":[id…],"failed":[{"id","error"}…]}
//	DELETE /v1/dead/{id}             drops it; likewise
//
// An id may be shortened as far as it is the only one, and be "all" in the last two.
func (d *deadLetters) addRoutes(api *serve.API) {
	api.Handle("GET /v1/dead", serve.ForAdmin, d.list)
	api.Handle("GET /v1/dead/{id}", serve.ForAdmin, d.show)
	api.Handle("POST /v1/dead/{id}/retry", serve.ForAdmin, d.change("retried", d.retried, d.again))
	api.Handle("DELETE /v1/dead/{id}", serve.ForAdmin, d.change("dropped", d.dropped, func(context.Context, *dead.Letter) error { return nil }))
}

func (d *deadLetters) list(w http.ResponseWriter, r *http.Request, _ serve.Asker) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if r.FormValue("limit") == "" {
		limit, err = 0, nil
	}
	if err != nil || limit < 0 {
		refuse(w, http.StatusBadRequest, fmt.Errorf("limit %q is not a number of letters", r.FormValue("limit")))
		return
	}
	var lines []letterLine
	seen := make(map[event.Key]bool)
	err = d.store.Visit(r.Context(), func(l *dead.Letter) (dead.Verdict, error) {
		if !seen[l.ID] {
			seen[l.ID] = true
			lines = append(lines, letterLine{l.ID, l.Received, l.Class, l.Reason, l.Host, l.Sender, l.Queue, l.Events, l.Bytes, l.Retries})
		}
		return dead.Keep, nil
	})
	if err != nil {
		refuse(w, statusOf(err), err)
		return
	}
	slices.SortStableFunc(lines, func(a, b letterLine) int { return a.Received.Compare(b.Received) })
	if limit > 0 && len(lines) > limit {
		lines = lines[:limit]
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	for _, line := range lines {
		d.finish(out.Encode(line))
	}
}

func (d *deadLetters) show(w http.ResponseWriter, r *http.Request, _ serve.Asker) {
	id, err := d.find(r.Context(), r.PathValue("id"))
	if err != nil {
		refuse(w, statusOf(err), err)
		return
	}
	var found *shownLetter
	err = d.store.Visit(r.Context(), func(l *dead.Letter) (dead.Verdict, error) {
		if l.ID != id {
			return dead.Keep, nil
		}
		found = &shownLetter{Letter: *l}
		if r.FormValue("body") == "true" {
			found.Body = l.Body
		}
		return dead.Keep, dead.ErrStop
	})
	if err == nil && found == nil {
		err = errNoLetter
	}
	if err != nil {
		refuse(w, statusOf(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	d.finish(json.NewEncoder(w).Encode(found))
}

// change makes the route that does something with letters, after which they are removed.
func (d *deadLetters) change(what string, count *metrics.Counter, do func(context.Context, *dead.Letter) error) serve.Handler {
	return func(w http.ResponseWriter, r *http.Request, by serve.Asker) {
		matches := func(*dead.Letter) bool { return true }
		if text := r.PathValue("id"); text != allLetters {
			id, err := d.find(r.Context(), text)
			if err != nil {
				refuse(w, statusOf(err), err)
				return
			}
			matches = func(l *dead.Letter) bool { return l.ID == id }
		}
		res := deadResult{Done: []event.Key{}}
		err := d.store.Visit(r.Context(), func(l *dead.Letter) (dead.Verdict, error) {
			if !matches(l) {
				return dead.Keep, nil
			}
			if err := do(r.Context(), l); err != nil {
				res.Failed = append(res.Failed, deadFailed{l.ID, err.Error()})
				return dead.Keep, r.Context().Err()
			}
			count.Inc()
			d.log.Info("dead letter is "+what, "letter", l.ID.String(), "sender", l.Sender, "reason", l.Reason, "by", by.Name)
			if !slices.Contains(res.Done, l.ID) {
				res.Done = append(res.Done, l.ID)
			}
			return dead.Remove, nil
		})
		if err != nil {
			refuse(w, statusOf(err), fmt.Errorf("%w (%d are %s before)", err, len(res.Done), what))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		d.finish(json.NewEncoder(w).Encode(res))
	}
}

// find returns the id that begins with a text.
func (d *deadLetters) find(ctx context.Context, text string) (id event.Key, err error) {
	text = strings.ToLower(text)
	if id, err := event.ParseKey(text); err == nil {
		return id, d.exists(ctx, id)
	}
	if text == "" || len(text) > 2*len(id) || strings.Trim(text, "0123456789abcdef") != "" {
		return id, fmt.Errorf("%q: %w", text, errNotALetterID)
	}
	err = d.store.Visit(ctx, func(l *dead.Letter) (dead.Verdict, error) {
		if !strings.HasPrefix(l.ID.String(), text) || l.ID == id {
			return dead.Keep, nil
		}
		if !id.IsZero() {
			return dead.Keep, fmt.Errorf("%s: %w: %s and %s", text, errManyLetters, id, l.ID)
		}
		id = l.ID
		return dead.Keep, nil
	})
	if err == nil && id.IsZero() {
		err = fmt.Errorf("%s: %w", text, errNoLetter)
	}
	return id, err
}

func (d *deadLetters) exists(ctx context.Context, id event.Key) error {
	found := false
	err := d.store.Visit(ctx, func(l *dead.Letter) (dead.Verdict, error) {
		if found = l.ID == id; found {
			return dead.Keep, dead.ErrStop
		}
		return dead.Keep, nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%s: %w", id, errNoLetter)
	}
	return err
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, errNoLetter):
		return http.StatusNotFound
	case errors.Is(err, errManyLetters), errors.Is(err, dead.ErrBusy):
		return http.StatusConflict
	case errors.Is(err, errNotALetterID):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// refuse answers with an error; a fault of a query has its column.
func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body := map[string]any{"error": err.Error()}
	var at *query.Error
	if errors.As(err, &at) {
		body["column"] = at.Column
	}
	_ = json.NewEncoder(w).Encode(body) // the asker is gone
}

func (d *deadLetters) finish(err error) {
	if err != nil {
		d.log.Debug("answer not written", "err", err)
	}
}
