package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"belfry/aggregator/index"
)

// counted is the answer of /v1/count.
type counted struct {
	Seconds float64        `json:"seconds"` // of a step; 0: there is one for all
	Buckets []index.Bucket `json:"buckets"`
}

func (a *API) count(w http.ResponseWriter, r *http.Request, by Asker) {
	q, err := readQuestion(r)
	c := index.Count{Span: q.span}
	if err == nil {
		c.By = r.Form.Get("by")
		c.Every, err = readDuration(r, "over")
	}
	if err == nil {
		c.Most, err = readNumber(r, "most", 0, index.MaxValues)
	}
	a.ask(w, r, by, q, err, func(ctx context.Context) Asked {
		buckets, err := a.index.Count(ctx, c)
		found := uint64(0)
		for _, b := range buckets {
			found += b.Count
		}
		a.answerOr(w, counted{c.Every.Seconds(), append([]index.Bucket{}, buckets...)}, err)
		return Asked{What: "count", Found: found, About: c.By, Err: err}
	})
}

func (a *API) top(w http.ResponseWriter, r *http.Request, by Asker) {
	q, err := readQuestion(r)
	t := index.Top{Span: q.span}
	if err == nil {
		if t.Field = r.Form.Get("field"); t.Field == "" {
			err = wrong("field: the name of one must be given")
		}
	}
	if err == nil {
		t.Limit, err = readNumber(r, "limit", 0, index.MaxValues)
	}
	a.ask(w, r, by, q, err, func(ctx context.Context) Asked {
		res, err := a.index.Top(ctx, t)
		res.Values = append([]index.Value{}, res.Values...)
		a.answerOr(w, res, err)
		return Asked{What: "top", Found: res.Events, About: t.Field, Err: err}
	})
}

func (a *API) fields(w http.ResponseWriter, r *http.Request, by Asker) {
	q, err := readQuestion(r)
	a.ask(w, r, by, q, err, func(ctx context.Context) Asked {
		fields, err := a.index.Fields(ctx, q.span)
		a.answerOr(w, map[string]any{"fields": append([]index.Field{}, fields...)}, err)
		return Asked{What: "fields", Found: uint64(len(fields)), Err: err}
	})
}

func (a *API) event(w http.ResponseWriter, r *http.Request, by Asker) {
	q, err := readQuestion(r)
	var ids []wantedID
	if err == nil {
		ids, err = readIDs(r, 1)
	}
	a.ask(w, r, by, q, err, func(ctx context.Context) Asked {
		e, err := a.index.Get(ctx, ids[0].id, ids[0].near)
		found := uint64(0)
		var line json.RawMessage
		if err == nil {
			line, found = e.AppendJSON(nil), 1
		}
		a.answerOr(w, line, err)
		return Asked{What: "event", Found: found, About: ids[0].id, Err: err}
	})
}

// The bounds of one request for context.
const (
	maxContexts    = 100
	maxAround      = 1000
	defaultContext = 5
	maxID          = 512 // bytes: no index on servers has longer ones. What is imported may have any
)

// wantedID is an event that is asked for.
type wantedID struct {
	id   string
	near time.Time
}

func readIDs(r *http.Request, most int) (ids []wantedID, err error) {
	all, near := r.Form["id"], r.Form["near"]
	if len(all) == 0 || len(all) > most {
		return nil, wrong("id: there are %d, and there must be 1 to %d", len(all), most)
	}
	for i, id := range all {
		if id == "" || len(id) > maxID {
			return nil, wrong("id: %d bytes, and there must be 1 to %d", len(id), maxID)
		}
		w := wantedID{id: id}
		if i < len(near) && near[i] != "" {
			if w.near, err = parseTime("near", near[i]); err != nil {
				return nil, err
			}
		}
		ids = append(ids, w)
	}
	return ids, nil
}

// group is an event with the lines around it.
type group struct {
	ID     string            `json:"id"`
	At     int               `json:"at"` // which of the events it is
	Events []json.RawMessage `json:"events"`
}

func (a *API) context(w http.ResponseWriter, r *http.Request, by Asker) {
	q, err := readQuestion(r)
	var ids []wantedID
	var before, after int
	if err == nil {
		ids, err = readIDs(r, maxContexts)
	}
	if err == nil {
		before, err = readNumber(r, "before", defaultContext, maxAround)
	}
	if err == nil {
		after, err = readNumber(r, "after", defaultContext, maxAround)
	}
	a.ask(w, r, by, q, err, func(ctx context.Context) Asked {
		out, found := encoder(w), uint64(0)
		for i, id := range ids {
			var g group
			if g, err = a.around(ctx, id, before, after); err != nil {
				if i == 0 {
					refuse(w, err)
				} else {
					a.finish(out.Encode(problem(err)))
				}
				break
			}
			if i == 0 {
				w.Header().Set("Content-Type", "application/x-ndjson")
			}
			found += uint64(len(g.Events))
			a.finish(out.Encode(g))
		}
		return Asked{What: "context", Found: found, About: ids[0].id, Err: err}
	})
}

// answerOr writes an answer, or why there is none.
func (a *API) answerOr(w http.ResponseWriter, v any, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	a.answer(w, v)
}
