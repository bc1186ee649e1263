package elastic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/batch"
	"belfry/shared/e2e/stack"
	"belfry/shared/event"
)

// Whatever becomes of requests on their way, each event is there once, and is counted as new.
func TestFaults(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	f := func(name string, trouble stack.Trouble) {
		t.Run(name, func(t *testing.T) {
			proxy := stack.OpenFaultProxy(t, urls[0])
			o := open(t, Config{Nodes: []string{proxy.URL}, Prefix: prefix(t, urls[0])}, Hooks{})
			s := newStream(name)
			proxy.Break(trouble)
			if r := o.must(t, s.write(0, 100)); r.New != 100 || r.Repeats != 0 {
				t.Errorf("%+v", r)
			}
			if proxy.Met() != trouble.Times {
				t.Errorf("%d requests were in trouble, want %d", proxy.Met(), trouble.Times)
			}
			proxy.Heal()
			once(t, o.ids(t), s, 100)
			once(t, o.watched(), s, 100)
			if !o.Held(s.pos, 99) || o.Stats().Trouble != "" {
				t.Errorf("held %v, trouble %q", o.Held(s.pos, 99), o.Stats().Trouble)
			}
		})
	}
	f("busy", stack.Trouble{Path: "/_bulk", Times: 3, Status: http.StatusTooManyRequests})
	f("away", stack.Trouble{Path: "/_bulk", Times: 3, Status: http.StatusServiceUnavailable})
	f("reset", stack.Trouble{Path: "/_bulk", Times: 2, Reset: true})
	f("unheard answer", stack.Trouble{Path: "/_bulk", Times: 2, Reset: true, Heard: true})
	f("cut answer", stack.Trouble{Path: "/_bulk", Times: 1, Reset: true, Heard: true, After: 7})
	f("no answer", stack.Trouble{Path: "/_bulk", Times: 1, Rewrite: func([]byte) []byte { return []byte("<html>") }})
	f("ledger", stack.Trouble{Method: http.MethodPut, Path: "-state-ledger/_", Times: 3, Status: http.StatusServiceUnavailable})
	f("ledger written unheard", stack.Trouble{Method: http.MethodPut, Path: "-state-ledger/_", Times: 1, Reset: true, Heard: true})
}

// While the servers are away nothing is answered, and it is said why.
func TestAway(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	proxy := stack.OpenFaultProxy(t, urls[0])
	o := open(t, Config{Nodes: []string{proxy.URL}, Prefix: prefix(t, urls[0])}, Hooks{})
	s := newStream("away")
	proxy.Break(stack.Trouble{Reset: true})
	answered := make(chan error, 1)
	o.Write(t.Context(), s.write(0, 10), func(_ index.Result, err error) { answered <- err })
	until(t, "the breaker", func() bool { return o.c.breaker.open() != nil })
	if o.Stats().Trouble == "" {
		t.Error("no word of it")
	}
	select {
	case err := <-answered:
		t.Fatalf("answered: %v", err)
	default:
	}
	proxy.Heal()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	once(t, o.ids(t), s, 10)
}

// Servers that go while an index is opened, behind their first answer, are waited for.
func TestGoneWhileOpening(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	f := func(method, path string) {
		t.Helper()
		proxy := stack.OpenFaultProxy(t, urls[0])
		trouble := stack.Trouble{Method: method, Path: path, Times: askTries + 3, Status: http.StatusServiceUnavailable}
		proxy.Break(trouble)
		o := open(t, Config{Nodes: []string{proxy.URL}, Prefix: prefix(t, urls[0])}, Hooks{})
		if proxy.Met() != trouble.Times {
			t.Errorf("%s: %d requests were in trouble, want %d", path, proxy.Met(), trouble.Times)
		}
		s := newStream("gone")
		o.must(t, s.write(0, 10))
		once(t, o.ids(t), s, 10)
	}
	f(http.MethodGet, "/_alias")
	f(http.MethodPut, "-state-ledger")
	f(http.MethodPost, "-state-ledger/_refresh")
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// An item that is refused for the state of the servers waits, and the others do not come twice.
func TestReadOnlyIndex(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
	s := newStream("full")
	o.must(t, s.write(0, 10))
	block := func(on string) {
		t.Helper()
		body := `{"index.blocks.read_only_allow_delete":` + on + `}`
		status, err := ask(t.Context(), http.MethodPut, urls[0]+"/"+o.c.names.index(s.class, s.day)+"/_settings", body, nil)
		if err != nil || status != http.StatusOK {
			t.Fatal(status, err)
		}
	}
	block("true")
	answered := make(chan error, 1)
	o.Write(t.Context(), s.write(10, 20), func(_ index.Result, err error) { answered <- err })
	until(t, "trouble", func() bool { return strings.Contains(o.Stats().Trouble, "read-only") })
	block("null")
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	once(t, o.ids(t), s, 20)
}

// A document that the servers refuse is there as its raw line, and says why; the others are as they were.
func TestReduced(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
	s := newStream("refused")
	o.must(t, s.write(0, 1))
	// Somebody has given a field of the senders' own a type.
	status, err := ask(t.Context(), http.MethodPut, o.url+"/"+o.c.names.index(s.class, s.day)+"/_mapping",
		`{"properties":{"labels":{"properties":{"n":{"type":"long"}}}}}`, nil)
	if err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	w := s.write(1, 10)
	w.Items[2].Event.Append("labels.n", "x")
	if r := o.must(t, w); r.New != 9 {
		t.Errorf("%+v", r)
	}
	once(t, o.ids(t), s, 10)
	for n, kind := range map[uint64]string{3: "pipeline_error", 4: ""} {
		e, err := o.Get(t.Context(), s.id(n), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if e.Get("event.kind") != kind || e.Has("error.message") != (kind != "") || e.Get("event.original") != s.event(n).Get("event.original") {
			t.Errorf("event %d: %s", n, e.AppendJSON(nil))
		}
	}
	if ranges := o.Ledger().Ranges(s.pos); len(ranges) != 1 || ranges[0].Kind != batch.Data {
		t.Errorf("%v", ranges)
	}
}

// hostile returns events that no server, and no reader, would take as they are.
func hostile() (all []*event.Event) {
	add := func(change func(e *event.Event)) {
		e := newStream("hostile").event(uint64(len(all)))
		change(e)
		all = append(all, e)
	}
	add(func(e *event.Event) { e.Append(strings.TrimSuffix(strings.Repeat("a.", 1100), "."), "deep") })
	add(func(e *event.Event) { e.Append(strings.Repeat("n", 5000), "long name") })
	add(func(e *event.Event) { e.Append("labels.long", strings.Repeat("v", 100_000)) })
	add(func(e *event.Event) { e.Append("user.name", strings.Repeat("😀", 20_000)) })
	add(func(e *event.Event) { e.Append("labels.nul", "a\x00b"); e.Append("labels.n\x00l", "c") })
	add(func(e *event.Event) {
		for n := range 2500 {
			e.Append(fmt.Sprint("labels.many", n), "x")
		}
	})
	add(func(e *event.Event) {
		for n := range 2500 {
			e.Append("labels.list", fmt.Sprint(n))
		}
	})
	for _, name := range []string{"source", "source.ip.x", "_id", "_source", "a..b", ".", " ", "a. .b", "belfry", "belfry.order",
		"belfry.rest.x", "message.x", "source.geo.location.lat", "tags.x", "labels.\n"} {
		add(func(e *event.Event) { e.Append(name, "x") })
	}
	for _, f := range [][2]string{{"source.geo.location", "nowhere"}, {"event.start", "1800-01-01T00:00:00Z"},
		{"event.end", "9999-01-01T00:00:00Z"}, {"host.ip", "fe80::1%eth0"}, {"event.duration", "1e400"},
		{"event.risk_score", "NaN"}, {"event.severity", "99999999999999999999"}, {"tls.established", "yes"}} {
		add(func(e *event.Event) { e.Append(f[0], f[1]) })
	}
	return all
}

// Whatever senders make up, the servers take it as it is, and it is read back as it was.
func TestHostile(t *testing.T) {
	for _, urls := range [][]string{elasticsearchNode.Open(t).URLs, opensearchNode.Open(t).URLs} {
		o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
		var w index.Write
		want := make(map[string]*event.Event)
		for _, e := range hostile() {
			want[e.Get("event.id")] = e.Clone()
			w.Items = append(w.Items, index.Item{Event: e})
		}
		if r := o.must(t, w); r.New != len(want) {
			t.Errorf("%+v", r)
		}
		if n := o.measures.reduced.Get(); n != 0 {
			t.Errorf("%d were refused: %s", n, o.log)
		}
		err := o.Search(t.Context(), index.Search{Limit: -1}, func(e *event.Event, _ index.Cursor) error {
			id := e.Get("event.id")
			if len(want[id].Fields) > maxFields {
				delete(want, id)
				return nil // it was folded
			}
			for _, f := range want[id].Fields {
				if f.Name != "@timestamp" && !slices.Equal(e.All(f.Name), want[id].All(f.Name)) {
					t.Errorf("%.50q: %.100q, want %.100q", f.Name, e.All(f.Name), want[id].All(f.Name))
				}
			}
			delete(want, id)
			return nil
		})
		if err != nil || len(want) > 0 {
			t.Errorf("%d events are missing, %v", len(want), err)
		}
	}
}

// What is refused even as raw line is a dead letter, for the ledger too, and the Write is answered.
func TestBuried(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	proxy := stack.OpenFaultProxy(t, urls[0])
	var letters []string
	tries := 0
	o := open(t, Config{Nodes: []string{proxy.URL}, Prefix: prefix(t, urls[0])}, Hooks{
		Dead: func(_ context.Context, it index.Item, end uint64, reason error) error {
			if tries++; tries == 1 {
				return errors.New("no room in the graveyard")
			}
			letters = append(letters, it.Event.Get("event.id"))
			if end != it.Offset+1 || !strings.Contains(reason.Error(), "not today") {
				t.Errorf("end %d, reason %v", end, reason)
			}
			return nil
		},
	})
	s := newStream("dead")
	refuse := func(answer []byte) []byte {
		// The last item of each answer that holds one that is refused here.
		i := bytes.LastIndex(answer, []byte(`{"create":`))
		return append(answer[:i:i], `{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"not today"}}}]}`...)
	}
	proxy.Break(stack.Trouble{Path: "/_bulk", Times: 3, Rewrite: func(answer []byte) []byte {
		return bytes.Replace(refuse(answer), []byte(`"errors":false`), []byte(`"errors":true`), 1)
	}})
	if r := o.must(t, s.write(0, 10)); r.New != 9 {
		t.Errorf("%+v", r)
	}
	if len(letters) != 1 || letters[0] != s.id(9) {
		t.Errorf("letters: %v", letters)
	}
	if o.Held(s.pos, 9) || !o.Held(s.pos, 8) {
		t.Error("a dead letter counts as data")
	}
	if got := o.watched()[s.id(9)]; got != 0 {
		t.Error("a dead letter was shown")
	}
}

// What can never be taken is refused at once.
func TestRefused(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
	f := func(change func(w *index.Write)) {
		t.Helper()
		w := newStream("bad").write(0, 3)
		change(&w)
		if _, err := o.write(t, w); !errors.Is(err, index.ErrBadWrite) {
			t.Errorf("%v", err)
		}
	}
	f(func(w *index.Write) { w.Items[1].Class = "no-class" })
	f(func(w *index.Write) { w.Items[1].Day = "2026.11.28" })
	f(func(w *index.Write) { w.Items[1].Offset = 3 })
	f(func(w *index.Write) { w.Ranges[0].End = 0 })
	f(func(w *index.Write) { w.Ranges[0].Kind = "x" })
	f(func(w *index.Write) { w.Items[1].Named, w.Items[1].Event = true, new(event.Event) })
	if n := len(o.ids(t)); n != 0 {
		t.Errorf("%d events", n)
	}
}
