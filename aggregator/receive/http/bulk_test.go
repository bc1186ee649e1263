package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"belfry/aggregator/receive"
)

// itemsOf writes the answer to a bulk request: for each item the action, the status, and the result or the error's type.
func itemsOf(t *testing.T, text string) string {
	t.Helper()
	var a bulkAnswer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var b strings.Builder
	failed := false
	for _, it := range a.Items {
		for op, i := range it {
			said := i.Result
			if i.Error != nil {
				failed = true
				said = i.Error.Type
			}
			fmt.Fprintf(&b, "%s %s/%s %d %s; ", op, i.Index, i.ID, i.Status, said)
		}
	}
	if a.Errors != failed {
		t.Errorf("errors is %v: %s", a.Errors, text)
	}
	return b.String()
}

func TestBulkAnswers(t *testing.T) {
	s := newStore()
	url, c, _ := tlsDoor(t, doors(s, nil))
	f := func(path, body, want string, events int) {
		t.Helper()
		had := len(s.events)
		a := ask(t, c, "POST", url+path, body, "Content-Type", "application/x-ndjson")
		if a.code != 200 || a.header.Get("X-Elastic-Product") != "Elasticsearch" {
			t.Fatalf("%d %s %v", a.code, a.body, a.header)
		}
		if got := itemsOf(t, a.body); got != want || len(s.events)-had != events {
			t.Errorf("%s: %s and %d events; want %s and %d", body, got, len(s.events)-had, want, events)
		}
	}
	f("/_bulk", "{\"create\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"a\":1}\n{\"index\":{\"_index\":\"i\",\"_id\":\"2\"}}\n{\"a\":1}\n",
		"create i/1 201 created; index i/2 201 created; ", 2)
	f("/i/_bulk", "{\"create\":{\"_id\":\"1\"}}\n{\"a\":1}\n{\"update\":{\"_id\":\"1\"}}\n{}\n{\"index\":{\"_id\":\"2\"}}\n{\"a\":1}\n"+
		"{\"index\":{\"_id\":\"3\"}}\nx\n{\"delete\":{\"_id\":\"1\"}}\n{\"index\":{\"_id\":\"4\"}}\n{\"a\":1}\n{\"create\":{\"_id\":\"4\"}}\n{\"a\":1}\n",
		"create i/1 409 version_conflict_engine_exception; update i/1 400 illegal_argument_exception; index i/2 200 noop; "+
			"index i/3 400 mapper_parsing_exception; delete i/1 400 illegal_argument_exception; index i/4 201 created; "+
			"create i/4 409 version_conflict_engine_exception; ", 1)
	f("/_bulk", "{\"delete\":{\"_id\":\"1\"}}\n", "delete /1 400 illegal_argument_exception; ", 0)

	// Who has no name for a document is told which it got.
	a := ask(t, c, "POST", url+"/_bulk", "{\"index\":{}}\n{\"a\":1}\n")
	if id := s.events[len(s.events)-1].Get("event.id"); !strings.Contains(a.body, `"_id":"`+id+`"`) {
		t.Errorf("event %s: %s", id, a.body)
	}
	s.queued = true // and the sink gives it another
	a = ask(t, c, "POST", url+"/_bulk", "{\"index\":{}}\n{\"a\":1}\n")
	if id := s.events[len(s.events)-1].Get("event.id"); !strings.Contains(a.body, `"_id":"`+id+`"`) {
		t.Errorf("queued event %s: %s", id, a.body)
	}
}

func TestBulkRefused(t *testing.T) {
	s := newStore()
	url, c, _ := tlsDoor(t, doors(s, nil))
	good := "{\"index\":{\"_id\":\"1\"}}\n{\"a\":1}\n"
	f := func(body string, code int, kind, reason string, headers ...string) {
		t.Helper()
		a := ask(t, c, "POST", url+"/_bulk", body, headers...)
		var e struct {
			Status int
			Error  struct {
				Type, Reason string
				RootCause    []itemError `json:"root_cause"`
			}
		}
		if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.code != code || e.Status != code || e.Error.Type != kind ||
			!strings.Contains(e.Error.Reason, reason) || len(e.Error.RootCause) != 1 {
			t.Errorf("%.60q: %d %s, %v; want %d %s %s", body, a.code, a.body, err, code, kind, reason)
		}
		if later := code == 429 || code == 503; later != (a.header.Get("Retry-After") != "") {
			t.Errorf("%d with Retry-After %q", code, a.header.Get("Retry-After"))
		}
	}
	f(good+"{\"index\":{}}\n{}\n{\"x\":{}}\n", 400, "illegal_argument_exception", "Malformed action/metadata line [5]")
	f(good+"{\"index\":{}}\n{}", 400, "illegal_argument_exception", "must be terminated by a newline")
	f(strings.Repeat(good, receive.MaxEvents+1), 413, "illegal_argument_exception", "more than 10000 events")
	f(good, 415, "illegal_argument_exception", "br", "Content-Encoding", "br")
	f(good, 400, "illegal_argument_exception", "no valid gzip", "Content-Encoding", "gzip")
	s.err = errors.New("disk is full")
	f(good, 503, "cluster_block_exception", "disk is full")
	s.err = fmt.Errorf("%w: for ever", ErrPoison)
	f(good, 400, "illegal_argument_exception", "for ever")
	if len(s.events) > 0 {
		t.Errorf("%d events were taken", len(s.events))
	}
}

// One document at a time is how rsyslog sends unless it is told otherwise.
func TestDocuments(t *testing.T) {
	s := newStore()
	url, c, _ := tlsDoor(t, doors(s, nil))
	f := func(method, path, body string, code int, want string) {
		t.Helper()
		if a := ask(t, c, method, url+path, body); a.code != code || !strings.Contains(a.body, want) || code < 300 && strings.Contains(a.body, "status") {
			t.Errorf("%s %s: %d %s; want %d %s", method, path, a.code, a.body, code, want)
		}
	}
	f("POST", "/i/_doc", event1, 201, `"result":"created"`)
	f("POST", "/system/events", event1, 201, `"_index":"system"`)
	f("PUT", "/i/_doc/1", event1, 201, `"_id":"1"`)
	f("PUT", "/i/_doc/1", event1, 200, `"result":"noop"`)
	f("PUT", "/i/_create/1", event1, 409, `"type":"version_conflict_engine_exception"`)
	f("POST", "/i/_doc/1?op_type=create", event1, 409, `"type":"version_conflict_engine_exception"`)
	f("PUT", "/i/_create/2", event1, 201, `"_id":"2"`)
	f("POST", "/i/_doc", "{", 400, "mapper_parsing_exception")
	f("PUT", "/i/_doc/"+strings.Repeat("x", receive.MaxName+1), event1, 400, "_id is too long")
	for _, path := range []string{"/i/_search", "/i/_count", "/i/_delete_by_query", "/_security/api_key", "/_search/scroll", "/_ingest/_bulk"} {
		f("POST", path, event1, 404, "no handler found") // what is asked is no event
	}
	if len(s.events) != 4 {
		t.Errorf("%d events, want 4", len(s.events))
	}
}

// What clients ask first is answered as they want to hear it.
func TestWhatClientsAsk(t *testing.T) {
	url, c, _ := tlsDoor(t, doors(newStore(), nil))
	f := func(method, path string, want string) {
		t.Helper()
		a := ask(t, c, method, url+path, "")
		if a.code != 200 || a.header.Get("X-Elastic-Product") != "Elasticsearch" || method != "HEAD" && !strings.Contains(a.body, want) {
			t.Errorf("%s %s: %d %s %v", method, path, a.code, a.body, a.header)
		}
	}
	f("GET", "/", `"number":"8.`)
	f("HEAD", "/", "")
	f("GET", "/_license?human=false", `"status":"active"`)
	f("GET", "/_xpack", `"active"`)
	f("GET", "/_cluster/health", `"status":"green"`)
	f("GET", "/_cat/health", " belfry green ")
	f("HEAD", "/_index_template/filebeat-8.19.0", "")
	f("PUT", "/_index_template/filebeat-8.19.0", `"acknowledged":true`)
	f("GET", "/_ilm/policy/filebeat", "filebeat")
	f("GET", "/_data_stream/filebeat-8.19.0", `"data_streams":[{"name":"filebeat-8.19.0"}]`)
	f("PUT", "/_ingest/pipeline/p", `"acknowledged":true`)
	f("HEAD", "/logstash", "")
	if a := ask(t, c, "POST", url+"/py/_update/5", "{}"); a.code != 404 || !strings.Contains(a.body, "no handler found for uri [/py/_update/5]") {
		t.Errorf("%d %s", a.code, a.body)
	}
	away, c, _ := tlsDoor(t, doors(newStore(), errors.New("away")))
	if a := ask(t, c, "GET", away+"/_cluster/health", ""); a.code != 503 || !strings.Contains(a.body, "red") {
		t.Errorf("%d %s", a.code, a.body)
	}
}
