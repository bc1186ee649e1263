package rotate

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// errRefused says that a file or its directory is not such as may be rotated.
var errRefused = errors.New("refused")

// plain refuses what is no regular file with a single name.
func plain(path string, s stat) error {
	switch {
	case s.link():
		return fmt.Errorf("%w: %s is a link", errRefused, path)
	case !s.regular():
		return fmt.Errorf("%w: %s is not a regular file", errRefused, path)
	case s.links != 1:
		return fmt.Errorf("%w: %s has %d names", errRefused, path, s.links)
	case !utf8.ValidString(path):
		return fmt.Errorf("%w: the name of %q is not UTF-8", errRefused, path)
	}
	return nil
}

// safe refuses a directory that others than root, the file's owner and the agent may write, as logrotate does: they
// could put another file in the place of the one that was looked at. With the sticky bit they can not.
func (d *folder) safe(owner uint32) error {
	s := d.st
	if s.uid != 0 && s.uid != owner && s.uid != uint32(os.Geteuid()) {
		return fmt.Errorf("%w: %s belongs to the user %d, the file to the user %d", errRefused, d.path, s.uid, owner)
	}
	if s.mode&unix.S_ISVTX != 0 {
		return nil
	}
	if s.mode&0o002 != 0 {
		return fmt.Errorf("%w: %s may be written by all users, and has no sticky bit", errRefused, d.path)
	}
	if s.mode&0o020 != 0 && s.gid != 0 && !ownGroup(owner, s.gid) {
		return fmt.Errorf("%w: %s may be written by the group %d, which is neither root's nor the own one of the file's owner",
			errRefused, d.path, s.gid)
	}
	return nil
}

// ownGroup reports whether a group is the first one of a user.
func ownGroup(uid, gid uint32) bool {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	return err == nil && u.Gid == strconv.FormatUint(uint64(gid), 10)
}

// userID and groupID read a name or a number.
func userID(name string) (uint32, error) {
	if u, err := user.Lookup(name); err == nil {
		name = u.Uid
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("there is no user %q", name)
	}
	return uint32(n), nil
}

func groupID(name string) (uint32, error) {
	if g, err := user.LookupGroup(name); err == nil {
		name = g.Gid
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q", name)
	}
	return uint32(n), nil
}

// owned is how a new live file is made.
type owned struct {
	Mode uint32 `json:"mode"`
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
}

// like returns how the file after s is made.
func (c *Create) like(s stat) (owned, error) {
	o := owned{Mode: s.mode & 0o777, UID: s.uid, GID: s.gid}
	if c == nil {
		return o, nil
	}
	if c.Mode != 0 {
		o.Mode = uint32(c.Mode)
	}
	var errs []error
	var err error
	if c.Owner != "" {
		o.UID, err = userID(c.Owner)
		errs = append(errs, err)
	}
	if c.Group != "" {
		o.GID, err = groupID(c.Group)
		errs = append(errs, err)
	}
	return o, errors.Join(errs...)
}
