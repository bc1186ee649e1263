package stack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	probeEvery = 20 * time.Millisecond
	tailBytes  = 2048 // of a daemon's output, told when it ends before its time
)

// daemon is a program that runs until it is told to stop. It has a process group of its own, so that a Ctrl-C in the
// terminal reaches only the one who started it, and it dies with that one.
type daemon struct {
	name   string
	cmd    *exec.Cmd
	output string        // file that holds what it printed
	done   chan struct{} // closed when the process has ended
	err    error         // how it ended; valid once done is closed
}

// errEnded says that a daemon ended well, which it should not have.
var errEnded = errors.New("exit status 0")

// startDaemon starts cmd with its output appended to a file.
func startDaemon(name string, cmd *exec.Cmd, output string) (*daemon, error) {
	out, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	cmd.Stderr = out
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	d := &daemon{name: name, cmd: cmd, output: output, done: make(chan struct{})}
	go func() {
		d.err = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it started itself, and left behind
		close(d.done)
	}()
	return d, nil
}

// ready calls probe until it succeeds, the daemon has ended or ctx is done.
func (d *daemon) ready(ctx context.Context, probe func() error) error {
	for {
		err := probe()
		if err == nil {
			return nil
		}
		select {
		case <-d.done:
			return fmt.Errorf("%s ended: %w\n%s", d.name, cmp.Or(d.err, errEnded), d.tail())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w\n%s", d.name, ctx.Err(), err, d.tail())
		case <-time.After(probeEvery):
		}
	}
}

// stop asks the daemon to end and waits; after grace it kills. It reports an end that was not a clean one.
func (d *daemon) stop(grace time.Duration) error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(grace):
		d.kill()
		return fmt.Errorf("stop %s: still there after %v: killed\n%s", d.name, grace, d.tail())
	}
	if d.err != nil {
		return fmt.Errorf("stop %s: %w\n%s", d.name, d.err, d.tail())
	}
	return nil
}

// running reports whether the daemon was started and has not ended.
func (d *daemon) running() bool {
	if d == nil {
		return false
	}
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

// kill ends the daemon by SIGKILL and waits for its end. One that does not run stays so.
func (d *daemon) kill() {
	if d == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	<-d.done
}

// tail is the last of what the daemon printed.
func (d *daemon) tail() string { return lastOf(d.output) }

// lastOf is the end of a file.
func lastOf(file string) string {
	all, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(all[max(0, len(all)-tailBytes):]))
}

// FreeAddr is a loopback address that nobody listens on. Somebody may by the time it is used: try again then.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// freeAddrs is several different free addresses.
func freeAddrs(into ...*string) error {
	given := make(map[string]bool)
	for _, a := range into {
		for *a = ""; *a == "" || given[*a]; { // one that was free a moment ago may be given again
			addr, err := FreeAddr()
			if err != nil {
				return err
			}
			*a = addr
		}
		given[*a] = true
	}
	return nil
}

// Taken reports whether somebody listens on a TCP address, or nobody may.
func Taken(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return true
	}
	l.Close()
	return false
}

// accepts reports whether somebody listens on an address.
func accepts(network, addr string) error {
	c, err := net.DialTimeout(network, addr, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}
