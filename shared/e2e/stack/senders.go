package stack

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed senders.sh
var sendersScript string

// sendersFolder is where senders.sh unpacks: only the script knows. It is "" where there is no bash.
func sendersFolder() string {
	cmd := exec.Command("bash", "-s", "where")
	cmd.Stdin = strings.NewReader(sendersScript)
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// Senders of other projects that senders.sh unpacks.
const (
	syslogNG = "syslog-ng"
	rsyslog  = "rsyslog"
	pika     = "pika"
)

// unpacked is the root of a sender of another project, "" if it is not there.
func unpacked(sender string) string {
	root := filepath.Join(sendersFolder(), sender)
	if found, err := filepath.Glob(filepath.Join(root, "usr")); err != nil || len(found) == 0 {
		return ""
	}
	return root
}

// MissingSenders returns those of the senders that senders.sh did not unpack.
func MissingSenders(senders ...string) []string {
	var missing []string
	for _, s := range senders {
		if unpacked(s) == "" {
			missing = append(missing, s)
		}
	}
	return missing
}

// NeedSenders is Need for what senders.sh unpacks: syslog-ng, rsyslog, pika.
func NeedSenders(t TB, senders ...string) {
	t.Helper()
	lack(t, MissingSenders(senders...))
}

// libraries is the environment variable by which programs below a root find the libraries that lie there.
func libraries(root string) string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/syslog-ng", "usr/lib/*-linux-gnu", "lib/*-linux-gnu"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is a good one
		dirs = append(dirs, found...)
	}
	return "LD_LIBRARY_PATH=" + strings.Join(dirs, ":")
}

const senderGrace = 20 * time.Second

// Peer is a running program of another project that sends to us.
type Peer struct{ d *daemon }

// startPeer starts a program, by way of a command before it if there is one (as taskset -c 1).
func startPeer(name, dir string, by, command []string, env ...string) (*Peer, error) {
	line := append(append([]string(nil), by...), command...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(cmd.Environ(), env...)
	d, err := startDaemon(name, cmd, filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	return &Peer{d}, nil
}

// PID is the number of its process.
func (s *Peer) PID() int { return s.d.cmd.Process.Pid }

// Stop ends it in order.
func (s *Peer) Stop() error { return s.d.stop(senderGrace) }

// Ended is an error if it does not run any more.
func (s *Peer) Ended() error {
	select {
	case <-s.d.done:
		return fmt.Errorf("%s has ended: %w\n%s", s.d.name, cmp.Or(s.d.err, errEnded), s.d.tail())
	default:
		return nil
	}
}

// Log is the last of what it printed.
func (s *Peer) Log() string { return s.d.tail() }

// Pika is a command that runs a Python script which may import pika. It ends with ctx.
func Pika(ctx context.Context, script string, args ...string) (*exec.Cmd, error) {
	found, err := filepath.Glob(filepath.Join(unpacked(pika), "usr/lib/python3/dist-packages"))
	if err != nil || len(found) == 0 {
		return nil, errors.New("pika is not unpacked (see senders.sh)")
	}
	cmd := exec.CommandContext(ctx, "python3", append([]string{script}, args...)...)
	cmd.Env = append(cmd.Environ(), "PYTHONPATH="+found[0])
	return cmd, nil
}
