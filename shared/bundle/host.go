package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// command adds what a program prints.
func command(ctx context.Context, w io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0")
	cmd.WaitDelay = time.Second
	var complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	return nil
}

// host tells of kernel and distribution.
func host(_ context.Context, w io.Writer) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %s %s %s %s\n", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Nodename[:]),
		unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]), unix.ByteSliceToString(u.Machine[:]))
	var errs []error
	for _, path := range []string{"/etc/os-release", "/proc/loadavg", "/proc/uptime", "/proc/meminfo", "/proc/pressure/io", "/proc/pressure/memory"} {
		text, err := os.ReadFile(path)
		errs = append(errs, err)
		fmt.Fprintf(w, "\n%s:\n%s", path, text)
	}
	return errors.Join(errs...)
}

// disks tells how full those are that matter.
func (b *writer) disks(_ context.Context, w io.Writer) error {
	var errs []error
	for _, path := range []string{b.d.State, "/", "/var", "/var/log", "/tmp"} {
		var s unix.Statfs_t
		if path == "" {
			continue
		}
		if err := unix.Statfs(path, &s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		size := uint64(s.Bsize)
		fmt.Fprintf(w, "%-24s type %x, %d bytes, %d free, %d for others than root; %d files, %d free\n", path, s.Type, s.Blocks*size,
			s.Bfree*size, s.Bavail*size, s.Files, s.Ffree)
	}
	return errors.Join(errs...)
}

// clock tells whether the clock is held to others (adjtimex(2)).
func clock(_ context.Context, w io.Writer) error {
	now := time.Now()
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return err
	}
	synchronised := "yes"
	if state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		synchronised = "no"
	}
	zone, _ := os.Readlink("/etc/localtime") // some systems have a file there
	_, err = fmt.Fprintf(w, "%s\nzone %s %s\nsynchronised %s, maximal error %d µs, offset %d\n", now.UTC().Format(time.RFC3339Nano), now.Format("MST -0700"),
		strings.TrimSpace(zone), synchronised, t.Maxerror, t.Offset)
	return err
}
