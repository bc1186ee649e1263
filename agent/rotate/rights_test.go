package rotate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"belfry/agent/rotate/logrotate"
)

// without runs fn on a thread that has none of the capabilities. It skips the test if there are none to begin with.
func without(t *testing.T, fn func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root has rights to lose")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends here
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		err := unix.Capset(&hdr, &none[0])
		if err == nil {
			fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestRights(t *testing.T) {
	g := &rig{t: t, dir: t.TempDir()}
	pid := filepath.Join(g.dir, "pid")
	c := Config{Signal: &Signal{PIDFile: pid}}
	g.open(c, nil)
	defer g.close()
	g.write("app.log", 1, 9)
	if got := Rights(g.r.cfgs); len(got) > 0 {
		t.Errorf("of who may all: %q", got)
	}
	f := func(spoil func() error, want ...string) {
		t.Helper()
		without(t, func() {})
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		var got []string
		without(t, func() { got = Rights(g.r.cfgs) })
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], g.dir, "DIR")
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	f(func() error { return nil })
	chown := "DIR/logs/app.log: CAP_CHOWN is missing: new files are to belong to the user 4321 and the group 4321"
	f(func() error { return os.Chown(g.path("app.log"), 4321, 4321) }, chown,
		"DIR/logs/app.log: CAP_DAC_READ_SEARCH is missing: the agent may not read the file")
	override := "DIR/logs: CAP_DAC_OVERRIDE is missing: the agent may not write the directory"
	f(func() error { return errors.Join(os.Chmod(g.path("app.log"), 0o644), os.Chown(g.logs, 4321, 0)) }, chown, override)
	f(func() error { return os.Chmod(g.logs, 0o777|os.ModeSticky) }, chown,
		"DIR/logs: CAP_FOWNER is missing: the directory is sticky: only its owner and the file's may rename in it")
	other := strconv.Itoa(otherUsers(t))
	f(func() error {
		return errors.Join(os.Chmod(g.logs, 0o755), os.Chown(g.logs, 0, 0), os.WriteFile(pid, []byte(other), 0o644), os.Chown(g.path("app.log"), 0, 0))
	}, "DIR/pid: CAP_KILL is missing: process "+other+" belongs to the user 4321")
	f(func() error { return errors.Join(os.Chown(pid, 4321, 0), os.Chmod(pid, 0o600)) },
		"DIR/pid: CAP_DAC_READ_SEARCH is missing: the agent may not read the file")
}

// otherUsers starts a process of the user 4321.
func otherUsers(t *testing.T) int {
	t.Helper()
	c := exec.Command("/bin/sleep", "1000")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4321, Gid: 4321}}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return c.Process.Pid
}

// Without its rights a file is left alone, and what would help is told once.
func TestLacksRights(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log", 1, 9)
	without(t, func() {})
	if err := os.Chown(g.path("app.log"), 4321, 4321); err != nil {
		t.Fatal(err)
	}
	without(t, func() { g.r.turn(t.Context()) })
	g.want("app.log=1")
	if !strings.Contains(g.fault(), "CAP_CHOWN is missing") {
		t.Error(g.fault())
	}
	g.r.families[g.path("app.log")].retry = time.Time{}
	g.once()
	g.want("app.log= app.log.1.gz=1")
	if g.fault() != "" || !strings.Contains(g.said.String(), "file is rotated again") {
		t.Error(g.said.String())
	}
}

// What was not foreseen is told with what would help.
func TestRemedy(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := remedy(fmt.Errorf("x: %w", err)); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("remedy(%v) = %q", err, got)
		}
	}
	f(unix.EPERM, "CAP_FOWNER")
	f(unix.EACCES, "CAP_DAC_OVERRIDE")
	f(unix.EROFS, "ReadWritePaths")
	f(unix.EIO, "")
	f(fmt.Errorf("%w (%w)", unix.EPERM, errOwner), "")
}

func TestCheck(t *testing.T) {
	g := &rig{t: t, dir: t.TempDir()}
	g.open(Config{Paths: []string{filepath.Join(g.dir, "logs", "*.log"), filepath.Join(g.dir, "none")},
		Create: &Create{Owner: "nobody-has-this-name"}, Signal: &Signal{PIDFile: filepath.Join(g.dir, "pid")}}, nil)
	defer g.close()
	g.write("a.log", 1, 9)
	g.write("b.log", 1, 9)
	g.write("d.log", 1, 9)
	root := filepath.Join(g.dir, "root")
	conf := filepath.Join(root, "etc", "logrotate.conf")
	if err := errors.Join(os.Symlink("a.log", g.path("c.log")), os.MkdirAll(filepath.Dir(conf), 0o755),
		os.WriteFile(filepath.Join(g.dir, "pid"), []byte("x"), 0o600), os.WriteFile(conf, []byte("daily\n"+g.path("b.log")+" {\n}\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	followed := func(path string) bool { return path != g.path("d.log") }
	got := strings.ReplaceAll(strings.Join(check(g.r.cfgs, followed, logrotate.Open(root)), "\n"), g.dir, "DIR")
	want := `rotate[0].paths[0]: DIR/logs/b.log: refused: logrotate owns it (/etc/logrotate.conf:2)
rotate[0].paths[0]: DIR/logs/c.log: refused: DIR/logs/c.log is a link
rotate[0].paths[0]: DIR/logs/d.log is in no inputs.files: nothing rotated of it is ever deleted
rotate[0].paths[1]: DIR/none matches nothing now
rotate[0].create: there is no user "nobody-has-this-name"
rotate[0].signal.pid_file: DIR/pid holds "x", which is no process id above 1`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := names(t, g.logs); got != "a.log b.log c.log d.log" {
		t.Error(got)
	}
}

// Without CAP_LEASE the kernel does not tell who writes another user's file.
func TestLease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	is := func(wantFree, wantKnown bool) {
		t.Helper()
		if free, known := leased(f); free != wantFree || known != wantKnown {
			t.Errorf("leased = %v, %v; want %v, %v", free, known, wantFree, wantKnown)
		}
	}
	is(true, true)
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	is(false, true)
	w.Close()
	is(true, true)
	without(t, func() {})
	if err := os.Chown(path, 4321, 4321); err != nil {
		t.Fatal(err)
	}
	without(t, func() { is(false, false) })
}
