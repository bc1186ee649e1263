package reload

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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/ops"
)

var silent = slog.New(slog.DiscardHandler)

// made is a configuration of a daemon that does nothing, and that daemon.
type made struct {
	rig   *rig
	text  string
	state string
	fault error // of opening it
	stop  chan struct{}
}

func (m *made) Hash() string { return m.text }
func (m *made) Fixed() []Key { return []Key{{"state", m.state}, {"namespace", ""}} }
func (m *made) Open(ctx context.Context) (Daemon, error) {
	m.rig.note("open " + m.text)
	if m.text == "waits" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if m.fault != nil {
		return nil, m.fault
	}
	return m, nil
}
func (m *made) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-m.stop:
		return errors.New("it broke")
	}
	m.rig.note("end " + m.text)
	return nil
}
func (m *made) Yield()       { m.rig.note("yield") }
func (m *made) Close() error { return nil }
func (m *made) Probes() *ops.Probes {
	return ops.NewProbes()
}
func (m *made) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, m.text)
		if r.URL.Path == "/follow" {
			_ = http.NewResponseController(w).Flush() // it can
			<-r.Context().Done()
			m.rig.note("let go")
		}
	})
}

// rig is a supervisor that runs.
type rig struct {
	*Supervisor
	t       *testing.T
	signals chan os.Signal
	said    func() string // the next word to systemd, but for its watchdog
	set     *metrics.Set
	stop    func() error

	mu    sync.Mutex
	next  *made
	fault error // of loading it
	notes []string
}

func (r *rig) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, text)
}

// took returns what has happened since it was asked last.
func (r *rig) took() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.notes = nil }()
	return strings.Join(r.notes, ", ")
}

func (r *rig) configure(m made, fault error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.rig, m.stop = r, make(chan struct{})
	r.next, r.fault = &m, fault
}

// reload reloads another configuration.
func (r *rig) reload(m made, fault error) (Answer, error) {
	r.configure(m, fault)
	return Ask(r.t.Context(), r.program.Socket)
}

func start(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))
	r := &rig{t: t, signals: make(chan os.Signal, 1), set: metrics.NewSet()}
	r.said = func() string {
		buf := make([]byte, 1<<10)
		n, err := c.Read(buf)
		if err != nil {
			t.Error(err)
		}
		return string(buf[:n])
	}
	r.Supervisor = New(Program{Socket: filepath.Join(dir, "s"), Load: func() (Candidate, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.next, r.fault
	}}, silent)
	r.Measure(r.set, "x")
	r.configure(made{text: "first"}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	first := r.next
	go func() { done <- r.Run(ctx, first, r.signals) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = r.stop() }) // the test has looked at it
	r.hears("READY=1\nSTATUS=running")
	return r
}

// hears wants a word to systemd.
func (r *rig) hears(want string) {
	r.t.Helper()
	got := r.said()
	if strings.HasPrefix(want, "RELOADING=1\n") {
		if !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || !strings.HasSuffix(got, "\nSTATUS=reloading the configuration") {
			r.t.Errorf("systemd is told %q", got)
		}
		return
	}
	if got != want {
		r.t.Errorf("systemd is told %q, want %q", got, want)
	}
}

const reloading = "RELOADING=1\n"

// serves asks the daemon that runs which it is.
func (r *rig) serves() string {
	resp, err := ops.Client(r.program.Socket).Get("http://x/any")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

func TestReload(t *testing.T) {
	r := start(t)
	f := func(m made, fault error, want Result, reason, happened, runs, status string) {
		t.Helper()
		r.took()
		a, err := r.reload(m, fault)
		if a.Result != want || a.Reason != reason || (err == nil) != (reason == "") {
			t.Errorf("%q: %+v, %v", m.text, a, err)
		}
		if got := r.took(); got != happened {
			t.Errorf("%q: %s, want %s", m.text, got, happened)
		}
		if got := r.serves(); got != runs {
			t.Errorf("%q: %s runs", m.text, got)
		}
		r.hears(reloading)
		r.hears("READY=1\nSTATUS=" + status)
	}
	before := "running with the configuration before: the new one is "
	f(made{text: "first"}, nil, Unchanged, "", "", "first", "running")
	f(made{text: "second"}, nil, Taken, "", "yield, end first, open second", "second", "running")
	f(made{}, errors.New("a:1: x: bad\na:2: y: bad"), Refused, "a:1: x: bad\na:2: y: bad", "", "second", before+"refused: a:1: x: bad")
	f(made{text: "third", state: "/new"}, nil, Refused, `state: it is "", and "/new" takes a restart`, "", "second",
		before+`refused: state: it is "", and "/new" takes a restart`)
	f(made{text: "third", fault: errors.New("port is taken")}, nil, RolledBack, "port is taken",
		"yield, end second, open third, open second", "second", before+"rolled back: port is taken")
	f(made{text: "second"}, nil, Unchanged, "", "", "second", "running")

	r.configure(made{text: "fourth"}, nil)
	r.signals <- syscall.SIGHUP
	r.hears(reloading)
	r.hears("READY=1\nSTATUS=running")
	if got := r.serves(); got != "fourth" {
		t.Errorf("after the signal %s runs", got)
	}
	var text strings.Builder
	r.set.WritePrometheus(&text)
	if got, want := text.String(), `x_config_last_reload_success 1
x_config_reloads_total{result="ok"} 2
x_config_reloads_total{result="refused"} 2
x_config_reloads_total{result="rolled_back"} 1
x_config_reloads_total{result="unchanged"} 2
`; got != want {
		t.Error(got)
	}
	if _, err := r.reload(made{}, errors.New("bad")); err == nil {
		t.Error("no error")
	}
	if text.Reset(); true {
		r.set.WritePrometheus(&text)
	}
	if !strings.HasPrefix(text.String(), "x_config_last_reload_success 0\n") {
		t.Error(text.String())
	}
	r.hears(reloading)
	r.hears("READY=1\nSTATUS=" + before + "refused: bad")
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	r.hears("STOPPING=1\nSTATUS=stopping")
	if _, err := os.Stat(r.program.Socket); err == nil {
		t.Error("the socket is left behind")
	}
}

// A process that is told to end while it opens a new configuration ends, and says so to who waits.
func TestStopDuringAReload(t *testing.T) {
	r := start(t)
	answer := make(chan error, 1)
	go func() { _, err := r.reload(made{text: "waits"}, nil); answer <- err }()
	for !strings.HasSuffix(r.took(), "open waits") {
		time.Sleep(time.Millisecond)
	}
	if got := r.serves(); got != "it is starting, stopping, or loading its configuration anew\n" {
		t.Error(got)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if err := <-answer; err == nil || err.Error() != stopped {
		t.Error(err)
	}
}

// Where neither configuration can be opened, the process ends, with both reasons.
func TestNeitherOpens(t *testing.T) {
	r := start(t)
	r.mu.Lock()
	r.next.fault = errors.New("it is gone, too") // it runs
	r.mu.Unlock()
	_, err := r.reload(made{text: "second", fault: errors.New("port is taken")}, nil)
	want := "open the new configuration: port is taken; open the one before again: it is gone, too"
	if err == nil || err.Error() != want {
		t.Error(err)
	}
	if err := r.stop(); err == nil || err.Error() != want {
		t.Error(err)
	}
}

// Who follows something for ever is let go at a reload, and the daemon ends after him.
func TestReloadEndsWhatFollows(t *testing.T) {
	r := start(t)
	resp, err := ops.Client(r.program.Socket).Get("http://x/follow")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r.took()
	if _, err := r.reload(made{text: "second"}, nil); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "first" {
		t.Errorf("%q, %v", text, err)
	}
	if got := r.took(); got != "yield, let go, end first, open second" {
		t.Error(got)
	}
}

// A daemon that ends by itself ends the process, with its error.
func TestDaemonBreaks(t *testing.T) {
	r := start(t)
	close(r.next.stop)
	<-r.ended
	if a := r.Request(t.Context()); a.Result != Ended {
		t.Errorf("%+v", a)
	}
	if err := r.stop(); err == nil || err.Error() != "it broke" {
		t.Error(err)
	}
}
