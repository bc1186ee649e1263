package bundle

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"belfry/shared/ops"
)

func (b *writer) version(_ context.Context, w io.Writer) error {
	fmt.Fprintf(w, "%s %s\n%s %s/%s\n", b.d.Name, b.d.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("the program has no build information")
	}
	_, err := fmt.Fprintln(w, info)
	return err
}

func (b *writer) check(_ context.Context, w io.Writer) error { return b.d.Check(w) }

var errNoSocket = errors.New("the configuration does not say where the daemon answers")

// asked returns a part that is the daemon's answer.
func (b *writer) asked(path string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		if b.d.Socket == "" {
			return errNoSocket
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://daemon"+path, nil)
		if err != nil {
			return err
		}
		resp, err := ops.Client(b.d.Socket).Do(req)
		if err != nil {
			return fmt.Errorf("ask at %s: %w", b.d.Socket, ops.Explain(err))
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusNotFound {
			return fmt.Errorf("the daemon does not know %s", path)
		}
		if resp.StatusCode != http.StatusOK {
			fmt.Fprintln(w, resp.Status) // health says more in its text
		}
		_, err = io.Copy(w, resp.Body)
		return err
	}
}

// maxListed bounds the names of one folder's tree.
const maxListed = 20_000

// state lists what is in the state folder: modes, owners, sizes, times, names. It opens no file.
func (b *writer) state(_ context.Context, w io.Writer) error {
	if b.d.State == "" {
		return errors.New("the configuration does not say where the state is")
	}
	var errs []error
	n := 0
	err := filepath.WalkDir(b.d.State, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		if n++; n > maxListed {
			return fmt.Errorf("more than %d files: the rest is not listed", maxListed)
		}
		st, err := os.Lstat(path)
		if err != nil {
			return nil // it went away meanwhile
		}
		sys := st.Sys().(*syscall.Stat_t)
		fmt.Fprintf(w, "%s %6d %6d %12d %s %s\n", st.Mode(), sys.Uid, sys.Gid, st.Size(), st.ModTime().UTC().Format(time.RFC3339), path)
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// certificates tells whose each is, from whom, and until when. Keys that lie in the same file stay there.
func (b *writer) certificates(_ context.Context, w io.Writer) error {
	var errs []error
	for _, path := range b.d.Certificates {
		text, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n := 0
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", path, err))
				continue
			}
			n++
			fmt.Fprintf(w, "%s: subject %q, issuer %q, serial %x, valid from %s to %s, names %q %v, authority %v\n", path, c.Subject, c.Issuer,
				c.SerialNumber, c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), c.DNSNames, c.IPAddresses, c.IsCA)
		}
		if n == 0 {
			errs = append(errs, fmt.Errorf("%s: no certificate in it", path))
		}
	}
	return errors.Join(errs...)
}

// process tells how the daemon's process is: the one that listens at the socket.
func (b *writer) process(_ context.Context, w io.Writer) error {
	pid, err := b.pid()
	if err != nil {
		return err
	}
	var errs []error
	fmt.Fprintf(w, "process %d\n", pid)
	for _, name := range []string{"limits", "status", "cgroup"} { // and neither its environment nor its arguments
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		errs = append(errs, err)
		fmt.Fprintf(w, "\n%s:\n%s", name, text)
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err == nil {
		fmt.Fprintf(w, "\n%d open files\n", len(open))
	}
	return errors.Join(append(errs, err)...)
}

// pid asks the kernel who listens at the socket.
func (b *writer) pid() (int32, error) {
	if b.d.Socket == "" {
		return 0, errNoSocket
	}
	c, err := net.DialTimeout("unix", b.d.Socket, partTime)
	if err != nil {
		return 0, ops.Explain(err)
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var sockErr error
	if err := raw.Control(func(fd uintptr) { peer, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || sockErr != nil {
		return 0, errors.Join(err, sockErr)
	}
	return peer.Pid, nil
}

// unitProperties are those of systemd's that tell how a unit does. Its environment and its arguments may have secrets.
var unitProperties = strings.Fields(`Id LoadState ActiveState SubState Result UnitFileState FragmentPath DropInPaths ActiveEnterTimestamp
	ExecMainStartTimestamp ExecMainExitTimestamp ExecMainCode ExecMainStatus NRestarts Restart MemoryCurrent MemoryPeak MemoryMax CPUUsageNSec
	TasksCurrent LimitNOFILE User Group DynamicUser AmbientCapabilities CapabilityBoundingSet WatchdogUSec WatchdogTimestamp
	ProtectSystem ProtectHome ReadWritePaths StateDirectory RuntimeDirectory StatusText NeedDaemonReload`)

func (b *writer) unit(ctx context.Context, w io.Writer) error {
	return errors.Join(
		command(ctx, w, "systemctl", "show", "--no-pager", "--property", strings.Join(unitProperties, ","), b.d.Unit),
		command(ctx, w, "systemctl", "status", "--no-pager", "--full", "--lines=0", b.d.Unit),
	)
}

// journalLines is how many lines of the daemon's own log there are.
const journalLines = "500"

func (b *writer) journal(ctx context.Context, w io.Writer) error {
	return command(ctx, w, "journalctl", "--no-pager", "--quiet", "--output", "short-iso", "--lines", journalLines, "--unit", b.d.Unit)
}
