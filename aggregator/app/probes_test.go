package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/shared/ops"
	"belfry/shared/reload"
)

// hung is an index that can be made to answer nobody.
type hung struct {
	index.Index
	free chan struct{}
}

func (h hung) Stats() index.Stats {
	<-h.free
	return h.Index.Stats()
}

// hanging is a configuration whose aggregator hangs.
type hanging struct {
	*candidate
	free chan struct{}
}

func (h hanging) Open(ctx context.Context) (reload.Daemon, error) {
	a, err := New(ctx, h.cfg, *h.process, h.log)
	if err != nil {
		return nil, err
	}
	a.index = hung{a.index, h.free}
	return a, nil
}

// An aggregator of which a part stands still is not healthy at any door, until it goes on.
func TestStandingStill(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "aggregator.yaml")
	text := "state: " + dir + "/state\nreceive: {http: {plain: \"off\"}}\nserve: {socket: " + dir + "/api.sock, metrics: \"unix:" + dir + "/metrics.sock\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{}
	p.supervisor = reload.New(reload.Program{Socket: cfg.Serve.Socket, Patience: 100 * time.Millisecond}, slog.New(slog.DiscardHandler))
	h := hanging{&candidate{cfg: cfg, process: p, log: slog.New(slog.DiscardHandler)}, make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.supervisor.Run(ctx, h, nil) }()
	health := func(socket string) (int, string, error) {
		resp, err := ops.Client(filepath.Join(dir, socket)).Get("http://x/healthz")
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text), err
	}
	waits := func(socket string, code int, begin string) {
		t.Helper()
		var got int
		var text string
		err := errors.New("not asked")
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if got, text, err = health(socket); err == nil && got == code && strings.HasPrefix(text, begin) {
				return
			}
		}
		t.Errorf("%s: %d %q, %v", socket, got, text, err)
	}
	for _, socket := range []string{"api.sock", "metrics.sock"} {
		waits(socket, http.StatusServiceUnavailable, "index: it has not answered since ")
	}
	close(h.free)
	for _, socket := range []string{"api.sock", "metrics.sock"} {
		waits(socket, http.StatusOK, "ok\n")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
