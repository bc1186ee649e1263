package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// answering is an index that keeps what it is asked, and answers with an error if it has one.
type answering struct {
	index.Searcher
	err   error
	count index.Count
	top   index.Top
	span  index.Span
	near  time.Time
}

func (a *answering) Count(_ context.Context, c index.Count) ([]index.Bucket, error) {
	a.count = c
	return []index.Bucket{{At: time.Unix(3600, 0).UTC(), Value: "x", Count: 3}, {At: time.Unix(7200, 0).UTC(), Count: 4}}, a.err
}

func (a *answering) Top(_ context.Context, t index.Top) (index.TopResult, error) {
	a.top = t
	return index.TopResult{Events: 9, Without: 2}, a.err
}

func (a *answering) Fields(_ context.Context, s index.Span) ([]index.Field, error) {
	a.span = s
	return []index.Field{{Name: "a", Type: "keyword"}}, a.err
}

func (a *answering) Get(_ context.Context, id string, near time.Time) (*event.Event, error) {
	a.near = near
	e := sample(1)
	e.Set("event.id", id)
	return e, a.err
}

func (a *answering) Search(context.Context, index.Search, func(*event.Event, index.Cursor) error) error {
	return a.err
}

const someID = "000102030405060708090a0b0c0d0e0f"

func TestAnswers(t *testing.T) {
	x := new(answering)
	var trail []Asked
	s := serveTo(t, x, NewHub(), io.Discard, func(a Asked) { trail = append(trail, a) }, func(*http.Request) (Asker, error) {
		return Asker{Name: "bob", By: "token", From: "192.0.2.1"}, nil
	})
	f := func(path, want string) {
		t.Helper()
		if status, kind, body := get(t, s, path); status != http.StatusOK || kind != "application/json" || body != want+"\n" {
			t.Errorf("%s: %d %s %s", path, status, kind, body)
		}
	}
	f("/v1/count?q=a&over=1d&by=host.name&most=5&from=1970-01-01T00:00:00Z",
		`{"seconds":86400,"buckets":[{"at":"1970-01-01T01:00:00Z","value":"x","count":3},{"at":"1970-01-01T02:00:00Z","count":4}]}`)
	if c := x.count; c.Every != 24*time.Hour || c.By != "host.name" || c.Most != 5 || !c.From.Equal(time.Unix(0, 0)) || !c.To.IsZero() ||
		c.Query.String() != "(a) AND NOT event.dataset:belfry.search" {
		t.Errorf("%+v, %s", c, c.Query)
	}
	f("/v1/top?field=user.name&limit=7&q=*", `{"values":[],"events":9,"without":2}`)
	if x.top.Field != "user.name" || x.top.Limit != 7 || x.top.Query.String() != "NOT event.dataset:belfry.search" {
		t.Errorf("%+v, %s", x.top, x.top.Query)
	}
	f("/v1/fields?q=event.dataset:belfry.search", `{"fields":[{"name":"a","type":"keyword"}]}`)
	if x.span.Query.String() != "event.dataset:belfry.search" {
		t.Error(x.span.Query)
	}
	f("/v1/event?id="+someID+"&near=1970-01-01T00:00:07Z", strings.Replace(string(sample(1).AppendJSON(nil)), `"message"`,
		`"event":{"id":"`+someID+`"},"message"`, 1))
	if !x.near.Equal(time.Unix(7, 0)) {
		t.Error(x.near)
	}
	var got []string
	for _, a := range trail {
		got = append(got, fmt.Sprint(a.What, " ", a.Query, " ", a.About, " ", a.Found, " ", a.By.Name, a.By.From))
	}
	want := []string{"count a host.name 7 bob192.0.2.1", "top * user.name 9 bob192.0.2.1",
		"fields event.dataset:belfry.search  1 bob192.0.2.1", "event  " + someID + " 1 bob192.0.2.1"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
}

// The status of an answer says whose fault it is.
func TestRefusals(t *testing.T) {
	x := new(answering)
	s := serve(t, x, NewHub(), io.Discard)
	f := func(path string, status int, want string) {
		t.Helper()
		if got, kind, body := get(t, s, path); got != status || kind != "application/json" || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s %s", path, got, kind, body)
		}
	}
	f("/v1/count?over=-1h", http.StatusBadRequest, "over")
	f("/v1/count?over=0s", http.StatusBadRequest, "over")
	f("/v1/count?most=1001", http.StatusBadRequest, "most")
	f("/v1/count?q=user.name:", http.StatusBadRequest, `"column":11`)
	f("/v1/top", http.StatusBadRequest, "field")
	f("/v1/event", http.StatusBadRequest, "id")
	f("/v1/event?id=", http.StatusBadRequest, "id")
	f("/v1/event?id="+strings.Repeat("x", 513), http.StatusBadRequest, "id")
	f("/v1/event?id="+someID+"&id="+someID, http.StatusBadRequest, "id")
	f("/v1/context?id="+someID+"&before=1001", http.StatusBadRequest, "before")
	f("/v1/search?query=user.name:bob", http.StatusBadRequest, "q, from")
	f("/v1/count?q=a&since=2026-11-23T00:00:00Z", http.StatusBadRequest, "since")
	f("/v1/search?after=x", http.StatusBadRequest, "cursor")
	f("/v1/search?deadline=soon", http.StatusBadRequest, "deadline")
	all := []string{"/v1/search", "/v1/count", "/v1/top?field=a", "/v1/fields", "/v1/event?id=" + someID, "/v1/context?id=" + someID}
	for err, status := range map[error]int{
		index.ErrQuestion: http.StatusBadRequest, index.ErrNotFound: http.StatusNotFound, index.ErrRefused: http.StatusNotImplemented,
		index.ErrAway: http.StatusServiceUnavailable, index.ErrClosed: http.StatusServiceUnavailable,
		context.DeadlineExceeded: http.StatusGatewayTimeout, errors.New("else"): http.StatusInternalServerError,
	} {
		x.err = fmt.Errorf("because: %w", err)
		for _, path := range all {
			f(path, status, "because: ")
		}
	}
}

// Who may not, is told what he lacks; and nothing is asked of the index.
func TestGuard(t *testing.T) {
	var by Asker
	var failed error
	api := New(nil, NewHub(), nil, nil, slogDiscard())
	for pattern, need := range map[string]Need{"GET /search": ForSearch, "GET /admin": ForAdmin, "GET /local": ForLocal} {
		api.Handle(pattern, need, func(w http.ResponseWriter, _ *http.Request, by Asker) { fmt.Fprint(w, by.Name) })
	}
	s := serveRoutes(t, api, func(*http.Request) (Asker, error) { return by, failed })
	f := func(who Asker, err error, want ...int) {
		t.Helper()
		by, failed = who, err
		for i, path := range []string{"/search", "/admin", "/local"} {
			if status, _, body := get(t, s, path); status != want[i] || status == http.StatusOK && body != who.Name {
				t.Errorf("%+v, %v: %s: %d %s", who, err, path, status, body)
			}
		}
	}
	f(Asker{Name: "a"}, nil, 200, 403, 403)
	f(Asker{Name: "b", Admin: true}, nil, 200, 200, 403)
	f(Asker{Name: "c", Admin: true, Local: true}, nil, 200, 200, 200)
	f(Asker{}, ErrStranger, 401, 401, 401)
	f(Asker{}, ErrBusy, 429, 429, 429)
}

// No more is answered than the audit trail takes.
func TestLimits(t *testing.T) {
	var l limits
	now := time.Unix(0, 0)
	a, b := Asker{Name: "a", By: "token"}, Asker{Name: "b", By: "token"}
	for n := range burst {
		if err := l.spend(a, now); err != nil {
			t.Fatalf("question %d: %v", n, err)
		}
	}
	if err := l.spend(a, now); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if err := l.spend(b, now); err != nil {
		t.Errorf("another one: %v", err)
	}
	now = now.Add(time.Second)
	for range perSecond {
		if err := l.spend(a, now); err != nil {
			t.Error(err)
		}
	}
	if err := l.spend(a, now); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	now = now.Add(time.Hour)
	var leaves []func()
	enter := func(by Asker, want error) {
		t.Helper()
		leave, err := l.enter(by, now)
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		leaves = append(leaves, leave)
	}
	for range maxAskingOne {
		enter(a, nil)
	}
	enter(a, ErrBusy)
	for range maxAsking - maxAskingOne {
		enter(b, nil)
	}
	enter(Asker{Name: "c"}, ErrBusy)
	leaves[0]()
	enter(Asker{Name: "c"}, nil)
}

// A long search says how far it is, its events come meanwhile, and its last line where it goes on.
func TestProgress(t *testing.T) {
	var once sync.Once
	on := make(chan struct{})
	x := searchFunc(func(_ context.Context, s index.Search, fn func(*event.Event, index.Cursor) error) error {
		if s.After.IsZero() {
			if err := fn(sample(1), index.Cursor{Time: 1e9, Order: 5}); err != nil {
				return err
			}
			<-on
			return fn(sample(2), index.Cursor{Time: 2e9, Order: 6})
		}
		return nil
	})
	s := serve(t, x.index(), NewHub(), io.Discard)
	resp, err := http.Get(s.URL + "/v1/search?progress=1&limit=2&fields=user.*")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		text.Write(buf[:n])
		if strings.Contains(text.String(), `{"progress":{"at":"1970-01-01T00:00:01Z","found":1,"seconds":`) {
			once.Do(func() { close(on) })
		}
		if err != nil {
			break
		}
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	last := `{"end":{"cursor":"2000000000-6","found":2,"more":true}}`
	if lines[0] != `{"user":{"name":"bob"}}` || lines[len(lines)-1] != last || resp.Trailer.Get(CursorTrailer) != "2000000000-6" {
		t.Errorf("%q, trailer %v", lines, resp.Trailer)
	}
	if _, _, body := get(t, s, "/v1/search?progress=1&after=2000000000-6"); body != `{"end":{"cursor":"","found":0,"more":false}}`+"\n" {
		t.Error(body)
	}
}
