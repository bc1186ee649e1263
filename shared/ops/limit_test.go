package ops

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

// One address cannot take all connections, and a connection that ends makes room.
func TestLimit(t *testing.T) {
	var log strings.Builder
	s, err := New(Config{
		Listen: "127.0.0.1:0", MaxConns: 5, MaxPeerConns: 3,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }),
	}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	dial := func(from string) (net.Conn, bool) {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(ctx, "tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		n, err := io.ReadFull(c, make([]byte, 12)) // the first line begins
		return c, err == nil && n == 12
	}
	var last net.Conn
	for n := range 3 {
		c, ok := dial("127.0.0.1")
		if !ok {
			t.Errorf("connection %d was refused", n)
		}
		last = c
	}
	if _, ok := dial("127.0.0.1"); ok {
		t.Error("a fourth of one address was taken")
	}
	for range 2 {
		if _, ok := dial("127.0.0.2"); !ok {
			t.Error("another address was refused")
		}
	}
	if _, ok := dial("127.0.0.3"); ok {
		t.Error("a sixth was taken")
	}
	last.Close()
	for taken := false; !taken; { // the server sees the end some time later
		_, taken = dial("127.0.0.3")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "too many connections"); n != 1 {
		t.Errorf("told %d times: %s", n, log.String())
	}
}
