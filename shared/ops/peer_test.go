package ops

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Who asks over a unix socket is what the kernel says; over TCP nobody knows.
func TestPeer(t *testing.T) {
	f := func(listen string, client func(*Server) (*http.Client, string), want string) {
		t.Helper()
		s, err := New(Config{Listen: listen, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			uid, ok := Peer(r.Context())
			fmt.Fprint(w, uid, ok)
		})}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		c, url := client(s)
		resp, err := c.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", listen, got, err, want)
		}
		c.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	socket := filepath.Join(t.TempDir(), "s")
	f("unix:"+socket, func(*Server) (*http.Client, string) { return Client(socket), "http://x/" }, fmt.Sprint(os.Getuid(), true))
	f("127.0.0.1:0", func(s *Server) (*http.Client, string) {
		return new(http.Client), "http://" + s.Addr().String()
	}, fmt.Sprint(0, false))
}
