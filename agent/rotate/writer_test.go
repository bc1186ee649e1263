package rotate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// writer is a process that writes to logs/app.log, and opens it anew on SIGHUP.
type writer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (g *rig) startWriter() *writer {
	g.t.Helper()
	w := &writer{cmd: exec.Command(os.Args[0])}
	w.cmd.Env = append(os.Environ(), "BELFRY_ROTATE_HELPER=writer", "BELFRY_ROTATE_DIR="+g.dir)
	w.cmd.Stderr = os.Stderr
	var errIn, errOut error
	var out io.ReadCloser
	w.in, errIn = w.cmd.StdinPipe()
	out, errOut = w.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, w.cmd.Start()); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { w.in.Close(); w.cmd.Wait() })
	w.out = bufio.NewReader(out)
	if line, err := w.out.ReadString('\n'); line != "ready\n" {
		g.t.Fatalf("writer: %q, %v", line, err)
	}
	return w
}

// stop ends the writer, and returns how many lines it wrote.
func (w *writer) stop(t *testing.T) int {
	t.Helper()
	w.in.Close()
	line, err := w.out.ReadString('\n')
	if err := errors.Join(err, w.cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A real writer goes on while its file is rotated again and again: each of its lines is there once, whenever it took the
// signal.
func TestRealWriter(t *testing.T) {
	g := &rig{t: t, dir: t.TempDir()}
	g.open(Config{Size: 2000, Signal: &Signal{PIDFile: filepath.Join(g.dir, "pid")}}, nil)
	defer g.close()
	w := g.startWriter()
	const rotations = 15
	for limit := time.Now().Add(time.Minute); g.metric("rotations_total") < rotations; {
		g.once()
		if time.Now().After(limit) {
			t.Fatalf("%v rotations: %s", g.metric("rotations_total"), g.said.String())
		}
		time.Sleep(time.Millisecond) // the writer needs the processor, too
	}
	n := w.stop(t)
	g.once()
	g.onlyOnce(n)
	if g.notes() != "" || strings.Contains(names(t, g.logs), "tmp") {
		t.Errorf("notes %q; %s", g.notes(), names(t, g.logs))
	}
}

// onlyOnce holds the files to what a writer says that it wrote.
func (g *rig) onlyOnce(n int) {
	g.t.Helper()
	have := lines(g.t, g.logs)
	for i := range n {
		l := fmt.Sprintf("seq=%d%s", i, strings.Repeat(" x", 20))
		if have[l] != 1 {
			g.t.Errorf("line %d is there %d times", i, have[l])
		}
	}
	if len(have) != n {
		g.t.Errorf("%d lines, %d were written", len(have), n)
	}
}

// A writer that does not run needs no signal; but a wrong path would look the same, so it is told.
func TestNoWriter(t *testing.T) {
	g := &rig{t: t, dir: t.TempDir()}
	g.open(Config{Signal: &Signal{PIDFile: filepath.Join(g.dir, "pid")}}, nil)
	defer g.close()
	g.write("app.log", 1, 9)
	g.once()
	g.want("app.log= app.log.1.gz=1")
	if len(g.r.journal.open) > 0 || !strings.Contains(g.fault(), "the writer does not run: there is no "+g.dir) {
		t.Errorf("fault %q", g.fault())
	}
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	f := func(text string, mode os.FileMode, want string) {
		t.Helper()
		os.Remove(path)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		err := (&Signal{PIDFile: path}).send()
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	f("", 0o600, "no process id")
	f("1\n", 0o600, "no process id above 1")
	f("-5\n", 0o600, "no process id")
	f("12x\n", 0o600, "no process id")
	f("4194304\n", 0o600, "the writer does not run: there is no process 4194304")
	f("5\n", 0o602, "any user may write it")
	if os.Getuid() != 0 {
		return
	}
	// Who may write the file may not have another user's process signalled.
	me := strconv.Itoa(os.Getpid())
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, unix.SIGHUP)
	defer signal.Stop(hup)
	f(me, 0o600, "<nil>")
	<-hup
	if err := os.Chown(path, 4321, 4321); err != nil {
		t.Fatal(err)
	}
	if err := (&Signal{PIDFile: path}).send(); err == nil || !strings.Contains(err.Error(), "belongs to the user 4321, the process "+me+" to the user 0") {
		t.Error(err)
	}
}

// A full disk delays, and loses nothing: neither that of the logs nor that of the journal.
func TestDiskFull(t *testing.T) {
	t.Run("logs", func(t *testing.T) { diskFull(t, "logs", func(*rig) {}) })
	t.Run("state", func(t *testing.T) { diskFull(t, "state", fillPage) })
}

func diskFull(t *testing.T, full string, prepare func(*rig)) {
	disk := t.TempDir()
	if !inMemory(t, disk, "size=512k") {
		t.Skip("only root can mount")
	}
	g := &rig{t: t, dir: t.TempDir()}
	if err := errors.Join(os.Mkdir(filepath.Join(disk, full), 0o755), os.Symlink(filepath.Join(disk, full), filepath.Join(g.dir, full))); err != nil {
		t.Fatal(err)
	}
	g.open(Config{}, nil)
	g.write("app.log", 1, 500)
	prepare(g)
	fill := filepath.Join(disk, "fill")
	if err := os.WriteFile(fill, make([]byte, 512<<10), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	turns := 0
	turn := func() {
		turns++
		g.r.now = func() time.Time { return time.Now().Add(time.Duration(turns) * 2 * retryLate) }
		g.once()
	}
	for range 3 {
		turn()
		if got := lines(t, g.logs); len(got) != 500 || strings.Contains(names(t, g.logs), "tmp") {
			t.Errorf("%d of 500 lines: %s", len(got), names(t, g.logs))
		}
	}
	if !strings.Contains(g.said.String(), "no space left") {
		t.Errorf("not told: %s", g.said.String())
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		turn()
	}
	g.want("app.log= app.log.1.gz=1")
	if len(g.r.journal.open) > 0 {
		t.Errorf("%d jobs are open", len(g.r.journal.open))
	}
	g.close()
	if all := testJournal(t, filepath.Join(g.dir, "state")).open; len(all) > 0 {
		t.Errorf("%d jobs are open after a restart", len(all))
	}
}

// fillPage writes to the journal until its file needs another page of memory for the next record.
func fillPage(g *rig) {
	g.t.Helper()
	const page = 4096
	write := func(n int) int {
		before := g.r.journal.log.Bytes()
		o := begin(g.t.(*testing.T), g.r.journal, record{Do: doDelete, Path: strings.Repeat("x", n), File: &target{}})
		if err := g.r.journal.write(o, record{Do: doEnd}); err != nil {
			g.t.Fatal(err)
		}
		return int(g.r.journal.log.Bytes() - before)
	}
	write(page - write(0) - int(g.r.journal.log.Bytes())%page - 50)
}

// Run does all of it by itself, and ends when it is told to.
func TestRun(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log", 1, 9)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	packed := make(chan struct{})
	g.r.journal.hook = func(at string) {
		if at == "after "+doUnlink {
			close(packed)
		}
	}
	go func() { ended <- g.r.Run(ctx) }()
	<-packed
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	g.want("app.log= app.log.1.gz=1")
}
