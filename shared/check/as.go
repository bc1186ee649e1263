package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// capabilities are those that a unit of ours may give, as systemd writes them.
var capabilities = map[string]uintptr{
	"cap_chown": unix.CAP_CHOWN, "cap_dac_override": unix.CAP_DAC_OVERRIDE, "cap_dac_read_search": unix.CAP_DAC_READ_SEARCH,
	"cap_fowner": unix.CAP_FOWNER, "cap_kill": unix.CAP_KILL, "cap_lease": unix.CAP_LEASE,
	"cap_net_bind_service": unix.CAP_NET_BIND_SERVICE, "cap_sys_ptrace": unix.CAP_SYS_PTRACE,
}

// Service is with whose rights a daemon runs.
type Service struct {
	User string // its name
	Unit string // systemd's; what it gives in ambient capabilities is had, too
	Caps string // what is had where systemd does not say, as "cap_dac_read_search"
}

// Again runs this very program once more with the rights of a service, if root calls it and there is such a user: the
// kernel alone knows what those suffice for. ran is false where it did not, for who calls is not root, or there is no such
// user; then the caller is to look by himself. The error is one of Code's, or tells why it could not run.
func (s Service) Again(ctx context.Context) (ran bool, err error) {
	if os.Geteuid() != 0 || s.User == "root" {
		return false, nil
	}
	u, err := user.Lookup(s.User)
	if err != nil {
		return false, nil
	}
	attr, err := s.credentials(ctx, u)
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdout, os.Stderr, attr
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("look with the rights of %s: %w", s.User, err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return true, errDoubts
	case errors.As(err, &exit) && exit.ExitCode() == 2:
		return true, errFaults
	}
	return true, fmt.Errorf("look with the rights of %s: %w", s.User, err)
}

func (s Service) credentials(ctx context.Context, u *user.User) (*syscall.SysProcAttr, error) {
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of the user %s: %w", s.User, err)
	}
	number := func(text string) uint32 {
		n, _ := strconv.ParseUint(text, 10, 32) // they are numbers on this system
		return uint32(n)
	}
	c := &syscall.Credential{Uid: number(u.Uid), Gid: number(u.Gid)}
	for _, id := range ids {
		c.Groups = append(c.Groups, number(id))
	}
	attr := &syscall.SysProcAttr{Credential: c}
	for _, name := range strings.Fields(s.ambient(ctx)) {
		if n, ok := capabilities[name]; ok {
			attr.AmbientCaps = append(attr.AmbientCaps, n)
		}
	}
	return attr, nil
}

// ambient asks systemd for the capabilities of the unit.
func (s Service) ambient(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "-p", "LoadState", "-p", "AmbientCapabilities", s.Unit).Output()
	if err != nil {
		return s.Caps // there is no systemd, or it does not answer
	}
	return s.ambientOf(string(out))
}

// ambientOf reads what systemctl(1) shows of a unit: "Property=value" a line.
func (s Service) ambientOf(shown string) string {
	caps, loaded := "", false
	for line := range strings.Lines(shown) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "LoadState":
			loaded = value == "loaded"
		case "AmbientCapabilities":
			caps = value
		}
	}
	if !loaded {
		return s.Caps
	}
	return caps
}
