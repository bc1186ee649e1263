package elastic

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// loader puts documents into the servers, for tests of what reads them.
type loader struct {
	*reader
	made  *maker
	order uint64
}

var loaders atomic.Int64

// load makes a loader with indices of its own, which end with the test.
func load(t testing.TB, urls ...string) *loader {
	t.Helper()
	cfg := Config{Nodes: urls, Prefix: fmt.Sprintf("t%d", loaders.Add(1)), Replicas: new(int)}.withDefaults()
	*cfg.Replicas = len(urls) - 1
	c, err := newClient(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.await(t.Context(), c.learn); err != nil {
		t.Fatal(err)
	}
	if err := c.install(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := &loader{reader: newReader(c, c.log, func() error { return nil }), made: newMaker()}
	t.Cleanup(func() { l.drop(t) })
	return l
}

// drop deletes the indices, by their names: the servers take no pattern for that.
func (l *loader) drop(t testing.TB) {
	ctx := context.WithoutCancel(t.Context())
	var names map[string]any
	if err := l.ask(ctx, http.MethodGet, "/_alias/"+l.c.names.alias(), nil, &names); err != nil {
		return
	}
	for name := range names {
		if _, err := l.raw(ctx, http.MethodDelete, "/"+name, nil); err != nil {
			t.Log(err)
		}
	}
}

// put writes events into the index of a class and day.
func (l *loader) put(t testing.TB, class, day string, events ...*event.Event) {
	t.Helper()
	var body bytes.Buffer
	for _, e := range events {
		l.order++
		body.Write(jsonOf(map[string]any{"create": map[string]string{
			"_index": l.c.names.index(class, day), "_id": e.Get("event.id"),
		}}))
		body.Write(l.made.appendDocument(nil, e, l.order))
		body.WriteByte('\n')
	}
	answer, err := l.raw(t.Context(), http.MethodPost, "/_bulk", body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(answer), `"errors":false`) {
		t.Fatalf("%.2000s", answer)
	}
}

// find returns what a search finds.
func (l *loader) find(t testing.TB, s index.Search) []*event.Event {
	t.Helper()
	var all []*event.Event
	err := l.Search(t.Context(), s, func(e *event.Event, _ index.Cursor) error { all = append(all, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func numbered(n int, at time.Time) *event.Event {
	e := new(event.Event)
	e.Append("@timestamp", at.UTC().Format(time.RFC3339Nano))
	e.Append("event.id", event.HashKey("event", fmt.Sprint(n)).String())
	e.Append("user.name", fmt.Sprint("user", n%7))
	e.Append("log.offset", fmt.Sprint(n))
	return e
}
