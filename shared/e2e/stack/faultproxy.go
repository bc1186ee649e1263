package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// resetAfter lets a client read what came before an RST, which takes away what it has not read.
const resetAfter = 20 * time.Millisecond

// Trouble is what goes wrong with requests on their way to a real server: Status, Reset, Rewrite or a Delay alone.
type Trouble struct {
	Method string // of the requests that are met; "" for all
	Path   string // that theirs contains, as "/_bulk"; "" for all
	Skip   int    // so many that would be met go well before
	Times  int    // so many are met; 0 for all until Heal

	// Heard lets the server do what is asked all the same: then only its answer is lost, or is another.
	Heard bool

	Delay      time.Duration       // before anything else is done
	Status     int                 // answer with this, as 429 or 503
	RetryAfter int                 // seconds in the header of that name; 0 for none
	Body       string              // of the answer with Status
	Reset      bool                // end the connection by RST: at once, or where it is Heard in the answer
	After      int                 // bytes of the answer's body that get through before the Reset, at most
	Rewrite    func([]byte) []byte // makes another body of the server's answer, as with a refusal in one item; implies Heard
}

func (f *Trouble) meets(r *http.Request) bool {
	return (f.Method == "" || f.Method == r.Method) && strings.Contains(r.URL.Path, f.Path)
}

// FaultProxy stands in front of a real HTTP server, and lets everything through but what is in trouble. Many may use
// it at once.
type FaultProxy struct {
	URL string // http://127.0.0.1:PORT

	target  *url.URL
	server  *http.Server
	back    *http.Transport
	through *httputil.ReverseProxy
	done    chan struct{}

	mu       sync.Mutex
	troubles []*Trouble
	seen     map[string]int // by path
	met      int
}

// NewFaultProxy listens on a free loopback port for requests to target, as http://127.0.0.1:9200. Close ends it.
func NewFaultProxy(target string) (*FaultProxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("fault proxy to %s: %w", target, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fault proxy to %s: %w", target, err)
	}
	p := &FaultProxy{URL: "http://" + l.Addr().String(), target: u, seen: map[string]int{}, done: make(chan struct{})}
	p.back = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	p.through = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport:     p.back,
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) }, // as of a server that is not there
	}
	p.server = &http.Server{Handler: p}
	go func() {
		defer close(p.done)
		_ = p.server.Serve(l) // until Close
	}()
	return p, nil
}

// OpenFaultProxy is a fault proxy that ends with a test.
func OpenFaultProxy(t T, target string) *FaultProxy {
	t.Helper()
	p, err := NewFaultProxy(target)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// Break adds a trouble. Of several that meet a request, the first that has some left holds.
func (p *FaultProxy) Break(f Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Times == 0 {
		f.Times = -1
	}
	p.troubles = append(p.troubles, &f)
}

// Heal ends all trouble.
func (p *FaultProxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles = nil
}

// Met is how many requests were in trouble.
func (p *FaultProxy) Met() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met
}

// Seen is how many requests with a path that contains part have come, in trouble or not.
func (p *FaultProxy) Seen(part string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for path, times := range p.seen {
		if strings.Contains(path, part) {
			n += times
		}
	}
	return n
}

// Close ends the proxy, and every request that is under way in it.
func (p *FaultProxy) Close() {
	_ = p.server.Close()
	<-p.done
	p.back.CloseIdleConnections()
}

// next is what goes wrong with a request, the zero Trouble if nothing does.
func (p *FaultProxy) next(r *http.Request) Trouble {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[r.URL.Path]++
	for _, f := range p.troubles {
		if f.Times == 0 || !f.meets(r) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.Times--
		p.met++
		return *f
	}
	return Trouble{}
}

// ServeHTTP takes one request.
func (p *FaultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.next(r)
	if !sleep(r.Context(), f.Delay) {
		return
	}
	if f.Status == 0 && !f.Reset && f.Rewrite == nil {
		p.through.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body) // all of it, else the client may see its own request fail
	if err != nil {
		return
	}
	var a *answer
	if f.Heard || f.Rewrite != nil {
		if a, err = p.forward(r, body); err != nil {
			reset(w) // as of a server that is not there
			return
		}
	}
	f.answer(w, a)
}

// answer is what the server says, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (p *FaultProxy) forward(r *http.Request, body []byte) (*answer, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host, out.RequestURI = p.target.Scheme, p.target.Host, p.target.Host, ""
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	out.Header.Del("Accept-Encoding") // an answer that is to be rewritten can be read
	resp, err := p.back.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return &answer{resp.StatusCode, resp.Header, body}, err
}

// answer gives the client what has become of the server's answer, which is nil where the server was not asked.
func (f *Trouble) answer(w http.ResponseWriter, a *answer) {
	if f.Status != 0 {
		if f.RetryAfter != 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Elastic-Product", "Elasticsearch") // as the server says of itself, whatever it answers
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		return
	}
	if a != nil {
		body := a.body
		if f.Rewrite != nil {
			body = f.Rewrite(body)
		}
		maps.Copy(w.Header(), a.header)
		w.Header().Del("Transfer-Encoding")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		if f.Reset {
			body = body[:min(f.After, len(body))]
		}
		_, _ = w.Write(body)
	}
	if f.Reset {
		reset(w)
	}
}

// reset ends the connection of a request by RST, behind what was written.
func reset(w http.ResponseWriter) {
	c, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // it ends by FIN at least
	}
	_ = buffer.Flush()
	time.Sleep(resetAfter)
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

// sleep reports whether d has passed before ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
