package http

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"belfry/aggregator/receive"
	"belfry/shared/event"
)

func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// noise returns a text that cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}

func TestEvents(t *testing.T) {
	s := newStore()
	url, c, _ := tlsDoor(t, doors(s, nil))
	f := func(body string, code int, want string, events int, headers ...string) {
		t.Helper()
		had := len(s.events)
		a := ask(t, c, "POST", url+"/events", body, headers...)
		if a.code != code || !strings.Contains(a.body, want) || len(s.events)-had != events {
			t.Errorf("%.60q %v: %d %s, %d events; want %d %s and %d", body, headers, a.code, a.body, len(s.events)-had, code, want, events)
		}
	}
	f(`[{"a":1},{"a":2}]`, 200, `"events":2`, 2)
	f(zip(t, "{\"a\":1}\n{\"a\":2}\n"), 200, `"events":2`, 2, "Content-Encoding", "gzip")
	f(zip(t, "{\"a\":1}\n{\"a\":\n"), 400, `line 2`, 0, "Content-Encoding", "gzip")
	f("{\"a\":1}\n{\"a\":"+strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 41), 400, `line 2: objects nested deeper`, 0)
	f(strings.Repeat("{}\n", receive.MaxEvents+1), 413, `more than 10000 events`, 0)
	f("{}\n{\"message\":\""+strings.Repeat("x", receive.MaxEvent)+"\"}", 413, `line 2: too many bytes: one event of more than 4194304`, 0)
	f(zip(t, strings.Repeat(" ", receive.MaxText+1)), 413, "too many bytes: more than 33554432", 0, "Content-Encoding", "gzip")
	f(zip(t, noise(MaxBody+1)), 413, "larger than 10485760", 0, "Content-Encoding", "gzip")
	f("no such thing", 400, "no valid zstd", 0, "Content-Encoding", "zstd")
	f(zip(t, event1)[:20], 400, "ends too early", 0, "Content-Encoding", "gzip")
	f(event1, 415, `identity`, 0, "Content-Encoding", "gzip, gzip")
	f(`[{"a":1},{"a":2}]`, 200, `"repeats":0`, 2, "Idempotency-Key", "k")
	f(`[{"a":1},{"a":2},{"a":3}]`, 200, `"repeats":2`, 1, "Idempotency-Key", `"k"`)
	f(event1, 400, "Idempotency-Key", 0, "Idempotency-Key", strings.Repeat("k", receive.MaxName+1))
	f(event1, 400, "Idempotency-Key", 0, "Idempotency-Key", `""`)
}

// gateSink holds events back until it is opened.
type gateSink struct {
	*store
	mu      sync.Mutex
	entered chan bool
	open    chan bool
}

func (g *gateSink) Events(ctx context.Context, events []*event.Event) (Taken, error) {
	g.entered <- true
	select {
	case <-g.open:
	case <-ctx.Done():
		return Taken{}, ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.store.Events(ctx, events)
}

// Under back pressure a sender is told to come again, others are not kept out by it, and what was under way is counted
// down again.
func TestBackPressure(t *testing.T) {
	g := &gateSink{store: newStore(), entered: make(chan bool, maxRequests), open: make(chan bool)}
	d := doors(g.store, nil)
	d.sink = g
	post := func(peer string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "http://localhost/events", strings.NewReader(event1))
		r.RemoteAddr = peer + ":1"
		w := httptest.NewRecorder()
		d.Plain().ServeHTTP(w, r)
		return w
	}
	var under sync.WaitGroup
	begin := func(peer string) {
		under.Go(func() {
			if w := post(peer); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
		<-g.entered
	}
	for range maxPeerRequests {
		begin("10.0.0.1")
	}
	if w := post("10.0.0.1"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one too many of one: %d %s %v", w.Code, w.Body, w.Header())
	}
	for n := maxPeerRequests; n < maxRequests; n++ {
		begin("10.0.1." + string(rune('a'+n%16)))
	}
	if w := post("10.0.2.1"); w.Code != 429 {
		t.Errorf("one too many of all: %d %s", w.Code, w.Body)
	}
	if d.busy.Get() != 2 || d.inflight.taken() == 0 {
		t.Errorf("%d refused, %d bytes under way", d.busy.Get(), d.inflight.taken())
	}
	close(g.open)
	under.Wait()
	if len(d.inflight.peers) != 0 || d.inflight.all != (usage{}) || len(g.events) != maxRequests {
		t.Errorf("left behind: %+v, %d peers, %d events", d.inflight.all, len(d.inflight.peers), len(g.events))
	}
	if w := post("10.0.0.1"); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

func TestBytesInFlight(t *testing.T) {
	f := newInflight(eventLimits)
	enter := func(peer string) *ticket {
		t.Helper()
		k, err := f.enter(peer)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	a, b := enter("a"), enter("a")
	if a.grow(receive.MaxText+1) != nil { // one body as large as may be always fits
		t.Error("a body was refused")
	}
	if b.grow(maxPeerBytes-receive.MaxText) == nil {
		t.Error("one sender may take all")
	}
	b.leave()
	for c, n := enter("c"), 0; c.grow(1<<20) == nil; n++ {
		if n == 31 {
			c, n = enter("c"+strings.Repeat("x", len(f.peers))), 0
		}
		if f.taken() > maxBytes {
			t.Fatal("more than there may be")
		}
	}
	taken := f.taken()
	a.leave()
	if got := f.taken(); got != taken-receive.MaxText-1 {
		t.Errorf("%d bytes are left of %d", got, taken)
	}
}

// Who takes too long to bring a body costs no connection for ever, and is not told to give up.
func TestSlowBody(t *testing.T) {
	s := newStore()
	d := doors(s, nil)
	d.patience = 10 * time.Millisecond
	url, known, _ := tlsDoor(t, d)
	f := func(path string, headers ...string) {
		t.Helper()
		begun, w := io.Pipe()
		defer w.Close()
		go func() { _, _ = w.Write([]byte("{")) }()
		r, err := http.NewRequest("POST", url+path, begun)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := known.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 408 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %v", path, resp.Status, resp.Header)
		}
	}
	f("/events")
	f("/_bulk")
	f("/events", "Content-Encoding", "zstd")
	f("/v1/batches", "Content-Encoding", "zstd", "Belfry-Manifest", "e30=")
	if d.inflight.all != (usage{}) || d.carried.all != (usage{}) {
		t.Errorf("left behind: %+v, %+v", d.inflight.all, d.carried.all)
	}
}

// One agent cannot fill the memory with batches, and is told to come again.
func TestManyBatches(t *testing.T) {
	s := newStore()
	d := doors(s, nil)
	url, known, _ := tlsDoor(t, d)
	k, err := d.carried.enter("agent-h")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.grow(int(batchLimits.peerBytes)); err != nil {
		t.Fatal(err)
	}
	post := func() asked {
		return ask(t, known, "POST", url+"/v1/batches", "body", "Content-Encoding", "zstd", "Belfry-Manifest", "e30=")
	}
	if a := post(); a.code != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", a.code, a.body, a.header)
	}
	k.leave()
	if a := post(); a.code != 200 {
		t.Errorf("%d %s", a.code, a.body)
	}
}
