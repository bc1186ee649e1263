package rotate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// notice tells a writer to open its file anew: a command or a signal.
type notice struct {
	Command []string `json:"command,omitempty"`
	Signal  *Signal  `json:"signal,omitempty"`
}

const (
	commandLimit = time.Minute     // for one command
	commandGrace = 5 * time.Second // for what it started, to close its output
	maxSaid      = 4 << 10         // bytes of a command's output that are kept for the error
	maxPIDFile   = 64              // bytes
	commandPath  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// errNoWriter says that there is nobody to tell.
var errNoWriter = errors.New("the writer does not run")

var signals = map[string]syscall.Signal{"": unix.SIGHUP, "HUP": unix.SIGHUP, "USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2}

func (n *notice) send(ctx context.Context) error {
	if len(n.Command) > 0 {
		return runCommand(ctx, n.Command, commandLimit)
	}
	return n.Signal.send()
}

// runCommand runs a program without a shell, in a process group of its own that is ended with it.
func runCommand(ctx context.Context, argv []string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	said := &bounded{max: maxSaid}
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir, c.Stdout, c.Stderr = "/", said, said
	c.Env = []string{"PATH=" + commandPath, "LANG=C"} // what the agent was given is not the command's business
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = commandGrace
	err := c.Run()
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("ended after %v: %w", limit, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("postrotate %s: %w: %q", argv[0], err, said.Bytes())
	}
	return nil
}

// bounded keeps the first bytes that are written.
type bounded struct {
	bytes.Buffer
	max int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), b.max-b.Len())])
	return len(p), nil
}

// send signals the process that the PID file names. A file that another user wrote names a process of that user, or
// none: else whoever may write it could have any process signalled.
func (s *Signal) send() error {
	pid, owner, err := s.read()
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0) // from here on the number cannot become another process's
	if err == nil {
		defer closeFD(fd)
	} else if !errors.Is(err, unix.ENOSYS) {
		return gone(pid, err)
	}
	uid, err := processOwner(pid)
	if err != nil {
		return gone(pid, err)
	}
	if owner != 0 && owner != uid {
		return fmt.Errorf("%s belongs to the user %d, the process %d to the user %d", s.PIDFile, owner, pid, uid)
	}
	if fd >= 0 {
		err = unix.PidfdSendSignal(fd, signals[s.Signal], nil, 0)
	}
	if fd < 0 || errors.Is(err, unix.ENOSYS) {
		err = unix.Kill(pid, signals[s.Signal])
	}
	return gone(pid, err)
}

// gone makes of an error of a signal what is to be told.
func gone(pid int, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: there is no process %d", errNoWriter, pid)
	}
	return fmt.Errorf("signal process %d: %w", pid, err)
}

// read returns the process id, and who owns the file.
func (s *Signal) read() (pid int, owner uint32, err error) {
	f, err := os.OpenFile(s.PIDFile, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, fmt.Errorf("%w: there is no %s", errNoWriter, s.PIDFile)
	}
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	st, err := statFile(f)
	if err != nil {
		return 0, 0, err
	}
	if !st.regular() || st.mode&0o002 != 0 {
		return 0, 0, fmt.Errorf("%s is not a regular file, or any user may write it", s.PIDFile)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPIDFile))
	if err != nil {
		return 0, 0, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n") // PostgreSQL's has more lines
	pid, err = strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return 0, 0, fmt.Errorf("%s holds %q, which is no process id above 1", s.PIDFile, first)
	}
	return pid, st.uid, nil
}

// processOwner returns the effective user of a process.
func processOwner(pid int) (uint32, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nUid:")
	ids := strings.Fields(rest)
	if len(ids) < 2 {
		return 0, fmt.Errorf("the owner of process %d is not known", pid)
	}
	uid, err := strconv.ParseUint(ids[1], 10, 32)
	return uint32(uid), err
}
