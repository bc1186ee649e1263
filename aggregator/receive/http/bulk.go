package http

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/receive"
	"belfry/shared/event"
)

// The routes that take events as Elasticsearch does. Belfry keeps events as they come and changes none: create and index
// both add an event, update and delete are refused. An _id names an event, of its sender and index; one that is there
// already is not added again. The index stays as the label "index".
//
// As with Elasticsearch, each item of a bulk request has its own answer, and one that is refused leaves the others
// alone. All that is taken of a request is taken at once, or nothing.

// bulkAnswer is the answer to a bulk request.
type bulkAnswer struct {
	Took   int64             `json:"took"` // milliseconds
	Errors bool              `json:"errors"`
	Items  []map[string]item `json:"items"`
}

// item is the answer to one action.
type item struct {
	Index   string     `json:"_index"`
	ID      string     `json:"_id"`
	Version int        `json:"_version,omitempty"`
	Result  string     `json:"result,omitempty"`
	Shards  *shards    `json:"_shards,omitempty"`
	Status  int        `json:"status,omitempty"`
	Error   *itemError `json:"error,omitempty"`
}

type shards struct {
	Total      int `json:"total"`
	Successful int `json:"successful"`
	Failed     int `json:"failed"`
}

type itemError struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	Index  string `json:"index,omitempty"`
}

// takeInto answers what is posted into an index: many documents, or one. Old clients name a type where _doc stands now;
// neither that nor an index begins with an underscore: _search and its like are no documents, though they bring an object.
func (d *Doors) takeInto(w http.ResponseWriter, r *http.Request, from peer) {
	switch what := r.PathValue("what"); {
	case strings.HasPrefix(r.PathValue("index"), "_"):
		d.noRoute(w, r, from)
	case what == "_bulk":
		d.takeBulk(w, r, from)
	case what == "_doc" || !strings.HasPrefix(what, "_"):
		d.takeDocument(w, r, from)
	default:
		d.noRoute(w, r, from)
	}
}

// takeBulk answers POST /_bulk and /{index}/_bulk.
func (d *Doors) takeBulk(w http.ResponseWriter, r *http.Request, from peer) {
	begin := time.Now()
	items, err := d.readBulk(w, r, from)
	if err != nil {
		d.refuseAs(w, err, d.refuseElastic)
		return
	}
	a := bulkAnswer{Items: make([]map[string]item, len(items))}
	for i, it := range items {
		a.Items[i] = map[string]item{it.op: it.item}
		a.Errors = a.Errors || it.Error != nil
	}
	a.Took = time.Since(begin).Milliseconds()
	inTime(w, func() { writeJSON(w, http.StatusOK, a) })
}

func (d *Doors) readBulk(w http.ResponseWriter, r *http.Request, from peer) ([]opItem, error) {
	body, leave, err := d.text(w, r, from)
	if err != nil {
		return nil, err
	}
	defer leave()
	actions, err := receive.Bulk(body, r.PathValue("index"), receive.Origin{Sender: from.name, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	return d.takeActions(r, actions)
}

// opItem is an item's answer with what it answers.
type opItem struct {
	op string
	item
}

// takeActions hands on what can be taken, and makes the answers.
func (d *Doors) takeActions(r *http.Request, actions []receive.Action) ([]opItem, error) {
	events := make([]*event.Event, 0, len(actions))
	ids := make([]string, len(actions)) // before they are handed on: nobody may look at them then
	for i, a := range actions {
		if a.Event != nil {
			events = append(events, a.Event)
			ids[i] = a.Event.Get("event.id")
		}
	}
	var taken Taken
	if len(events) > 0 {
		var err error
		if taken, err = d.take(r.Context(), events); err != nil {
			return nil, err
		}
	}
	items := make([]opItem, len(actions))
	next := 0 // of the events
	for i, a := range actions {
		known := false
		if a.Event != nil {
			if taken.Queued { // a place in a stream may have given it another; and nobody has it any more
				ids[i] = a.Event.Get("event.id")
			}
			_, known = slices.BinarySearch(taken.Known, next)
			next++
		}
		items[i] = opItem{a.Op, answerTo(a, ids[i], known)}
		if items[i].Error != nil && !known {
			d.refused.Inc()
		}
	}
	return items, nil
}

// answerTo makes the answer to one action.
func answerTo(a receive.Action, id string, known bool) item {
	it := item{Index: a.Index, ID: a.ID, Status: http.StatusCreated}
	if it.ID == "" {
		it.ID = id
	}
	switch {
	case a.Err != nil:
		it.Status, it.Error = http.StatusBadRequest, &itemError{typeOf(a.Err), a.Err.Error(), a.Index}
	case known && a.Op == "create":
		it.Status = http.StatusConflict
		reason := fmt.Sprintf("[%s]: version conflict, document already exists (current version [1])", it.ID)
		it.Error = &itemError{"version_conflict_engine_exception", reason, a.Index}
	case known: // its sender wants it there, and it is
		it.Status, it.Version, it.Result, it.Shards = http.StatusOK, 1, "noop", &shards{1, 1, 0}
	default:
		it.Version, it.Result, it.Shards = 1, "created", &shards{1, 1, 0}
	}
	return it
}

// typeOf returns the name that Elasticsearch has for an error.
func typeOf(err error) string {
	code, _ := statusOf(err)
	switch {
	case errors.Is(err, receive.ErrDocument):
		return "mapper_parsing_exception"
	case code == http.StatusTooManyRequests:
		return "es_rejected_execution_exception"
	case code == http.StatusServiceUnavailable:
		return "cluster_block_exception"
	}
	return "illegal_argument_exception"
}

// takeDocument answers a request that brings one document.
func (d *Doors) takeDocument(w http.ResponseWriter, r *http.Request, from peer) {
	op := "index"
	if r.URL.Query().Get("op_type") == "create" || strings.HasSuffix(r.Pattern, createPath) {
		op = "create"
	}
	it, err := d.readDocument(w, r, from, op)
	switch {
	case err != nil:
		d.refuseAs(w, err, d.refuseElastic)
	case it.Error != nil:
		writeJSON(w, it.Status, elasticError(it.Status, *it.Error))
	default:
		code := it.Status
		it.Status = 0 // by which rsyslog takes an answer for an error
		writeJSON(w, code, it.item)
	}
}

func (d *Doors) readDocument(w http.ResponseWriter, r *http.Request, from peer, op string) (opItem, error) {
	body, leave, err := d.text(w, r, from)
	if err != nil {
		return opItem{}, err
	}
	defer leave()
	a := receive.Action{Op: op, Index: r.PathValue("index"), ID: r.PathValue("id")}
	if len(a.ID) > receive.MaxName {
		a.Err = receive.ErrLongName
	} else {
		a.Event, a.Err = receive.Document(body, a.Index, a.ID, receive.Origin{Sender: from.name, Now: time.Now()}, new(event.Decoder))
	}
	items, err := d.takeActions(r, []receive.Action{a})
	if err != nil {
		return opItem{}, err
	}
	return items[0], nil
}

// refuseElastic answers with an error as Elasticsearch words it.
func (d *Doors) refuseElastic(w http.ResponseWriter, code int, err error) {
	d.refused.Inc()
	e := itemError{Type: typeOf(err), Reason: err.Error()}
	var syntax *receive.SyntaxError
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		e.Type = "security_exception"
	case errors.As(err, &syntax): // its text names the line already
		e.Reason = syntax.Err.Error()
	}
	writeJSON(w, code, elasticError(code, e))
}

func elasticError(code int, e itemError) any {
	return map[string]any{"status": code, "error": struct {
		RootCause []itemError `json:"root_cause"`
		itemError
	}{[]itemError{e}, e}}
}
