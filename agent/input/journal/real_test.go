package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/e2e/stack"
)

const remote = "/lib/systemd/systemd-journal-remote"

// folder is one of journal files, which systemd-journal-remote writes.
type folder struct {
	t    *testing.T
	path string
	n    int // entries written
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	stack.Need(t, program, remote)
	t.Parallel()
	return &folder{t: t, path: t.TempDir()}
}

// write appends entries to a file: messages of the form "line N", N counted over all, padded to size bytes.
func (f *folder) write(name string, entries, size int, fields ...string) {
	f.t.Helper()
	var text bytes.Buffer
	for range entries {
		f.n++
		text.WriteString(export(seriesA, uint64(f.n), append([]string{textOf(f.n, size), "_HOSTNAME=here", "PRIORITY=6"}, fields...)...))
	}
	f.feed(name, text.String())
}

// textOf is the message of an entry. Some are of several lines, some are no text.
func textOf(n, size int) string {
	m := fmt.Sprintf("MESSAGE=line %06d", n)
	switch n % 7 {
	case 3:
		m += "\nand more"
	case 5:
		m += "\x00\x01\nno text"
	}
	return m + strings.Repeat("x", max(0, size-len(m)))
}

func (f *folder) feed(name, text string) {
	f.t.Helper()
	cmd := exec.Command(remote, "--output="+filepath.Join(f.path, name), "-")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		f.t.Fatalf("%v: %s", err, out)
	}
}

// run runs an input until stop is called.
func run(t *testing.T, in *Input) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func open(t *testing.T, state string, cfg Config, to *receiver) *Input {
	t.Helper()
	in, err := Open(state, cfg, me, to, quiet, metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	in.holes.grace = 300 * time.Millisecond
	return in
}

// until waits for what must come.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: it does not come", what)
		}
	}
}

// has waits until all lines up to n came, each once.
func (r *receiver) has(t *testing.T, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d lines", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.events) >= n
	})
	for i, m := range r.messages() {
		if !strings.HasPrefix(m, fmt.Sprintf("line %06d", i+1)) {
			t.Fatalf("message %d is %q", i+1, m)
		}
	}
	if got := len(r.messages()); got != n {
		t.Fatalf("%d messages, want %d", got, n)
	}
	r.check(t)
}

// Entries that are compressed, of several lines, or no text are read as they were written, while the journal grows.
func TestFollows(t *testing.T) {
	f := newFolder(t)
	f.feed("x.journal", strings.ReplaceAll(export(seriesA, 1, textOf(1, 0)), boot1, seriesB)) // of an earlier start of the machine
	f.n++
	f.write("x.journal", 49, 0)
	got := newReceiver()
	in := open(t, t.TempDir(), Config{Directory: f.path, Start: StartBeginning}, got)
	stop := run(t, in)
	got.has(t, 50)
	for range 5 {
		f.write("x.journal", 20, 3000) // so long that journald compresses them
		got.has(t, f.n)
	}
	until(t, "ends", func() bool { return len(in.Ends()) == 1 && in.Ends()[0].End == 151 })
	if e := in.Ends()[0]; e.Cursor != 0 || e.Since.IsZero() || e.Path != f.path {
		t.Errorf("%+v", e)
	}
	got.confirm(in, true)
	until(t, "confirmation", func() bool { return in.Ends()[0].Cursor == 151 })
	stop()
	if s := in.Status(); s.Dropped != 0 || s.Fault != "" || s.Entries != 150 || s.Confirmed != s.Read || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	for _, m := range got.messages() {
		if n, _ := strconv.Atoi(m[5:11]); m != strings.TrimPrefix(strings.ToValidUTF8(textOf(n, len(m)+8), "\uFFFD"), "MESSAGE=") {
			t.Errorf("%q", m)
		}
	}
}

// What was written before the first start is read as far back as it says.
func TestStart(t *testing.T) {
	f := newFolder(t)
	f.write("x.journal", 10, 0)
	begin := func(start string) (*receiver, *Input, func()) {
		got := newReceiver()
		in := open(t, t.TempDir(), Config{Directory: f.path, Start: start}, got)
		return got, in, run(t, in)
	}
	all, _, stopAll := begin(StartBeginning)
	all.has(t, 10)
	late, in, stopLate := begin(StartEnd)
	until(t, "the child", func() bool { return in.Status().Stream != "" && len(children(f.path)) == 2 })
	stopLate() // nothing came, and the beginning is kept all the same
	now := time.Now().UnixMicro()
	f.feed("x.journal", strings.Replace(export(seriesA, 11, "MESSAGE=line 000011"), strconv.Itoa(1790000011e6), strconv.FormatInt(now, 10), 1))
	all.has(t, 11)
	in, err := Open(filepath.Dir(in.path), in.cfg, me, late, quiet, metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	stopLate = run(t, in)
	until(t, "the line", func() bool { return len(late.messages()) == 1 })
	stopAll()
	stopLate()
	if got := late.messages()[0]; got != "line 000011" || late.said[0] != "skipped 0-11" {
		t.Errorf("%q, %q", got, late.said)
	}
	late.check(t)
}

// children returns the processes that read a folder.
func children(path string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range all {
		line, _ := os.ReadFile(name) // it may have ended
		if bytes.HasPrefix(line, []byte(program)) && bytes.Contains(line, []byte("--directory="+path+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// The child is killed in the middle, again and again, while the journal grows: every entry comes, each with one id.
func TestChildIsKilled(t *testing.T) {
	f := newFolder(t)
	f.write("x.journal", 2000, 0)
	got := newReceiver()
	in := open(t, t.TempDir(), Config{Directory: f.path, Start: StartBeginning}, got)
	stop := run(t, in)
	for range 8 {
		until(t, "a child", func() bool { return len(children(f.path)) == 1 })
		for _, pid := range children(f.path) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		f.write("x.journal", 50, 0)
	}
	got.has(t, f.n)
	stop()
	if s := in.Status(); s.Restarts == 0 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	if len(children(f.path)) > 0 {
		t.Error("a child is left")
	}
}

// The agent is stopped, or dies, at any point, and what came is confirmed late and at random: every entry comes, each with one
// id, in one place.
func TestRestarts(t *testing.T) {
	f := newFolder(t)
	f.write("x.journal", 1000, 0)
	f.write("y.journal", 500, 0)
	got, state := newReceiver(), t.TempDir()
	for round := range 12 {
		got.full, got.came, got.room = 1+rand.N(700), 0, make(chan struct{})
		in := open(t, state, Config{Directory: f.path, Start: StartBeginning}, got)
		in.now = func() time.Time { return time.Now().AddDate(0, 0, round) }
		stop := run(t, in)
		until(t, "some", func() bool {
			got.mu.Lock()
			defer got.mu.Unlock()
			return got.came >= got.full || len(got.events) == f.n
		})
		got.confirm(in, false)
		if round%2 == 0 {
			stop()
			got.confirm(in, false)
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
		} else { // it dies with what was kept a while ago
			kept, err := os.ReadFile(in.path)
			stop()
			if err != nil || os.WriteFile(in.path, kept, 0o600) != nil {
				t.Fatal("state is not kept", err)
			}
		}
		got.lose()
		f.write([]string{"x.journal", "y.journal"}[round%2], 30, 0)
	}
	got.full = 0
	in := open(t, state, Config{Directory: f.path, Start: StartBeginning}, got)
	stop := run(t, in)
	got.has(t, f.n)
	got.confirm(in, true)
	until(t, "confirmation", func() bool { return in.Status().Waiting == 0 })
	stop()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if n := got.count(batch.Dropped); n != 0 || in.Status().Series != 2 {
		t.Errorf("%d dropped, %d series", n, in.Status().Series)
	}
	// after a clean stop nothing comes again
	again := newReceiver()
	in = open(t, state, in.cfg, again)
	stop = run(t, in)
	f.write("y.journal", 1, 0)
	until(t, "the last line", func() bool { return len(again.messages()) > 0 })
	stop()
	if len(again.messages()) != 1 || len(again.said) != 0 {
		t.Errorf("%q, %q", again.messages(), again.said)
	}
}

// What vacuuming took past the cursor is declared, number by number.
func TestVacuumedPastTheCursor(t *testing.T) {
	f := newFolder(t)
	f.write("x.journal", 10, 0)
	state, got := t.TempDir(), newReceiver()
	in := open(t, state, Config{Directory: f.path, Start: StartBeginning}, got)
	stop := run(t, in)
	got.has(t, 10)
	got.confirm(in, true)
	stop()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	f.moveOn("x.journal", 25) // 11 to 25 are gone
	f.n = 25
	f.write("x.journal", 5, 0)
	in = open(t, state, in.cfg, got)
	stop = run(t, in)
	until(t, "the gap", func() bool { return in.Status().Dropped > 0 })
	stop()
	if n, said := got.count(batch.Dropped), got.said[len(got.said)-1]; n != 15 || said != "dropped 11-26" || len(got.messages()) != 15 {
		t.Errorf("%d dropped, %s, %d messages", n, said, len(got.messages()))
	}
	got.check(t)
}

// moveOn makes a journal file go on behind a number: as if those before it had been written, and vacuumed away. They lie in the
// header (systemd, "Journal File Format": tail_entry_seqnum).
func (f *folder) moveOn(name string, number uint64) {
	f.t.Helper()
	const tail = 8 + 4 + 4 + 8 + 4*16 + 8*8 + 8 // of struct Header
	file, err := os.OpenFile(filepath.Join(f.path, name), os.O_RDWR, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	var b [8]byte
	if _, err := file.ReadAt(b[:], tail); err != nil || binary.LittleEndian.Uint64(b[:]) != uint64(f.n) {
		f.t.Fatalf("number %d, %v, want %d", binary.LittleEndian.Uint64(b[:]), err, f.n)
	}
	if _, err := file.WriteAt(binary.LittleEndian.AppendUint64(nil, number), tail); err != nil {
		f.t.Fatal(err)
	}
}

// A file that comes later is read, though others are behind its time.
func TestNewFile(t *testing.T) {
	f := newFolder(t)
	f.write("x.journal", 10, 0)
	got := newReceiver()
	in := open(t, t.TempDir(), Config{Directory: f.path, Start: StartBeginning}, got)
	stop := run(t, in)
	got.has(t, 10)
	f.write("y.journal", 10, 0)
	got.has(t, 20)
	if err := os.Rename(filepath.Join(f.path, "x.journal"), filepath.Join(f.path, "x@1.journal")); err != nil {
		t.Fatal(err)
	}
	f.write("x.journal", 10, 0)
	got.has(t, 30)
	stop()
	if s := in.Status(); s.Series != 3 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

// A folder that is not there is a fault, and read when it comes.
func TestFolderComesLater(t *testing.T) {
	f := newFolder(t)
	f.path = filepath.Join(f.path, "later")
	got := newReceiver()
	in := open(t, t.TempDir(), Config{Directory: f.path, Start: StartBeginning}, got)
	stop := run(t, in)
	until(t, "a fault", func() bool { return strings.Contains(in.Status().Fault, "No such file") })
	if w := Check(in.cfg); len(w) != 1 || !strings.Contains(w[0], "directory: ") {
		t.Errorf("%q", w)
	}
	if err := os.Mkdir(f.path, 0o755); err != nil {
		t.Fatal(err)
	}
	if w := Check(in.cfg); len(w) != 1 || !strings.Contains(w[0], "no journal") {
		t.Errorf("%q", w)
	}
	f.write("x.journal", 3, 0)
	got.has(t, 3)
	until(t, "no fault", func() bool { return in.Status().Fault == "" })
	if w := Check(in.cfg); len(w) != 0 {
		t.Errorf("%q", w)
	}
	stop()
}

// A place of an entry does not change, whatever day it is when it is sent again.
func TestDayIsKept(t *testing.T) {
	f := newFolder(t)
	f.write("x.journal", 5, 0)
	got, state := newReceiver(), t.TempDir()
	days := map[string]bool{}
	for day := range 3 {
		in := open(t, state, Config{Directory: f.path, Start: StartBeginning, Class: fmt.Sprint("c", day)}, got)
		now := in.now
		in.now = func() time.Time { return now().AddDate(0, 0, day) }
		stop := run(t, in)
		got.has(t, f.n)
		stop() // nothing is confirmed
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		f.write("x.journal", 5, 0)
	}
	for _, p := range got.places {
		days[p] = true
	}
	if len(days) != 3 {
		t.Errorf("places %v", days)
	}
}
