package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

var testDay = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)

func dayOf(at time.Time) string { return at.Format(dayForm) }

// loadNumbered writes n events over three days and two classes, 10 of each time, and returns the loader.
func loadNumbered(t testing.TB, n int, urls ...string) *loader {
	t.Helper()
	l := load(t, urls...)
	for first := 0; first < n; first += 1000 {
		var events []*event.Event
		for i := first; i < min(n, first+1000); i++ {
			events = append(events, numbered(i, testDay.Add(time.Duration(i/10)*time.Second)))
		}
		l.put(t, []string{"auth", "default"}[first/1000%2], dayOf(testDay.AddDate(0, 0, first/1000%3)), events...)
	}
	return l
}

// inOrder reports whether events are those of numbers 0 to n-1, each once, in order.
func inOrder(t testing.TB, what string, events []*event.Event, n int) {
	t.Helper()
	for i, e := range events {
		if got := e.Get("log.offset"); got != fmt.Sprint(i) {
			t.Errorf("%s: event %d is number %s", what, i, got)
			return
		}
	}
	if len(events) != n {
		t.Errorf("%s: %d events, want %d", what, len(events), n)
	}
}

var everything = index.Search{Limit: -1, Oldest: true}

// open returns the number of searches that a server holds files for.
func (l *loader) contexts(t testing.TB) int {
	t.Helper()
	var a struct {
		Nodes map[string]struct {
			Indices struct {
				Search struct {
					Open int `json:"open_contexts"`
				} `json:"search"`
			} `json:"indices"`
		} `json:"nodes"`
	}
	if err := l.ask(t.Context(), http.MethodGet, "/_nodes/stats/indices/search", nil, &a); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, node := range a.Nodes {
		n += node.Indices.Search.Open
	}
	return n
}

// TestPoints ends searches in every way behind the second page: none leaves a point in time open.
func TestPoints(t *testing.T) {
	f := func(name string, urls []string) {
		t.Run(name, func(t *testing.T) { testPoints(t, loadNumbered(t, 300, urls...)) })
	}
	f("elasticsearch", elasticsearchNode.Open(t).URLs)
	if !testing.Short() {
		f("opensearch", opensearchNode.Open(t).URLs)
	}
}

func testPoints(t *testing.T, l *loader) {
	l.rows = 20
	inOrder(t, "all", l.find(t, everything), 300)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	f := func(ctx context.Context, fn func() error, want error) {
		t.Helper()
		seen = 0
		err := l.Search(ctx, everything, func(*event.Event, index.Cursor) error { seen++; return fn() })
		if !errors.Is(err, want) {
			t.Errorf("%v after %d events, want %v", err, seen, want)
		}
	}
	most := 0
	f(t.Context(), func() error {
		if seen != 150 {
			return nil
		}
		most = l.contexts(t)
		return stop
	}, stop)
	if most == 0 {
		t.Error("there was no point in time to look at")
	}
	f(ctx, func() error {
		if seen == 150 {
			cancel()
		}
		return nil
	}, context.Canceled)
	if n := l.contexts(t); n != 0 {
		t.Errorf("%d searches are still open", n)
	}
}

// TestLostPoint closes the point in time between two pages, as its age or the end of a node does.
func TestLostPoint(t *testing.T) {
	l := loadNumbered(t, 300, elasticsearchNode.Open(t).URLs...)
	if err := l.fresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &walk{x: l.reader, filter: allOf(), oldest: true, left: -1, rows: 30}
	var all []*event.Event
	for {
		page, err := w.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range page {
			e, err := readEvent(new(event.Decoder), &page[i])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if w.left == 0 {
			break
		}
		if lost := *w; lost.pit != "" {
			lost.close(t.Context()) // a copy: the walk does not know
		}
	}
	inOrder(t, "all", all, 300)
}

// TestMissingShard has an index that no node may hold: a question that it may have an answer to has none.
func TestMissingShard(t *testing.T) {
	l := loadNumbered(t, 50, elasticsearchNode.Open(t).URLs...)
	l.patience = time.Second
	nobody := []byte(`{"settings":{"index.routing.allocation.require.name":"nobody"}}`)
	name := l.c.names.index("default", dayOf(testDay.AddDate(0, 0, 2)))
	if _, err := l.raw(t.Context(), http.MethodPut, "/"+name+"?wait_for_active_shards=0", nobody); err != nil {
		t.Fatal(err)
	}
	f := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, index.ErrAway) {
			t.Errorf("%s: %v, want ErrAway", what, err)
		}
	}
	calls := 0
	f("search", l.Search(t.Context(), everything, func(*event.Event, index.Cursor) error { calls++; return nil }))
	_, err := l.Count(t.Context(), index.Count{Every: time.Hour})
	f("count", err)
	_, err = l.Top(t.Context(), index.Top{Field: "user.name"})
	f("top", err)
	_, err = l.Fields(t.Context(), index.Span{})
	f("fields", err)
	_, err = l.Get(t.Context(), event.HashKey("event", "7").String(), time.Time{})
	f("get", err)
	if calls != 0 {
		t.Errorf("%d events were told", calls)
	}
}

// TestLargeDocuments has pages of more bytes than one may have.
func TestLargeDocuments(t *testing.T) {
	l := load(t, elasticsearchNode.Open(t).URLs...)
	const n = 50
	for i := range n {
		e := numbered(i, testDay.Add(time.Duration(i)*time.Second))
		e.Append("labels.large", strings.Repeat("no words ", 200_000)) // too large for the index, which costs less
		l.put(t, "default", dayOf(testDay), e)
	}
	inOrder(t, "large", l.find(t, everything), n)
}

// TestShards reads what servers say of shards that failed.
func TestShards(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		var a found
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		err := a.err()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !mayPass(err)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	f(`{"timed_out":false,"_shards":{"total":4,"successful":4,"skipped":2,"failed":0}}`, "")
	f(`{"timed_out":true,"_shards":{"total":4,"successful":4,"skipped":0,"failed":0}}`, "the time was up")
	f(`{"timed_out":false,"_shards":{"total":4,"successful":2,"failed":2,"failures":[{"shard":0,"index":"t-2",
		"reason":{"type":"node_disconnected","reason":"gone"}}]}}`, "2 of 4 shards do not answer: t-2: node_disconnected: gone")
	f(`{"_shards":{"total":4,"failed":1}}`, "1 of 4")
}

// TestNodeDies kills a node of three in the middle of a search, and of counting: nothing is lost or told twice.
func TestNodeDies(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three nodes")
	}
	cluster := openCluster(t)
	const n = 20_000
	l := loadNumbered(t, n, cluster.URLs...)
	l.rows = 500
	if err := cluster.Settled(t.Context(), 0, "green"); err != nil {
		t.Fatal(err)
	}
	var all []*event.Event
	err := l.Search(t.Context(), everything, func(e *event.Event, _ index.Cursor) error {
		if all = append(all, e); len(all) == n/2 {
			cluster.Kill(1)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	inOrder(t, "all", all, n)
	buckets, err := l.Count(t.Context(), index.Count{})
	if err != nil || len(buckets) != 1 || buckets[0].Count != n {
		t.Errorf("count: %v, %v", buckets, err)
	}
	q, err := query.Parse("user.name:user3")
	if err != nil {
		t.Fatal(err)
	}
	gone, err := l.Erase(t.Context(), index.Search{Span: index.Span{Query: q}, Limit: -1}, nil)
	if err != nil || gone != n/7 && gone != n/7+1 {
		t.Errorf("erase: %d, %v", gone, err)
	}
}
