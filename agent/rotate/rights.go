package rotate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// errOwner says that a new file could not be given its owner.
var errOwner = errors.New("CAP_CHOWN would help")

// Rights names each right that the process lacks to rotate what is there now, with the path that needs it, as
// "/var/log/app: CAP_DAC_OVERRIDE is missing: …". It changes nothing.
func Rights(cfgs []Config) []string {
	var all []string
	for _, m := range find(cfgs) {
		d, err := openFolder(filepath.Dir(m.path))
		if err != nil {
			all = append(all, errorLine(m.path, err))
			continue
		}
		if st, err := d.look(filepath.Base(m.path)); err == nil {
			all = append(all, lacks(d, filepath.Base(m.path), st, &cfgs[m.cfg])...)
		}
		d.close()
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func errorLine(path string, err error) string { return fmt.Sprintf("%s: %v", path, helped(err)) }

// helped adds to an error what would help against it.
func helped(err error) error {
	if help := remedy(err); help != "" {
		return fmt.Errorf("%w (%s)", err, help)
	}
	return err
}

// lacking is lacks as an error.
func lacking(d *folder, base string, st stat, c *Config) error {
	if l := lacks(d, base, st, c); len(l) > 0 {
		return errors.New(strings.Join(l, "; "))
	}
	return nil
}

// lacks lists what is missing to rotate the file base of d.
func lacks(d *folder, base string, st stat, c *Config) (all []string) {
	miss := func(path, capability, format string, args ...any) {
		all = append(all, fmt.Sprintf("%s: %s is missing: %s", path, capability, fmt.Sprintf(format, args...)))
	}
	me := uint32(os.Geteuid())
	err := unix.Faccessat(d.fd(), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.EROFS) {
		all = append(all, fmt.Sprintf("%s: the directory is read-only for the agent (ReadWritePaths= of its unit)", d.path))
	} else if err != nil {
		miss(d.path, "CAP_DAC_OVERRIDE", "the agent may not write the directory")
	}
	if d.st.mode&unix.S_ISVTX != 0 && me != d.st.uid && me != st.uid && !capable(unix.CAP_FOWNER) {
		miss(d.path, "CAP_FOWNER", "the directory is sticky: only its owner and the file's may rename in it")
	}
	if unix.Faccessat(d.fd(), base, unix.R_OK, unix.AT_EACCESS) != nil {
		miss(d.in(base), "CAP_DAC_READ_SEARCH", "the agent may not read the file")
	}
	if !capable(unix.CAP_CHOWN) {
		o, err := c.Create.like(st)
		if err == nil && (c.compress() && !mine(st.uid, st.gid) || !c.NoCreate && !mine(o.UID, o.GID)) {
			miss(d.in(base), "CAP_CHOWN", "new files are to belong to the user %d and the group %d", o.UID, o.GID)
		}
	}
	if c.Signal != nil && !capable(unix.CAP_KILL) {
		pid, _, err := c.Signal.read()
		if errors.Is(err, fs.ErrPermission) {
			miss(c.Signal.PIDFile, "CAP_DAC_READ_SEARCH", "the agent may not read the file")
		}
		if uid, perr := processOwner(pid); err == nil && perr == nil && uid != me {
			miss(c.Signal.PIDFile, "CAP_KILL", "process %d belongs to the user %d", pid, uid)
		}
	}
	return all
}

// mine reports whether this process may give a file of its own to a user and a group without CAP_CHOWN.
func mine(uid, gid uint32) bool {
	groups, _ := os.Getgroups()
	return int(uid) == os.Geteuid() && (int(gid) == os.Getegid() || slices.Contains(groups, int(gid)))
}

// capable reports whether a capability is in the process's effective set (capget(2)).
func capable(c uint) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}

// remedy says what would help against an error, "" if it is none of permissions.
func remedy(err error) string {
	switch {
	case errors.Is(err, errOwner):
		return ""
	case errors.Is(err, unix.EROFS):
		return "the file system is read-only for the agent: ReadWritePaths= of its unit"
	case errors.Is(err, unix.EPERM):
		return "CAP_FOWNER would help, unless the file is immutable: lsattr"
	case errors.Is(err, unix.EACCES):
		return "CAP_DAC_OVERRIDE would help"
	}
	return ""
}
