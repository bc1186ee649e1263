package packaging

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

// root is the file system of a machine that packages are installed on.
type root struct {
	t   *testing.T
	dir string
}

// newRoot makes a small Debian with systemd's tools. Nothing runs in it but what a test starts.
func newRoot(t *testing.T) *root {
	t.Helper()
	stack.Need(t, "mmdebstrap", "unshare", "chroot")
	dir := filepath.Join(scratch, "debian")
	if _, err := os.Stat(dir); err != nil {
		must(t, command("mmdebstrap", "--quiet", "--mode=root", "--variant=essential", "--include=systemd", "bookworm", dir))
	}
	r := &root{t, filepath.Join(scratch, strings.ReplaceAll(t.Name(), "/", "-"))}
	must(t, command("cp", "-a", dir, r.dir))
	t.Cleanup(func() { os.RemoveAll(r.dir) })
	return r
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// command runs a program outside; its error has what it said.
func command(name string, args ...string) error {
	_, err := output(exec.Command(name, args...))
	return err
}

// output is what a program says on its standard output; its error has what it said on both.
func output(c *exec.Cmd) (string, error) {
	var said, aside bytes.Buffer
	if c.Env == nil {
		c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	}
	c.Stdout, c.Stderr = &said, &aside
	if err := c.Run(); err != nil {
		return said.String(), fmt.Errorf("%s: %w: %s%s", strings.Join(c.Args, " "), err, said.String(), aside.String())
	}
	return said.String(), nil
}

// path returns where a file of the root lies outside.
func (r *root) path(name string) string { return filepath.Join(r.dir, name) }

// in is a command within the root, with /proc mounted for it alone, run by a user with ambient capabilities as its unit
// gives them.
func (r *root) in(user, caps string, args ...string) *exec.Cmd {
	inner := []string{"--mount", "--propagation=private", "--", "sh", "-c", `mount -t proc proc "$0/proc" && exec chroot "$0" "$@"`, r.dir}
	if user != "root" {
		inner = append(inner, "setpriv", "--reuid="+user, "--regid="+user, "--init-groups", "--bounding-set=-all"+caps, "--inh-caps=-all"+caps,
			"--ambient-caps=-all"+caps, "--no-new-privs")
	}
	c := exec.Command("unshare", append(inner, args...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "HOME=/"}
	return c
}

// as runs a command in the root to its end.
func (r *root) as(user string, args ...string) string {
	r.t.Helper()
	text, err := output(r.in(user, "", args...))
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

func (r *root) root(args ...string) string {
	r.t.Helper()
	return r.as("root", args...)
}

func (r *root) write(name, text string) {
	r.t.Helper()
	f, err := os.OpenFile(r.path(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	must(r.t, err)
	_, err = f.WriteString(text)
	must(r.t, err, f.Close())
}

func (r *root) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(r.path(name))
	must(r.t, err)
	return string(text)
}

// daemon is a program that runs in a root.
type daemon struct {
	*exec.Cmd
	said *bytes.Buffer
	done chan error
}

// start runs a daemon as its unit does: check first, its folder below /run, its user, its capabilities.
func (r *root) start(user, caps string, program, verb string) *daemon {
	r.t.Helper()
	r.as(user, program, "check", "--offline")
	r.root("install", "-d", "-o", user, "-g", user, "/run/"+user)
	d := &daemon{Cmd: r.in(user, caps, program, verb), said: new(bytes.Buffer), done: make(chan error, 1)}
	d.Stdout, d.Stderr = d.said, d.said
	d.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(r.t, d.Start())
	go func() { d.done <- d.Wait() }()
	r.t.Cleanup(func() { _ = d.stop() })
	return d
}

// stop ends a daemon in order. unshare, sh, chroot and setpriv have each become the next: the process is the daemon.
func (d *daemon) stop() error {
	_ = d.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-d.done:
		d.done <- err
		return err
	case <-time.After(time.Minute):
		_ = d.Process.Kill()
		return fmt.Errorf("%s did not end", d)
	}
}

// until waits for try to return nil.
func (r *root) until(what string, daemons []*daemon, try func() error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			for _, d := range daemons {
				_ = d.stop()
				r.t.Logf("%s said:\n%s", d, d.said)
			}
			r.t.Fatalf("%s: %v", what, err)
		}
	}
}

// files lists what is in the root, but for what others than the packages keep.
func (r *root) files() (all []string) {
	r.t.Helper()
	foreign := []string{"var/lib/dpkg", "var/lib/rpm", "usr/lib/sysimage", "var/log", "var/cache", "proc", "dev", "tmp", "var/tmp", "run/belfry", "run/belfry-agent", "etc/.pwd.lock",
		"etc/passwd", "etc/passwd-", "etc/group", "etc/group-", "etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/subuid", "etc/subgid"}
	must(r.t, filepath.WalkDir(r.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(r.dir, path)
		if slices.Contains(foreign, name) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		all = append(all, name)
		return err
	}))
	return all
}
