package app

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os/user"
	"strings"
	"testing"
	"time"
)

func slogTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// mustRequest fills in what a server would.
func mustRequest(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	u, err := url.Parse("/v1/search")
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	return r
}

// Who searched for what can itself be searched, and does not disturb who searches for something else.
func TestTrail(t *testing.T) {
	r, server, ca := startTLS(t, t.TempDir())
	r.town()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.belfry("search", "--from", "2026-11-23", "averez AND NOT x"); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("verylong ", 200)
	if _, _, err := r.belfry("search", long); !errors.Is(err, errNothing) {
		t.Fatal(err)
	}
	t.Setenv(tokenVariable, r.makeToken("alice", "search"))
	if _, _, err := belfry(t, "--config", "/nowhere", "--server", server, "--ca", ca, "search", "--limit", "1"); err != nil {
		t.Fatal(err)
	}
	t.Setenv(tokenVariable, "")
	var got []asked
	for end := time.Now().Add(30 * time.Second); len(got) < 3 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = r.asked(`event.dataset:belfry.search AND NOT labels.query:*belfry.search* AND event.action:search`)
	}
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	f := func(a asked, who, by, query, found, from, address string) {
		t.Helper()
		if a.User.Name != who || a.Labels.By != by || a.Labels.Query != query || a.Labels.Found != found || a.Labels.From != from ||
			a.Source.IP != address || a.Event.Outcome != "success" || a.Event.Duration <= 0 {
			t.Errorf("%+v", a)
		}
	}
	f(got[0], me.Username, "socket", "averez AND NOT x", "2", "2026-11-23T00:00:00Z", "")
	f(got[1], me.Username, "socket", long[:1000]+"…", "0", "", "")
	f(got[2], "alice", "token", "", "1", "", "127.0.0.1")
	r.count(4)
	r.count(4, "*")
	r.count(0, "labels.by:socket")
	r.count(4, "NOT event.dataset:nothing")
}

type asked struct {
	User  struct{ Name string }
	Event struct {
		Outcome  string
		Duration int64
	}
	Source struct{ IP string }
	Labels struct{ By, Query, Found, From string }
}

// asked returns what was asked, the first question first.
func (r *rig) asked(query string) (all []asked) {
	r.t.Helper()
	out, _, err := r.belfry("search", "--oldest", "--format", "json", query)
	if err != nil && !errors.Is(err, errNothing) {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		var a asked
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}
