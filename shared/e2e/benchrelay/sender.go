package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// sender is this program once more, as the one that sends.
type sender struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *bufio.Reader
}

// startSender starts it, and returns it when it is connected. It ends with ctx.
func startSender(ctx context.Context, o orders) (*sender, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "--load")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the senders: %w", err)
	}
	s := &sender{cmd, in, bufio.NewReader(out)}
	err = json.NewEncoder(in).Encode(o)
	if line, err1 := s.said.ReadString('\n'); err1 != nil || line != "ready\n" {
		s.kill()
		return nil, errors.Join(fmt.Errorf("the senders said %q", line), err, err1)
	}
	return s, nil
}

// send has it send all, and returns when the kernel has taken it.
func (s *sender) send() (done sent, err error) {
	if _, err := io.WriteString(s.in, "go\n"); err != nil {
		return done, err
	}
	return done, json.NewDecoder(s.said).Decode(&done)
}

// hangUp ends its connections, and it.
func (s *sender) hangUp() error {
	s.in.Close()
	return s.cmd.Wait()
}

// kill ends it while it may be waiting for a receiver that takes nothing.
func (s *sender) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // that it was killed is known
}
