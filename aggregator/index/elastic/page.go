package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"belfry/aggregator/index"
)

// hit is a document that a search finds.
type hit struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
	Sort   []json.Number   `json:"sort"` // @timestamp in nanoseconds since 1970, belfry.order, and what the server adds
	at     index.Cursor
}

// shards says how many parts of the index had a say.
type shards struct {
	Total      int `json:"total"`
	Successful int `json:"successful"`
	Failed     int `json:"failed"`
	Failures   []struct {
		Index  string `json:"index"`
		Reason struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		} `json:"reason"`
	} `json:"failures"`
}

// err says that an answer lacks what some shards have. It never stands for the answer of all.
func (s shards) err() error {
	if s.Failed == 0 {
		return nil
	}
	why := "no reason is told"
	if len(s.Failures) > 0 {
		f := s.Failures[0]
		why = fmt.Sprintf("%s: %s: %s", f.Index, f.Reason.Type, f.Reason.Reason)
	}
	return &partial{s.Failed, s.Total, why}
}

// partial is an answer that lacks a part.
type partial struct {
	failed, total int
	why           string
}

func (p *partial) Error() string {
	return fmt.Sprintf("%d of %d shards do not answer: %s", p.failed, p.total, p.why)
}

// found is the answer to a search.
type found struct {
	PIT      string `json:"pit_id"`
	TimedOut bool   `json:"timed_out"`
	Shards   shards `json:"_shards"`
	Hits     struct {
		Total struct {
			Value uint64 `json:"value"`
		} `json:"total"`
		Hits []hit `json:"hits"`
	} `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations"`
}

// err says that an answer is not whole.
func (f *found) err() error {
	if f.TimedOut {
		return &partial{f.Shards.Failed, f.Shards.Total, "the time was up"}
	}
	return f.Shards.err()
}

// The bounds of a page. A page is in memory as a whole, once as bytes.
const (
	leastPage  = 50 // rows
	firstPage  = 1000
	mostRows   = 10_000  // index.max_result_window is as much if nobody sets it
	pageBytes  = 8 << 20 // that a page is to have, by the size of the events before
	bytesOver  = 64 << 20
	keepAlive  = "2m" // of a point in time, from page to page
	closeAfter = 5 * time.Second
)

// errTooLarge says that a page has more bytes than bytesOver.
var errTooLarge = errors.New("a page of events is too large")

// walk is how far a walk through the hits of a search has come.
type walk struct {
	x      *reader
	class  string // "": of all
	filter json.RawMessage
	oldest bool
	bare   bool         // without the documents themselves
	behind index.Cursor // of the last hit, or where the search begins
	left   int          // hits still to find; negative: no limit
	rows   int          // of the next page
	begun  bool         // a page was read
	pit    string       // "": none is open
}

// next returns the next page; it has no hits where nothing is left.
func (w *walk) next(ctx context.Context) ([]hit, error) {
	var page []hit
	err := w.x.patient(ctx, func() (err error) {
		page, err = w.page(ctx)
		return err
	})
	return page, err
}

// page asks for a page once. The place in which it begins is that of the last event, so that it may be asked again, of
// another node, in another point in time.
func (w *walk) page(ctx context.Context) ([]hit, error) {
	for {
		rows := w.rows
		if w.left >= 0 {
			rows = min(rows, w.left)
		}
		if rows == 0 {
			return nil, nil
		}
		hits, size, err := w.ask(ctx, rows)
		switch {
		case errors.Is(err, errTooLarge) && rows > 1:
			w.rows = max(1, rows/8)
			continue
		case isNoIndex(err):
			return nil, nil
		case err != nil:
			return nil, w.lost(ctx, err)
		}
		w.advance(hits, size, rows)
		return hits, nil
	}
}

// lost gives the point in time up, which may be lost with a node or an index, or by its age: the next try opens another,
// and asks for less where that may help.
func (w *walk) lost(ctx context.Context, err error) error {
	switch {
	case w.pit != "" && isStatus(err, http.StatusNotFound):
		err = &partial{why: err.Error()}
	case isStatus(err, http.StatusTooManyRequests): // a node may have no room for so much
		w.rows = max(1, w.rows/4)
	}
	w.close(ctx)
	return err
}

// ask sends one request. The first page is asked without a point in time: most questions end with it.
func (w *walk) ask(ctx context.Context, rows int) (hits []hit, size int, err error) {
	if w.pit == "" && w.begun {
		if err := w.open(ctx); err != nil {
			return nil, 0, err
		}
	}
	answer, err := w.x.raw(ctx, http.MethodPost, w.path(), w.body(rows))
	if err != nil {
		return nil, 0, err
	}
	if len(answer) > bytesOver {
		return nil, 0, errTooLarge
	}
	var f found
	if err := json.Unmarshal(answer, &f); err != nil {
		return nil, 0, fmt.Errorf("read an answer: %w", err)
	}
	if err := f.err(); err != nil {
		return nil, 0, err
	}
	if w.pit != "" && f.PIT != "" {
		w.pit = f.PIT
	}
	for i := range f.Hits.Hits {
		if err := f.Hits.Hits[i].place(); err != nil {
			return nil, 0, err
		}
	}
	return f.Hits.Hits, len(answer), nil
}

// path is where a page is asked for. An answer of some shards is none.
func (w *walk) path() string {
	const whole = "/_search?allow_partial_search_results=false"
	if w.pit != "" {
		return whole
	}
	return "/" + w.x.where(w.class) + whole
}

func (w *walk) body(rows int) []byte {
	order := map[string]string{"order": "desc"}
	if w.oldest {
		order["order"] = "asc"
	}
	body := map[string]any{
		"size": rows, "query": w.filter, "track_total_hits": false, "_source": !w.bare,
		"sort": []any{map[string]any{"@timestamp": order}, map[string]any{orderField: order}},
	}
	if w.pit != "" {
		body["pit"] = map[string]any{"id": w.pit, "keep_alive": keepAlive}
	}
	if !w.behind.IsZero() {
		after := []any{w.behind.Time, w.behind.Order}
		body["search_after"] = after
	}
	return jsonOf(body)
}

// place reads the cursor of a hit.
func (h *hit) place() error {
	if len(h.Sort) < 2 {
		return fmt.Errorf("document %s of index %s has no place in the order of a search", h.ID, h.Index)
	}
	var err, wrong error
	h.at.Time, err = h.Sort[0].Int64()
	order, wrong := h.Sort[1].Int64()
	h.at.Order = uint64(order)
	if err := errors.Join(err, wrong); err != nil {
		return fmt.Errorf("the place of document %s of index %s: %w", h.ID, h.Index, err)
	}
	return nil
}

// advance goes on behind a page.
func (w *walk) advance(hits []hit, size, rows int) {
	w.begun = true
	if len(hits) > 0 {
		w.behind = hits[len(hits)-1].at
		w.rows = min(max(pageBytes/(size/len(hits)+1), 1), mostRows, rows*4)
	}
	switch {
	case len(hits) < rows:
		w.left = 0
	case w.left > 0:
		w.left -= len(hits)
	}
}

// open opens a point in time: the pages of a search are of one moment.
func (w *walk) open(ctx context.Context) error {
	path, key := "/_pit", "id"
	if w.x.isOpenSearch() {
		path, key = "/_search/point_in_time", "pit_id"
	}
	var a map[string]json.RawMessage
	if err := w.x.ask(ctx, http.MethodPost, "/"+w.x.where(w.class)+path+"?keep_alive="+keepAlive, nil, &a); err != nil {
		return err
	}
	var s shards
	if a["_shards"] != nil {
		if err := json.Unmarshal(a["_shards"], &s); err != nil {
			return fmt.Errorf("open a point in time: %w", err)
		}
	}
	if err := json.Unmarshal(a[key], &w.pit); err != nil {
		return fmt.Errorf("open a point in time: %w", err)
	}
	if err := s.err(); err != nil {
		w.close(ctx)
		return err
	}
	return nil
}

// close gives the point in time back, also where ctx is done: it holds the servers' files. If it cannot be reached it
// ends by itself (keepAlive).
func (w *walk) close(ctx context.Context) {
	if w.pit == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeAfter)
	defer cancel()
	path, body := "/_pit", map[string]any{"id": w.pit}
	if w.x.isOpenSearch() {
		path, body = "/_search/point_in_time", map[string]any{"pit_id": []string{w.pit}}
	}
	w.pit = ""
	if _, err := w.x.raw(ctx, http.MethodDelete, path, jsonOf(body)); err != nil {
		w.x.log.Debug("a point in time is left to itself", "err", err)
	}
}

// jsonOf writes a request, which is of maps and texts.
func jsonOf(body any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic("elastic: a request cannot be written: " + err.Error())
	}
	return b.Bytes()
}
