package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// startAgent runs an agent whose receiver is away, so that all it reads waits. It returns the path of its configuration.
func startAgent(t *testing.T, dir string) (config string) {
	t.Helper()
	return runAgent(t, dir, strings.ReplaceAll(strings.Replace(valid, "[DIR/x.log]", `["DIR/*.log"]`, 1), "DIR", dir))
}

// runAgent runs an agent with a configuration, and its state in the folder, until the test ends.
func runAgent(t *testing.T, dir, text string) (config string) {
	t.Helper()
	config = filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	agent := command(t.Context(), "--config", config, "run")
	var log bytes.Buffer
	agent.Stderr = &log
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		agent.Process.Kill() // it would wait for the receiver
		agent.Wait()
		if t.Failed() {
			t.Logf("the agent: %s", log.String())
		}
	})
	wait(t, "agent", func() bool {
		c, err := net.Dial("unix", filepath.Join(dir, "state", "agent.sock"))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return config
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after 30 s", what)
		}
	}
}

// pty is a terminal of a test's.
type pty struct {
	t           *testing.T
	master, tty *os.File
	mu          sync.Mutex
	seen        []byte
}

func openPTY(t *testing.T, rows, cols uint16) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	}
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, master: master, tty: tty}
	go func() {
		_, _ = io.Copy(p, master) // until it is closed
	}()
	t.Cleanup(func() { tty.Close(); master.Close() })
	return p
}

// Write takes what was printed.
func (p *pty) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, b...)
	return len(b), nil
}

func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.seen)
}

// frame is what the last whole drawing has.
func (p *pty) frame() string {
	frames := strings.Split(p.text(), "\x1b[H")
	for i := len(frames) - 1; i > 0; i-- {
		if whole, _, ok := strings.Cut(frames[i], "\x1b[J"); ok {
			return whole
		}
	}
	return ""
}

func (p *pty) set() unix.Termios {
	p.t.Helper()
	s, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *s
}

func (p *pty) run(args ...string) *exec.Cmd {
	p.t.Helper()
	c := command(p.t.Context(), args...)
	c.Stdin, c.Stdout, c.Stderr = p.tty, p.tty, p.tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// At a terminal the view is live, obeys its keys, is as large as that, and gives it back as it was, also when it is ended by
// a signal. A file's name does nothing to it.
func TestTopAtATerminal(t *testing.T) {
	dir := folder(t)
	for name, size := range map[string]int{"a.log": 3000, "b.log": 2000, "c\x1b]0;evil\a.log": 5000, "z.log": 10} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("line 789\n\n"), size/10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := startAgent(t, dir)
	f := func(rows uint16, end func(*pty, *exec.Cmd)) {
		t.Helper()
		p := openPTY(t, rows, 100)
		before := p.set()
		c := p.run("--config", config, "top", "--interval", "100ms")
		wait(t, "view", func() bool { return strings.Contains(p.frame(), "4.9K") })
		for key, want := range map[string]string{"b": "c\ufffd]0;evil\ufffd.log", "n": "a.log"} {
			if _, err := p.master.WriteString(key); err != nil {
				t.Fatal(err)
			}
			wait(t, "key "+key, func() bool {
				lines := strings.Split(p.frame(), "\r\n")
				return len(lines) == min(int(rows), 11) && strings.Contains(lines[6], want)
			})
		}
		end(p, c)
		if err := c.Wait(); err != nil {
			t.Errorf("%v: %q", err, p.text())
		}
		wait(t, "end", func() bool { return strings.HasSuffix(p.text(), "\x1b[?25h\x1b[?1049l") })
		if !strings.HasPrefix(p.text(), "\x1b[?1049h\x1b[?25l") || strings.Contains(p.text(), "\x1b]") || strings.Contains(p.text(), "\a") {
			t.Errorf("%q", p.text())
		}
		if after := p.set(); after != before {
			t.Errorf("the terminal was %+v, and is %+v", before, after)
		}
	}
	press := func(keys string) func(*pty, *exec.Cmd) {
		return func(p *pty, _ *exec.Cmd) { p.master.WriteString(keys) }
	}
	f(24, press("q"))
	f(8, press("\x03")) // Ctrl-C
	f(24, func(_ *pty, c *exec.Cmd) { c.Process.Signal(syscall.SIGTERM) })
	f(24, func(_ *pty, c *exec.Cmd) { c.Process.Signal(syscall.SIGHUP) })
}

// Into a pipe it prints once, and all files.
func TestTopOnce(t *testing.T) {
	dir := folder(t)
	if err := os.WriteFile(filepath.Join(dir, "y.log"), bytes.Repeat([]byte("line 789\n\n"), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	config := startAgent(t, dir)
	var out string
	wait(t, "what waits", func() bool {
		var code int
		var errOut string
		if code, out, errOut = invoke(t, "--config", config, "top", "--interval", "100ms"); code != 0 || errOut != "" {
			t.Fatalf("exit %d\n%s%s", code, out, errOut)
		}
		return strings.Contains(out, "behind   4.9K bytes") && strings.Contains(out, "window 1 batches")
	})
	for _, want := range []string{"belfry-agent  h  ", "shipped  0 lines/s, 0 bytes/s", "memory ", "/y.log\n", "/x.log\n", "road post batch: "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	if code, out, errOut := invoke(t, "top", "--once", "--interval", "100ms", "--socket", filepath.Join(dir, "none")); code != 2 || out != "" || !strings.Contains(errOut, "is it running?") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
}
