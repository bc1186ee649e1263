package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// reader follows a tail over a socket.
type reader struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Scanner
}

func follows(t *testing.T, s *httptest.Server, q string) *reader {
	t.Helper()
	resp, err := http.Get(s.URL + "/v1/tail?q=" + url.QueryEscape(q))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	r := &reader{t, resp, bufio.NewScanner(resp.Body)}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	r.expect(": following", "")
	return r
}

func (r *reader) expect(want ...string) {
	r.t.Helper()
	for _, text := range want {
		if !r.lines.Scan() || r.lines.Text() != text {
			r.t.Fatalf("line %q, %v, want %q", r.lines.Text(), r.lines.Err(), text)
		}
	}
}

func dataLine(n int) string { return "data: " + string(sample(n).AppendJSON(nil)) }

// readers returns how many follow.
func (h *Hub) readers() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.tails)
}

func TestTail(t *testing.T) {
	hub := NewHub()
	hub.Publish([]*event.Event{sample(0)}) // nobody follows
	s := serve(t, nil, hub, io.Discard)
	all, some := follows(t, s, ""), follows(t, s, "user.name:bob")
	for n := range 4 {
		hub.Publish([]*event.Event{sample(2 * n), sample(2*n + 1)})
	}
	for n := range 8 {
		all.expect(dataLine(n), "")
		if n%2 == 1 {
			some.expect(dataLine(n), "")
		}
	}
}

func TestTooManyTails(t *testing.T) {
	hub := NewHub()
	s := serve(t, nil, hub, io.Discard)
	var all []*reader
	for range maxTails {
		all = append(all, follows(t, s, ""))
	}
	status, _, body := get(t, s, "/v1/tail")
	if status != http.StatusTooManyRequests || !strings.Contains(body, fmt.Sprint(maxTails, " readers")) {
		t.Errorf("one too many: %d %s", status, body)
	}
	if n := hub.readers(); n != maxTails {
		t.Errorf("%d readers", n)
	}
	hub.Publish([]*event.Event{sample(1)})
	for _, r := range all {
		r.expect(dataLine(1), "")
	}
}

// pipe is a response whose reader may be slow, or go.
type pipe struct {
	mu     sync.Mutex
	out    bytes.Buffer
	closed error
	wait   chan bool // a write waits for it; nil: none does
}

func (p *pipe) Header() http.Header { return http.Header{} }
func (p *pipe) WriteHeader(int)     {}
func (p *pipe) Flush()              {}
func (p *pipe) Write(b []byte) (int, error) {
	if p.wait != nil {
		<-p.wait
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return 0, p.closed
	}
	return p.out.Write(b)
}

func (p *pipe) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func subscribe(t *testing.T, hub *Hub, q string) *tail {
	t.Helper()
	x, err := query.Parse(q)
	if err != nil {
		t.Fatal(err)
	}
	return hub.subscribe(x)
}

// TestSlowReader publishes more than a reader can be behind, while it takes nothing: Publish returns, others get all,
// and the slow one learns how many it missed.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		slow, fast := &pipe{wait: make(chan bool)}, &pipe{}
		ctx, cancel := context.WithCancel(t.Context())
		for _, p := range []*pipe{slow, fast} {
			r := subscribe(t, hub, "")
			go func() {
				if err := follow(ctx, p, r); err != nil {
					t.Error(err)
				}
			}()
		}
		const over = 100
		for n := range tailBuffer + over {
			hub.Publish([]*event.Event{sample(n)})
			synctest.Wait() // slow does not move
		}
		if got := strings.Count(fast.text(), "\ndata: "); got != tailBuffer+over {
			t.Errorf("the fast reader got %d events", got)
		}
		if strings.Contains(fast.text(), "missed") {
			t.Error("the fast reader missed some")
		}
		close(slow.wait)
		synctest.Wait()
		text := slow.text()
		if got := strings.Count(text, "\ndata: {"); got != tailBuffer {
			t.Errorf("the slow reader got %d events", got)
		}
		if want := fmt.Sprintf("event: missed\ndata: %d\n\n", over); strings.Count(text, "event: missed") != 1 || !strings.Contains(text, want) {
			t.Errorf("the slow reader is not told that it missed %d", over)
		}
		hub.Publish([]*event.Event{sample(1)})
		synctest.Wait()
		if !strings.HasSuffix(slow.text(), dataLine(1)+"\n\n") {
			t.Error("the slow reader gets no more")
		}
		cancel()
	})
}

// TestSilentTail says that it lives, and finds out that nobody is there.
func TestSilentTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipe{}
		ended := make(chan error, 1)
		go func() { ended <- follow(t.Context(), p, subscribe(t, NewHub(), "")) }()
		synctest.Wait()
		if p.text() != ": following\n\n" {
			t.Errorf("%q", p.text())
		}
		time.Sleep(keepAlive)
		synctest.Wait()
		if p.text() != ": following\n\n: alive\n\n" {
			t.Errorf("%q", p.text())
		}
		gone := errors.New("gone")
		p.mu.Lock()
		p.closed = gone
		p.mu.Unlock()
		if err := <-ended; err != gone { // the clock goes on while all wait
			t.Errorf("%v", err)
		}
	})
}

// TestReaderGoes frees the place of one who goes, whether or not events pass.
func TestReaderGoes(t *testing.T) {
	hub := NewHub()
	api := serve(t, nil, hub, io.Discard)
	for range 3 {
		r := follows(t, api, "")
		r.resp.Body.Close()
	}
	hub.Publish([]*event.Event{sample(1)})
	api.Close() // waits for the answers to end
	if n := hub.readers(); n != 0 {
		t.Errorf("%d readers are left", n)
	}
}

// TestHub lets readers come and go while events pass.
func TestHub(t *testing.T) {
	hub := NewHub()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r := subscribe(t, hub, "user.name:bob")
				hub.Publish([]*event.Event{sample(0), sample(1)})
				if e := <-r.events; e.Get("user.name") != "bob" || r.takeMissed() != 0 {
					t.Errorf("%v", e)
				}
				hub.unsubscribe(r)
				hub.unsubscribe(r)
			}
		})
	}
	wg.Wait()
	if n := hub.readers(); n != 0 {
		t.Errorf("%d readers are left", n)
	}
}
