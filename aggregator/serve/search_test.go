package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// asked is an index of which nothing else is asked than what a test says.
type asked struct{ index.Searcher }

// searchFunc is an index that is searched.
type searchFunc func(ctx context.Context, s index.Search, fn func(*event.Event, index.Cursor) error) error

func (f searchFunc) index() index.Searcher {
	return struct {
		asked
		searchFunc
	}{searchFunc: f}
}

func (f searchFunc) Search(ctx context.Context, s index.Search, fn func(*event.Event, index.Cursor) error) error {
	return f(ctx, s, fn)
}

// serve answers over a real socket until the test ends, and logs into out.
func serve(t *testing.T, x index.Searcher, hub *Hub, out io.Writer) *httptest.Server {
	t.Helper()
	return serveTo(t, x, hub, out, nil, func(*http.Request) (Asker, error) {
		return Asker{Name: "alice", By: "socket", Admin: true, Local: true}, nil
	})
}

// serveTo is serve for one asker, with an audit trail.
func serveTo(t *testing.T, x index.Searcher, hub *Hub, out io.Writer, trail func(Asked), who Who) *httptest.Server {
	t.Helper()
	api := New(x, hub, func() any { return map[string]int{"answer": 42} }, trail, slog.New(slog.NewTextHandler(out, nil)))
	return serveRoutes(t, api, who)
}

func slogDiscard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serveRoutes opens a door to an API.
func serveRoutes(t *testing.T, api *API, who Who) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	api.Register(mux, who)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, s *httptest.Server, path string) (status int, kind, body string) {
	t.Helper()
	resp, err := http.Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
}

func sample(n int) *event.Event {
	e := new(event.Event)
	e.Set("@timestamp", time.Unix(int64(n), 0).UTC().Format(time.RFC3339))
	e.Set("message", fmt.Sprintf("line %d\nof <two>\x1b[31m", n))
	e.Set("process.pid", fmt.Sprint(n))
	e.Set("user.name", []string{"averez", "bob"}[n%2])
	return e
}

func TestSearch(t *testing.T) {
	const events = 500
	x := searchFunc(func(_ context.Context, s index.Search, fn func(*event.Event, index.Cursor) error) error {
		for n := range events {
			if !s.Oldest {
				n = events - 1 - n
			}
			if e := sample(n); s.Query.Match(e) {
				if err := fn(e, index.Cursor{}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	var log bytes.Buffer
	s := serve(t, x.index(), NewHub(), &log)
	f := func(path string, want ...int) {
		t.Helper()
		status, kind, body := get(t, s, path)
		if status != http.StatusOK || kind != "application/x-ndjson" {
			t.Errorf("%s: %d, %s", path, status, kind)
		}
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		if body == "" {
			lines = nil
		}
		if len(lines) != len(want) {
			t.Fatalf("%s: %d lines, want %d", path, len(lines), len(want))
		}
		for i, n := range want {
			if text := string(sample(n).AppendJSON(nil)); lines[i] != text || !json.Valid([]byte(lines[i])) {
				t.Errorf("%s: line %d is %s, want %s", path, i, lines[i], text)
			}
		}
	}
	var newest, oldest []int
	for n := range events {
		oldest, newest = append(oldest, n), append(newest, events-1-n)
	}
	f("/v1/search", newest...)
	f("/v1/search?order=newest", newest...)
	f("/v1/search?order=oldest", oldest...)
	f("/v1/search?q=process.pid:7", 7)
	f("/v1/search?q="+url.QueryEscape(`process.pid:(7 OR 8) AND NOT user.name:bob`), 8)
	f("/v1/search?q=nothing")
	if got := strings.Count(log.String(), "msg=search "); got != 6 || !strings.Contains(log.String(), "query=process.pid:7 found=1") {
		t.Errorf("%d searches are logged: %s", got, log.String())
	}
}

func TestSearchParameters(t *testing.T) {
	var asked index.Search
	calls := 0
	s := serve(t, searchFunc(func(_ context.Context, s index.Search, _ func(*event.Event, index.Cursor) error) error {
		asked, calls = s, calls+1
		return nil
	}).index(), NewHub(), io.Discard)
	f := func(params string, want index.Search) {
		t.Helper()
		before := calls
		status, _, body := get(t, s, "/v1/search?"+params)
		asked.Query = nil
		if status != http.StatusOK || calls != before+1 || asked != want {
			t.Errorf("%s: %d %s, asks %+v, want %+v", params, status, body, asked, want)
		}
	}
	at := time.Date(2026, 11, 24, 1, 2, 3, 400, time.UTC)
	f("", index.Search{Limit: 100})
	f("limit=", index.Search{Limit: 100})
	f("limit=0", index.Search{Limit: -1})
	f("limit=1", index.Search{Limit: 1})
	f("limit=1000000", index.Search{Limit: 1000000})
	f("order=oldest", index.Search{Limit: 100, Oldest: true})
	f("from=2026-11-24T01:02:03.0000004Z", index.Search{Span: index.Span{From: at}, Limit: 100})
	f("to=2026-11-24T01:02:03.0000004Z&from=&order=", index.Search{Span: index.Span{To: at}, Limit: 100})

	refused := func(path, want string, column int) {
		t.Helper()
		before := calls
		status, kind, body := get(t, s, path)
		var got struct {
			Error  string
			Column int
		}
		err := json.Unmarshal([]byte(body), &got)
		if status != http.StatusBadRequest || kind != "application/json" || err != nil || calls != before ||
			!strings.Contains(got.Error, want) || got.Column != column {
			t.Errorf("%s: %d %s %s", path, status, kind, body)
		}
	}
	refused("/v1/search?limit=-1", `limit: "-1" is not a number`, 0)
	refused("/v1/search?limit=ten", `"ten"`, 0)
	refused("/v1/search?limit=1.5", `"1.5"`, 0)
	refused("/v1/search?limit=99999999999999999999", "limit", 0)
	refused("/v1/search?from=yesterday", `from: "yesterday" is not an RFC 3339 time`, 0)
	refused("/v1/search?to=2026-11-24", `to: "2026-11-24" is not`, 0)
	refused("/v1/search?order=sideways", `order: "sideways"`, 0)
	refused("/v1/search?q=user.name:", "column 11", 11)
	refused("/v1/search?q="+url.QueryEscape("a AND (b"), "query", 7)
	refused("/v1/search?q=%zz", "parameter list", 0)
	refused("/v1/search?q=a;b", "parameter list", 0)
	refused("/v1/tail?q=user.name:", "column 11", 11)
	refused("/v1/tail?q=%zz", "parameter list", 0)
}

// TestSearchFails fails before and behind the first line, with little and with much written.
func TestSearchFails(t *testing.T) {
	after := 0
	var log bytes.Buffer
	s := serve(t, searchFunc(func(_ context.Context, _ index.Search, fn func(*event.Event, index.Cursor) error) error {
		for n := range after {
			if err := fn(sample(n), index.Cursor{}); err != nil {
				return err
			}
		}
		return errors.New(`index is "broken"`)
	}).index(), NewHub(), &log)
	f := func(n, status int) {
		t.Helper()
		after = n
		got, _, body := get(t, s, "/v1/search")
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		if got != status || len(lines) != n+1 || lines[n] != `{"error":"index is \"broken\""}` {
			t.Errorf("behind %d lines: %d, %d lines, the last %s", n, got, len(lines), lines[len(lines)-1])
		}
	}
	f(0, http.StatusInternalServerError)
	f(1, http.StatusOK)
	f(1000, http.StatusOK)
	if got := strings.Count(log.String(), `msg="search failed"`); got != 3 {
		t.Errorf("%d failures are logged: %s", got, log.String())
	}
}

// TestSearcherGoes ends a search without an end when nobody reads it any more.
func TestSearcherGoes(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, searchFunc(func(ctx context.Context, _ index.Search, fn func(*event.Event, index.Cursor) error) error {
		for n := 0; ; n++ {
			err := fn(sample(n), index.Cursor{})
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				ended <- err
				return err
			}
		}
	}).index(), NewHub(), io.Discard)
	resp, err := http.Get(s.URL + "/v1/search?limit=0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1<<16)); err != nil {
		t.Error(err)
	}
	resp.Body.Close()
	<-ended
}

func TestRoutes(t *testing.T) {
	s := serve(t, nil, NewHub(), io.Discard)
	if status, kind, body := get(t, s, "/v1/status"); status != http.StatusOK || kind != "application/json" || body != "{\"answer\":42}\n" {
		t.Errorf("status: %d %s %s", status, kind, body)
	}
	if status, _, _ := get(t, s, "/v1/none"); status != http.StatusNotFound {
		t.Errorf("unknown path: %d", status)
	}
	resp, err := http.Post(s.URL+"/v1/search", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", resp.StatusCode)
	}
}
