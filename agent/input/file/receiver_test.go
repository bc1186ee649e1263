package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// patience is how long something may take on a busy machine before the test fails.
const patience = time.Minute

// receiver stands for all that is behind the input: it keeps each line by its id, and confirms.
type receiver struct {
	t        *testing.T
	mu       sync.Mutex
	in       *Input
	byID     map[string]string // id → day and line
	lines    []string          // each id once, in order of arrival
	raw      int               // with repeats
	refuse   bool              // confirm nothing
	later    time.Duration     // the clock is ahead by so much
	unpriv   bool              // file modes hold for the input, whoever runs the test
	withheld []batch.Stream    // what was not confirmed
	skipped  uint64
	log      strings.Builder
	finals   []uint64
}

func newReceiver(t *testing.T) *receiver { return &receiver{t: t, byID: make(map[string]string)} }

func (r *receiver) Add(_ context.Context, p batch.Place, first, end uint64, line []byte) error {
	var e struct {
		Event struct{ ID, Original string }
		Log   struct{ Offset uint64 }
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.Unmarshal(line, &e); err != nil {
		r.t.Errorf("event is not JSON: %v\n%s", err, line)
	}
	if e.Log.Offset != first || p.Day == "" || p.Class == "" {
		r.t.Errorf("event says offset %d, its place says %d (%+v)", e.Log.Offset, first, p)
	}
	if want := event.ID(event.HashKey("agent"), p.Stream, p.Epoch, first).String(); e.Event.ID != want {
		r.t.Errorf("event.id %s, want %s", e.Event.ID, want)
	}
	r.raw++
	placed := p.Day + " " + e.Event.Original
	if old, again := r.byID[e.Event.ID]; !again {
		r.byID[e.Event.ID] = placed
		r.lines = append(r.lines, e.Event.Original)
	} else if old != placed {
		r.t.Errorf("one id for two places or lines: %q and %q", old, placed)
	}
	r.confirm(p, batch.Data, first, end)
	return nil
}

func (r *receiver) Pass(_ context.Context, p batch.Place, kind batch.Kind, first, end uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped += end - first
	r.confirm(p, kind, first, end)
	return nil
}

func (r *receiver) Finish(_ context.Context, _ batch.Place, size uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finals = append(r.finals, size)
	return nil
}

func (r *receiver) confirm(p batch.Place, kind batch.Kind, first, end uint64) {
	s := batch.Stream{ID: p.Stream, Epoch: p.Epoch, Ranges: []batch.Range{{Kind: kind, First: first, End: end}}}
	if r.refuse {
		r.withheld = append(r.withheld, s)
		return
	}
	r.in.Confirmed(s)
}

// logTo keeps what an input logs.
type logTo struct{ *receiver }

func (l logTo) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(b)
}

// logged is how often a message was logged.
func (r *receiver) logged(message string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.log.String(), message)
}

func (r *receiver) tryOpen(state string, cfg Config) (*Input, error) {
	src := Source{Agent: event.HashKey("agent"), Version: "test", Host: "h", Zone: "UTC"}
	return Open(state, []Config{cfg}, src, r, slog.New(slog.NewTextHandler(logTo{r}, nil)), metrics.NewSet())
}

func (r *receiver) open(state string, cfg Config) *Input {
	r.t.Helper()
	in, err := r.tryOpen(state, cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	in.now = func() time.Time { return time.Now().Add(r.later) }
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in = in
	return in
}

// start runs an input over dir until the returned function is called.
func (r *receiver) start(state string, cfg Config) (stop func()) {
	r.t.Helper()
	return r.run(r.open(state, cfg))
}

// run runs an input that was opened until the returned function is called.
func (r *receiver) run(in *Input) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		if r.unpriv {
			dropOverride(r.t)
		}
		done <- in.Run(ctx)
	}()
	return func() {
		r.t.Helper()
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
		if err := in.Close(); err != nil {
			r.t.Error(err)
		}
	}
}

// want waits until exactly these lines have come, each once, in any order.
func (r *receiver) want(lines ...string) {
	r.t.Helper()
	want := slices.Sorted(slices.Values(lines))
	for end := time.Now().Add(patience); r.count() < len(want) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	r.mu.Lock()
	got := slices.Sorted(slices.Values(r.lines))
	r.mu.Unlock()
	if !slices.Equal(got, want) {
		r.t.Fatalf("got %d lines, want %d\ngot  %.2000s\nwant %.2000s", len(got), len(want), fmt.Sprintf("%q", got), fmt.Sprintf("%q", want))
	}
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines)
}

func (r *receiver) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// sees waits until these lines have come, among others.
func (r *receiver) sees(lines ...string) {
	r.t.Helper()
	missing := lines
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		missing = slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return slices.Contains(r.lines, l) })
		r.mu.Unlock()
		if len(missing) == 0 {
			return
		}
	}
	r.t.Fatalf("%d lines did not come: %.2000q", len(missing), missing)
}

// seen is how many lines came that begin like this, each once.
func (r *receiver) seen(prefix string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// sent is how many events came, with repeats.
func (r *receiver) sent() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.raw
}

// stays looks that nothing more comes while the input has looked at all names again.
func (r *receiver) stays(lines ...string) {
	r.t.Helper()
	r.want(lines...)
	time.Sleep(2*usual.scan + usual.settle)
	r.want(lines...)
}

// dropOverride gives up, for this goroutine, what lets root read any file. Its thread ends with it.
func dropOverride(t *testing.T) {
	runtime.LockOSThread()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	err := unix.Capget(&h, &d[0])
	if err == nil {
		d[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
		err = unix.Capset(&h, &d[0])
	}
	if err != nil {
		t.Error(err)
	}
}

func numbered(from, to int) (lines []string) {
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("line %06d of a file", i))
	}
	return lines
}

func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }

func write(t *testing.T, path, s string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(s)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func gzipped(t *testing.T, s string) []byte {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

// gzipFile does what gzip(1) does: a new file with the old one's time, then the old one goes.
func gzipFile(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".gz", string(gzipped(t, string(b))))
	if err := os.Chtimes(path+".gz", st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// host is a folder with one log, and a state beside it.
func host(t *testing.T) (log, state string, cfg Config) {
	dir := t.TempDir()
	log = filepath.Join(dir, "log", "x.log")
	if err := os.Mkdir(filepath.Dir(log), 0o755); err != nil {
		t.Fatal(err)
	}
	return log, filepath.Join(dir, "state"), Config{Paths: []string{filepath.Join(dir, "log", "*.log")}}
}
