package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/agent/config"
	"belfry/shared/ops"
	"belfry/shared/reload"
)

// watched is a configuration that keeps the agent that was opened with it.
type watched struct {
	candidate
	agent chan *Agent
}

func (w *watched) Open(context.Context) (reload.Daemon, error) {
	a, err := New(w.cfg, *w.process, w.log)
	if err != nil {
		return nil, err
	}
	a.grace = 200 * time.Millisecond // a road that is blocked would be waited for
	w.agent <- a
	return a, nil
}

// systemd takes the words of a process to systemd, and counts its beats.
type systemd struct {
	mu    sync.Mutex
	beats int
}

func (s *systemd) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beats
}

func listenAsSystemd(t *testing.T) *systemd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	s := new(systemd)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if string(buf[:n]) == ops.Watchdog {
				s.mu.Lock()
				s.beats++
				s.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	return s
}

// runWatched runs an agent under a supervisor that soon believes that a part of it stands still.
func runWatched(t *testing.T, cfg *config.Config, patience time.Duration) (*Agent, *reload.Supervisor) {
	t.Helper()
	p := &Process{Version: "test"}
	p.supervisor = reload.New(reload.Program{Socket: SocketPath(cfg.State), Patience: patience}, quiet)
	w := &watched{candidate{cfg: cfg, process: p, log: quiet}, make(chan *Agent, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.supervisor.Run(ctx, w, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return <-w.agent, p.supervisor
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func healthOf(t *testing.T, socket string) (int, string) {
	t.Helper()
	resp, err := ops.Client(socket).Get("http://agent/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// An agent of which one part stands still does not beat, and is not healthy, until that part goes on.
func TestWatchdog(t *testing.T) {
	s := listenAsSystemd(t)
	cfg := newReceiver(t).config(t)
	const patience = 100 * time.Millisecond
	a, _ := runWatched(t, cfg, patience)
	beats := func() bool {
		n := s.count()
		eventually(t, "it does not beat", func() bool { return s.count() > n })
		return true
	}
	beats()
	f := func(name string, stop, free func()) {
		t.Helper()
		stop()
		eventually(t, name+" stands still, and the agent is healthy", func() bool {
			code, text := healthOf(t, SocketPath(cfg.State))
			return code == http.StatusServiceUnavailable && strings.HasPrefix(text, name+": it has not answered since ")
		})
		n := s.count()
		if time.Sleep(patience); s.count() > n+1 { // one was under way
			t.Errorf("%s stands still, and the agent beats", name)
		}
		free()
		eventually(t, name+" goes on, and the agent is not healthy", func() bool {
			code, _ := healthOf(t, SocketPath(cfg.State))
			return code == http.StatusOK
		})
		beats()
	}
	f("heartbeat", a.pulse.mu.Lock, a.pulse.mu.Unlock)
	outlet := a.relay.outlets["0-auth"]
	f("relay", outlet.mu.Lock, outlet.mu.Unlock)
}

// A receiver that takes connections and never says a word stops no part of an agent that has more to send than it may have on
// the road.
func TestWatchdogOfASilentReceiver(t *testing.T) {
	s := listenAsSystemd(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := newReceiver(t).config(t)
	cfg.Ship.HTTPS.URL = "https://" + l.Addr().String()
	write(t, cfg.Inputs.Files[0].Paths[0], strings.Repeat("a line\n", 100_000))
	const patience = time.Second // a turn of the files ends sooner, be the road blocked
	a, super := runWatched(t, cfg, patience)
	eventually(t, "the file is not read", func() bool {
		all, _, err := a.files.Status()
		return err == nil && len(all) == 1 && all[0].Read > 0
	})
	n := s.count()
	for end := time.Now().Add(3 * patience); time.Now().Before(end); time.Sleep(patience / 10) {
		if err := super.Alive(); err != nil {
			t.Fatal(err)
		}
	}
	if s.count() == n {
		t.Error("it does not beat")
	}
}
