package ops

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// free is an address of TCP that was free a moment ago.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Who connects between two servers of one address is served by the second. An address that is not retained is free.
func TestSockets(t *testing.T) {
	addr := free(t)
	sockets := new(Sockets)
	open := func(says string) *Server {
		t.Helper()
		s, err := New(Config{Listen: addr, Sockets: sockets, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, says)
		})}, silent)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	run := func(s *Server) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		return func() {
			t.Helper()
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	stop := run(open("one"))
	if _, text := get(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: portOf(t, addr)}, "/"); text != "one" {
		t.Errorf("%q", text)
	}
	stop()
	c, err := net.Dial("tcp", addr) // nobody is there to take it
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	sockets.Retain("127.0.0.1:1", addr)
	again := open("two")
	stop = run(again)
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(c); err != nil || string(text[len(text)-3:]) != "two" {
		t.Errorf("%q, %v", text, err)
	}
	stop()
	sockets.Retain()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return a.Port
}

// Profiles are for the unix socket: what every door serves has none.
func TestProfile(t *testing.T) {
	mux := http.NewServeMux()
	Profile(mux)
	f := func(h http.Handler, path string, want int) {
		t.Helper()
		s, err := New(Config{Listen: "127.0.0.1:0", Handler: h}, silent)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		if code, text := get(t, s.Addr(), path); code != want {
			t.Errorf("%s: %d, want %d: %.100s", path, code, want, text)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	f(mux, "/debug/pprof/", http.StatusOK)
	f(mux, "/debug/pprof/goroutine?debug=2", http.StatusOK)
	f(mux, "/debug/pprof/cmdline", http.StatusOK)
	f(Handler(nil, nil, nil), "/debug/pprof/", http.StatusNotFound)
}
