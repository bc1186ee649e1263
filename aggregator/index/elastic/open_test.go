package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

var prefixes atomic.Int64

// prefix returns one that no other test has, and deletes its indices when the test is over.
func prefix(t testing.TB, url string) string {
	t.Helper()
	p := fmt.Sprintf("w%d_%d", prefixes.Add(1), time.Now().UnixNano()%1e6)
	t.Cleanup(func() {
		for _, kind := range []string{"-*-*.*.*", "-state-*"} {
			var named map[string]any
			if _, err := ask(context.Background(), http.MethodGet, url+"/"+p+kind+"/_alias?expand_wildcards=all", "", &named); err != nil {
				continue // the node is gone
			}
			for name := range named {
				_, _ = ask(context.Background(), http.MethodDelete, url+"/"+name, "", nil)
			}
		}
	})
	return p
}

// ask sends a request, past everything that is tested.
func ask(ctx context.Context, method, url, body string, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	return resp.StatusCode, err
}

// opened is an index that runs until the test ends, or until it is closed.
type opened struct {
	*Index
	url string
	set *metrics.Set
	log *syncBuffer
	run chan error

	mu    sync.Mutex
	shown []string // ids of the events that Watch was shown
	at    []uint64 // positions
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// open opens an index, and runs it.
func open(t testing.TB, cfg Config, hooks Hooks) *opened {
	t.Helper()
	o := &opened{url: cfg.Nodes[0], set: metrics.NewSet(), log: new(syncBuffer), run: make(chan error, 1)}
	if cfg.Replicas == nil {
		cfg.Replicas = new(int)
	}
	if hooks.Watch == nil {
		hooks.Watch = o.watch
	}
	var err error
	if o.Index, err = Open(t.Context(), cfg, hooks, slog.New(slog.NewTextHandler(o.log, nil)), o.set); err != nil {
		t.Fatal(err)
	}
	go func() { o.run <- o.Run(context.Background()) }()
	t.Cleanup(func() { o.end(t) })
	return o
}

// end closes the index.
func (o *opened) end(t testing.TB) {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-o.run:
		if err != nil {
			t.Error(err)
		}
	default:
	}
	if t.Failed() {
		t.Log(o.log)
	}
}

func (o *opened) watch(at uint64, events []*event.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = append(o.at, at)
	for _, e := range events {
		o.shown = append(o.shown, e.Get("event.id"))
	}
	return nil
}

// watched returns how often each event was shown.
func (o *opened) watched() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string]int)
	for _, id := range o.shown {
		all[id]++
	}
	return all
}

// write writes, and waits for the answer.
func (o *opened) write(t testing.TB, w index.Write) (index.Result, error) {
	t.Helper()
	type answer struct {
		r   index.Result
		err error
	}
	answers := make(chan answer, 1)
	o.Write(t.Context(), w, func(r index.Result, err error) { answers <- answer{r, err} })
	select {
	case a := <-answers:
		return a.r, a.err
	case <-time.After(2 * time.Minute):
		t.Fatalf("no answer; trouble: %s", o.Stats().Trouble)
	}
	panic("not reached")
}

// must is write that succeeds.
func (o *opened) must(t testing.TB, w index.Write) index.Result {
	t.Helper()
	r, err := o.write(t, w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ids returns how often each id is in the indices of events, as the server tells.
func (o *opened) ids(t testing.TB) map[string]int {
	t.Helper()
	alias := o.url + "/" + o.c.names.alias()
	if _, err := ask(t.Context(), http.MethodPost, alias+"/_refresh", "", nil); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if _, err := ask(t.Context(), http.MethodPost, alias+"/_search", `{"size":10000,"_source":false}`, &answer); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]int)
	for _, h := range answer.Hits.Hits {
		all[h.ID]++
	}
	return all
}

// stream is one for tests.
type stream struct {
	pos        ledger.Position
	class, day string
	line       func(n uint64) string
}

func newStream(name string) stream {
	return stream{
		pos:   ledger.Position{Agent: event.HashKey("agent", name), Stream: event.HashKey("stream", name), Epoch: 7},
		class: "auth", day: time.Now().UTC().Format(dayForm),
	}
}

// write returns a Write with the events at [first, end), each of which is one byte long.
func (s stream) write(first, end uint64) (w index.Write) {
	for n := first; n < end; n++ {
		w.Items = append(w.Items, index.Item{
			Event: s.event(n), Pos: s.pos, Offset: n, Ranged: true, Class: s.class, Day: s.day,
		})
	}
	w.Ranges = []index.Range{{Pos: s.pos, Kind: batch.Data, First: first, End: end}}
	return w
}

func (s stream) id(n uint64) string {
	return event.ID(s.pos.Agent, s.pos.Stream, s.pos.Epoch, n).String()
}

func (s stream) event(n uint64) *event.Event {
	e := new(event.Event)
	text := fmt.Sprintf("Failed password for invalid user u%d from 10.0.%d.%d port 22 ssh2", n, n/250%250, n%250)
	if s.line != nil {
		text = s.line(n)
	}
	e.Append("@timestamp", time.Now().UTC().Format(time.RFC3339Nano))
	e.Append("event.id", s.id(n))
	e.Append("event.original", "Nov 28 22:00:01 h sshd[1]: "+text)
	e.Append("event.created", time.Now().UTC().Format(event.Stamp))
	e.Append("message", text)
	e.Append("host.name", "h")
	e.Append("agent.id", s.pos.Agent.String())
	e.Append("log.file.path", "/var/log/auth.log")
	e.Append("log.offset", fmt.Sprint(n))
	e.Append("event.category", "authentication")
	e.Append("source.ip", fmt.Sprintf("10.0.%d.%d", n/250%250, n%250))
	e.Append("source.port", "22")
	e.Append("process.pid", "1")
	e.Append("tags", "t1")
	e.Append("tags", "t2")
	return e
}

// once fails unless each of the events [0, end) is there once, and no other.
func once(t testing.TB, got map[string]int, s stream, end uint64) {
	t.Helper()
	for n := range end {
		if got[s.id(n)] != 1 {
			t.Errorf("event %d: %d times", n, got[s.id(n)])
		}
	}
	if len(got) != int(end) {
		t.Errorf("%d events, want %d", len(got), end)
	}
}
