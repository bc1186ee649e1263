package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// child is a running journalctl.
type child struct {
	cmd   *exec.Cmd
	out   *os.File // what it writes
	says  *complaints
	ended chan struct{} // closed when it has ended
	err   error         // then: how
}

// startChild starts a program. It ends when stop is called, or with this process.
func startChild(program string, args []string, log *slog.Logger) (*child, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	c := &child{cmd: exec.Command(program, args...), out: out, says: &complaints{log: log}, ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = in, c.says
	c.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	c.cmd.SysProcAttr = attributes()
	c.cmd.WaitDelay = time.Second // for what it leaves behind that holds its errors open
	started := make(chan error)
	go c.run(started)
	err = <-started
	in.Close()
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return c, nil
}

// run has a thread of its own as long as the child lives: it would end with the thread.
func (c *child) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	c.err = c.cmd.Wait()
	close(c.ended)
}

// stop ends the child if it lives, and waits until it has ended.
func (c *child) stop() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.ended
	c.out.Close()
}

// Bounds of what a child may say.
const (
	maxComplaint  = 512 // bytes of a line
	maxComplaints = 20  // lines that are logged
)

// complaints brings what a child says into the log.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	line []byte
	last string // line that was complete
	told int
}

// Write takes part of what a child says.
func (c *complaints) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		head, rest, whole := bytes.Cut(b, []byte{'\n'})
		c.line = append(c.line, head[:min(len(head), maxComplaint-len(c.line))]...)
		b = rest
		if whole {
			c.tell()
		}
	}
	return n, nil
}

func (c *complaints) tell() {
	if line := string(bytes.TrimSpace(c.line)); line != "" {
		c.last = line
		if c.told++; c.told <= maxComplaints {
			c.log.Warn("journalctl complains", "text", line)
		}
	}
	c.line = c.line[:0]
}

// text is the last line.
func (c *complaints) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}
