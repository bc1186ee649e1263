package journal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"belfry/shared/batch"
	"belfry/shared/e2e/stack"
)

const journaldPath = "/lib/systemd/systemd-journald"

// journald is a real one, of a namespace: it needs no systemd, but root.
type journald struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	n    int // lines sent
}

func startJournald(t *testing.T) *journald {
	t.Helper()
	stack.Need(t, program, journaldPath, "logger")
	if os.Getuid() != 0 {
		t.Skip("a journald of a namespace needs root")
	}
	t.Parallel()
	j := &journald{t: t, name: fmt.Sprintf("belfry-test-%d-%d", os.Getpid(), time.Now().UnixNano())}
	conf := "/run/systemd/journald@" + j.name + ".conf.d"
	t.Cleanup(func() { // Cleanup functions run last first: journald has ended by then
		left, _ := filepath.Glob("/*/log/journal/*." + j.name)
		for _, dir := range append(left, conf, "/run/systemd/journal."+j.name) {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	})
	if err := os.MkdirAll(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "[Journal]\nSplitMode=uid\nStorage=persistent\nRateLimitBurst=0\nSystemMaxUse=200M\n"
	if err := os.WriteFile(conf+"/test.conf", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	j.start()
	t.Cleanup(j.kill)
	return j
}

func (j *journald) socket() string { return "/run/systemd/journal." + j.name + "/dev-log" }

func (j *journald) start() {
	j.t.Helper()
	_ = os.Remove(j.socket()) // of one that was killed
	j.cmd = exec.Command(journaldPath, j.name)
	j.cmd.SysProcAttr = attributes()
	if err := j.cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	until(j.t, "journald's socket", func() bool { _, err := os.Stat(j.socket()); return err == nil })
}

func (j *journald) kill() {
	_ = j.cmd.Process.Kill() // it may have ended
	_ = j.cmd.Wait()
}

// send sends lines as a user.
func (j *journald) send(uid uint32, lines int) {
	j.t.Helper()
	var text strings.Builder
	for range lines {
		j.n++
		fmt.Fprintf(&text, "line %06d\n", j.n)
	}
	cmd := exec.Command("logger", "--socket", j.socket(), "--tag", "test")
	cmd.Stdin = strings.NewReader(text.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: true}}
	if out, err := cmd.CombinedOutput(); err != nil {
		j.t.Fatalf("%v: %s", err, out)
	}
	j.settle()
}

// settle waits until journald has written all.
func (j *journald) settle() {
	j.t.Helper()
	last := fmt.Sprintf("MESSAGE=line %06d", j.n)
	until(j.t, last, func() bool {
		out, _ := exec.Command(program, "--namespace="+j.name, "--merge", "--output=export", "--quiet", "--since=-10min").Output()
		return strings.Contains(string(out), last)
	})
}

// rotate has it rotate all files.
func (j *journald) rotate() {
	j.t.Helper()
	files := func() int {
		all, _ := filepath.Glob("/var/log/journal/*." + j.name + "/*@*.journal")
		return len(all)
	}
	before := files()
	if err := j.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		j.t.Fatal(err)
	}
	until(j.t, "rotation", func() bool { return files() >= before+2 })
}

// lines returns which of the lines came; each may come once.
func (r *receiver) lines(t *testing.T) map[int]bool {
	t.Helper()
	all := map[int]bool{}
	for _, m := range r.messages() {
		var n int
		if _, err := fmt.Sscanf(m, "line %06d", &n); err == nil {
			if all[n] {
				t.Errorf("line %d came twice", n)
			}
			all[n] = true
		}
	}
	return all
}

// A real journald, with a journal for each user, which count together: rotated, killed, vacuumed past the cursor.
func TestJournald(t *testing.T) {
	j := startJournald(t)
	got, state := newReceiver(), t.TempDir()
	in := open(t, state, Config{Namespace: j.name, Start: StartBeginning}, got)
	stop := run(t, in)
	all := func() {
		t.Helper()
		until(t, fmt.Sprintf("%d lines", j.n), func() bool { return len(got.lines(t)) == j.n })
	}
	for range 5 {
		j.send(0, 10)
		j.send(1000, 5)
		j.send(1001, 1)
	}
	all()
	j.rotate()
	j.send(1000, 10)
	j.send(0, 10)
	all()
	j.kill() // its counter begins anew
	j.start()
	j.send(0, 10)
	j.send(1000, 10)
	j.send(0, 10)
	all()
	time.Sleep(2 * in.holes.grace) // for what would be declared by mistake
	got.confirm(in, true)
	until(t, "confirmation", func() bool { return in.Status().Waiting == 0 })
	stop()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if s := in.Status(); s.Dropped != 0 || s.Missing != 0 || got.count(batch.Dropped) != 0 {
		t.Errorf("nothing was lost: %+v", s)
	}
	if n := in.Status().Series; n != 1 && n != 3 { // up to systemd 253 each user has one
		t.Errorf("%d series", n)
	}

	j.send(0, 100)
	j.send(1000, 20)
	j.rotate()
	j.send(0, 10)
	j.send(1000, 10)
	j.rotate()
	j.send(0, 10)
	j.send(1000, 10)
	if out, err := exec.Command(program, "--namespace="+j.name, "--vacuum-files=4").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := len(got.messages())
	in = open(t, state, in.cfg, got)
	stop = run(t, in)
	until(t, "the gap", func() bool { return in.Status().Dropped > 0 && in.Status().Missing == 0 })
	until(t, "the last line", func() bool { return got.lines(t)[j.n] })
	stop()
	lost := j.n - len(got.lines(t))
	if n := int(in.Status().Dropped); lost == 0 || n < lost || n > lost+20 { // journald itself writes some lines
		t.Errorf("%d lines are gone, %d entries are declared; %d came before, %d now", lost, n, before, len(got.messages()))
	}
	got.check(t)
	if w := Check(in.cfg); len(w) != 0 {
		t.Errorf("%q", w)
	}
}
