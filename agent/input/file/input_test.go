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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// receiver stands for all that is behind the input: it keeps each line by its id, and confirms.
type receiver struct {
	t       *testing.T
	mu      sync.Mutex
	in      *Input
	byID    map[string]string // id → line
	lines   []string          // each id once, in order of arrival
	raw     int               // with repeats
	refuse  bool              // confirm nothing
	skipped uint64
	finals  []uint64
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
	if old, again := r.byID[e.Event.ID]; !again {
		r.byID[e.Event.ID] = e.Event.Original
		r.lines = append(r.lines, e.Event.Original)
	} else if old != e.Event.Original {
		r.t.Errorf("one id for two lines: %q and %q", old, e.Event.Original)
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
	if !r.refuse {
		r.in.Confirmed(batch.Stream{ID: p.Stream, Epoch: p.Epoch, Ranges: []batch.Range{{Kind: kind, First: first, End: end}}})
	}
}

// start runs an input over dir until the returned function is called.
func (r *receiver) start(state string, cfg Config) (stop func()) {
	r.t.Helper()
	src := Source{Agent: event.HashKey("agent"), Version: "test", Host: "h", Zone: "UTC"}
	in, err := Open(state, []Config{cfg}, src, r, slog.New(slog.NewTextHandler(io.Discard, nil)), metrics.NewSet())
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.in = in
	r.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
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
	var got []string
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		got = slices.Sorted(slices.Values(r.lines))
		r.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("got %d lines, want %d\ngot  %.2000q\nwant %.2000q", len(got), len(want), got, want)
	}
}

// stays looks that nothing more comes while the input has looked at all names again.
func (r *receiver) stays(lines ...string) {
	r.t.Helper()
	r.want(lines...)
	time.Sleep(2*scanEvery + settleAfter)
	r.want(lines...)
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

// gzipFile does what gzip(1) does: a new file with the old one's time, then the old one goes.
func gzipFile(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	w.ModTime = st.ModTime()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path+".gz", z.String())
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

func TestFollow(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 100))+"half")
	defer r.start(state, cfg)()
	r.want(numbered(0, 100)...)
	write(t, log, " a line\nnext")
	r.stays(append(numbered(0, 100), "half a line")...)
}

func TestRotate(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	defer r.start(state, cfg)()
	var all []string
	for i := range 8 {
		lines := numbered(100*i, 100*i+100)
		all = append(all, lines...)
		write(t, log, text(lines[:50]))
		w, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			r.want(all[:len(all)-50]...)
		}
		for n := i; n > 0; n-- {
			rename(t, fmt.Sprintf("%s.%d", log, n), fmt.Sprintf("%s.%d", log, n+1))
		}
		rename(t, log, log+".1")
		if _, err := w.WriteString(text(lines[50:])); err != nil { // a late writer
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.stays(all...)
	if r.raw != len(all) {
		t.Errorf("%d lines were sent for %d", r.raw, len(all))
	}
}

func TestGzipWhileFollowed(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = append(cfg.Paths, log+"*")
	r := newReceiver(t)
	defer r.start(state, cfg)()
	write(t, log, text(numbered(0, 1000)))
	r.want(numbered(0, 1000)...)
	rename(t, log, log+".1")
	write(t, log, text(numbered(1000, 1100)))
	gzipFile(t, log+".1")
	r.stays(numbered(0, 1100)...)
	if r.raw != 1100 {
		t.Errorf("%d lines were sent for 1100", r.raw)
	}
}

func TestGzipWhileDown(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 1000)...)
	time.Sleep(2 * saveEvery)
	stop()
	write(t, log, text(numbered(1000, 1500))) // nobody saw these but the archive
	rename(t, log, log+".1")
	gzipFile(t, log+".1")
	rename(t, log+".1.gz", log+".2.gz")
	write(t, log, text(numbered(1500, 1700)))
	rename(t, log, log+".1") // born and rotated while down
	write(t, log, text(numbered(1700, 2000)))
	stop = r.start(state, cfg)
	r.stays(numbered(0, 2000)...)
	stop()
	if r.raw != 2000 {
		t.Errorf("%d lines were sent for 2000", r.raw)
	}
	stop = r.start(state, cfg)
	r.stays(numbered(0, 2000)...)
	stop()
	if r.raw != 2000 {
		t.Errorf("after a restart %d lines were sent for 2000", r.raw)
	}
}

func TestUnconfirmedIsSentAgainWithItsID(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	r.refuse = true
	write(t, log, text(numbered(0, 500)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 500)...)
	stop()
	r.refuse = false
	defer r.start(state, cfg)()
	r.stays(numbered(0, 500)...)
	if r.raw != 1000 {
		t.Errorf("%d lines were sent, want each of 500 twice", r.raw)
	}
}

func TestCopyTruncate(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 300)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 300)...)
	time.Sleep(2 * saveEvery)
	copyTruncate := func(to string) {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		write(t, to, string(b))
		if err := os.Truncate(log, 0); err != nil {
			t.Fatal(err)
		}
	}
	copyTruncate(log + ".1")
	write(t, log, text(numbered(300, 400)))
	r.stays(numbered(0, 400)...)
	time.Sleep(2 * saveEvery)
	stop()
	write(t, log, text(numbered(400, 500)))
	rename(t, log+".1", log+".2")
	copyTruncate(log + ".1") // with a tail that only the copy has
	write(t, log, text(numbered(500, 900)))
	defer r.start(state, cfg)()
	r.stays(numbered(0, 900)...)
	if r.raw != 900 {
		t.Errorf("%d lines were sent for 900", r.raw)
	}
}

func TestInodeReuse(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	defer r.start(state, cfg)()
	var all []string
	for i := range 10 {
		lines := numbered(1000*i, 1000*i+10+i)
		write(t, log, text(lines))
		all = append(all, lines...)
		r.want(all...)
		if err := os.Remove(log); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSameHeadIsNotSameFile(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	other := filepath.Join(filepath.Dir(log), "y.log")
	head := text(numbered(0, 300)) // over 4 KiB
	write(t, log, head+"of x\n")
	write(t, other, head+"of y\n")
	defer r.start(state, cfg)()
	twice := append(numbered(0, 300), numbered(0, 300)...)
	r.stays(append(twice, "of x", "of y")...)
}

func TestLinesOfAllKinds(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	long := strings.Repeat("x", 3*maxLine)
	write(t, log, "\n\r\na\x00b\x1b[31m\nC0 80: \xc0\x80\n"+long+"\nafter\n")
	defer r.start(state, cfg)()
	r.stays("", "\r", "a\x00b\x1b[31m", "C0 80: \ufffd\ufffd", long[:maxLine], "after")
}

func TestStartAtEnd(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Start = StartEnd
	r := newReceiver(t)
	old := text(numbered(0, 100))
	write(t, log, old+"half")
	defer r.start(state, cfg)()
	r.stays()
	write(t, log, " line\n")
	write(t, filepath.Join(filepath.Dir(log), "new.log"), "of a new file\n")
	r.stays("half line", "of a new file")
	if r.skipped != uint64(len(old)) {
		t.Errorf("skipped %d bytes, want %d", r.skipped, len(old))
	}
}

func TestWhatIsNotFollowed(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	dir := filepath.Dir(log)
	secret := filepath.Join(t.TempDir(), "shadow")
	write(t, secret, "secret\n")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "planted.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dir.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, log+".1", "from before the first start, and no glob names it\n")
	write(t, filepath.Join(dir, "not.log"), "excluded\n")
	cfg.Exclude = []string{filepath.Join(dir, "not*")}
	r := newReceiver(t)
	defer r.start(state, cfg)()
	write(t, log, "yes\n")
	r.stays("yes")
}

func TestPartialLineOfADeletedFile(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	write(t, log, "whole\nhalf")
	rename(t, log, log+".1")
	gzipFile(t, log+".1")
	defer r.start(state, cfg)()
	r.stays("whole", "half")
	if !slices.Equal(r.finals, []uint64{10}) {
		t.Errorf("final sizes %v, want [10]", r.finals)
	}
}
