package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

func get(t *testing.T, addr net.Addr, path string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
		}}}
	resp, err := c.Get("http://x" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestServe(t *testing.T) {
	set := metrics.NewSet()
	set.NewCounter("belfry_x_total").Add(7)
	var dead, fault error
	f := func(listen string) {
		t.Helper()
		s, err := New(Config{Listen: listen, Handler: Handler(set, func() error { return dead }, func() error { return fault })}, silent)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		dead, fault = nil, nil
		if code, body := get(t, s.Addr(), "/metrics"); code != 200 || !strings.Contains(body, "belfry_x_total 7\n") ||
			!strings.Contains(body, "process_resident_memory_bytes ") || !strings.Contains(body, "go_goroutines ") {
			t.Errorf("metrics: %d %s", code, body)
		}
		for _, path := range []string{"/readyz", "/healthz"} {
			if code, _ := get(t, s.Addr(), path); code != 200 {
				t.Errorf("%s: %d", path, code)
			}
		}
		fault = errors.New("index is full")
		if code, body := get(t, s.Addr(), "/readyz"); code != 503 || body != "index is full\n" {
			t.Errorf("readyz: %d %s", code, body)
		}
		if code, _ := get(t, s.Addr(), "/healthz"); code != 200 {
			t.Errorf("healthz while not ready: %d", code)
		}
		dead = errors.New("alert: stands still")
		if code, body := get(t, s.Addr(), "/healthz"); code != 503 || body != "alert: stands still\n" {
			t.Errorf("healthz: %d %s", code, body)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	f("127.0.0.1:0")
	f(":0")
	f("unix:" + filepath.Join(t.TempDir(), "new", "s.sock"))
}

func TestPlainStaysOnLoopback(t *testing.T) {
	s, err := New(Config{Listen: ":0"}, silent)
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	if a, ok := s.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		t.Errorf("listens at %s", s.Addr())
	}
}

func TestOtherFilesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Listen: "unix:" + path}, silent); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Listen: "unix:" + path}, silent); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a socket in use was taken: %v", err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Listen: "unix:" + path}, silent)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v", st, err)
	}
	if err := s.listener.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnEndlessAnswerDoesNotKeepTheServer(t *testing.T) {
	begun := make(chan struct{})
	s, err := New(Config{Listen: "127.0.0.1:0", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	})}, silent)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	go func() {
		if resp, err := http.Get("http://" + s.Addr().String()); err == nil {
			resp.Body.Close()
		}
	}()
	<-begun
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("still serving")
	}
}

func systemd(t *testing.T) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n.sock")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // nothing to lose
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		buf := make([]byte, 256)
		n, err := c.Read(buf)
		if err != nil {
			t.Error(err)
		}
		return string(buf[:n])
	}
}

func TestNotify(t *testing.T) {
	Notify(Ready) // nobody asked
	next := systemd(t)
	Notify(Ready)
	if got := next(); got != Ready {
		t.Errorf("%q", got)
	}
	Notify(Ready, Saying("it runs\nand more"))
	if got := next(); got != "READY=1\nSTATUS=it runs" {
		t.Errorf("%q", got)
	}
	var first, second uint64
	for _, at := range []*uint64{&first, &second} {
		Notify(Reloading())
		if _, err := fmt.Sscanf(next(), "RELOADING=1\nMONOTONIC_USEC=%d", at); err != nil {
			t.Error(err)
		}
	}
	if up, err := os.ReadFile("/proc/uptime"); err == nil {
		var seconds float64
		if _, err := fmt.Sscan(string(up), &seconds); err != nil || first == 0 || second < first || float64(second)/1e6 > seconds+1 {
			t.Errorf("%d and %d µs, %v s after the boot, %v", first, second, seconds, err)
		}
	}
}

// What is not alive does not beat.
func TestBeatStops(t *testing.T) {
	next := systemd(t)
	t.Setenv("WATCHDOG_USEC", "2000")
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	go func() {
		_ = Beat(ctx, func() error { asked <- struct{}{}; return errors.New("stands still") })
		Notify("ended")
	}()
	for range 3 {
		<-asked
	}
	cancel()
	go func() {
		for range asked {
		}
	}()
	if got := next(); got != "ended" {
		t.Errorf("%q", got)
	}
	close(asked)
}

func TestBeat(t *testing.T) {
	next := systemd(t)
	alive := func() error { return nil }
	beat := func(usec, pid string) (stop func()) {
		t.Setenv("WATCHDOG_USEC", usec)
		t.Setenv("WATCHDOG_PID", pid)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Beat(ctx, alive) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	stop := beat("20000", strconv.Itoa(os.Getpid()))
	for range 3 {
		if got := next(); got != Watchdog {
			t.Errorf("%q", got)
		}
	}
	stop()
	for _, quiet := range [][2]string{{"", ""}, {"20000", "1"}, {"x", ""}, {"-5", ""}} {
		stop := beat(quiet[0], quiet[1])
		if p := watchdog(); p != 0 {
			t.Errorf("%q: period %v", quiet, p)
		}
		stop()
	}
}
