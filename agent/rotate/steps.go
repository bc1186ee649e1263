package rotate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errForeign says that somebody else has changed what a step was about.
var errForeign = errors.New("somebody else has changed it meanwhile")

// step is one act of a rotation. Done again, it does nothing.
type step struct {
	do  string
	run func(d *folder, j *job) error
}

func stepsOf(j *job) []step {
	var all []step
	rename := func(do string, m move) {
		all = append(all, step{do, func(d *folder, _ *job) error { return d.moveOnce(m) }})
	}
	for _, m := range j.plan.Shifts {
		rename(doShift, m)
	}
	if j.plan.New != nil {
		all = append(all, step{doPrepare, prepare})
	}
	rename(doRename, move{From: filepath.Base(j.path), To: j.plan.To, File: j.plan.Live})
	if j.plan.New != nil {
		all = append(all, step{doCreate, putNew})
	}
	return all
}

// moveOnce renames a file, unless that was done before.
func (d *folder) moveOnce(m move) error {
	if d.is(m.To, m.File) {
		if d.is(m.From, m.File) { // a file system without renameat2's flags, and a kill in between
			return d.remove(m.From)
		}
		return nil
	}
	if !d.is(m.From, m.File) {
		return fmt.Errorf("%w: %s is not the file that was to be renamed", errForeign, d.in(m.From))
	}
	err := d.move(m.From, m.To)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", errForeign, err)
	}
	return err
}

// prepare makes the new live file under its temporary name, with all that it is to have: what can fail fails here, while
// the old one still has its name. What lies there is of a try before: the plan was made when nothing did.
func prepare(d *folder, j *job) error {
	name := newName(filepath.Base(j.path))
	if err := d.remove(name); err != nil {
		return err
	}
	f, err := d.create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if old, st, err := d.open(filepath.Base(j.path)); err == nil {
		if st.handle == j.plan.Live {
			copyLabels(old, f)
		}
		old.Close()
	}
	st, err := statFile(f)
	if err == nil {
		err = dress(f, st, *j.plan.New)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, d.remove(name))
	}
	j.made = st.handle
	return d.sync()
}

// putNew gives the prepared file its name, unless the writer has made one by itself.
func putNew(d *folder, j *job) error {
	base := filepath.Base(j.path)
	name := newName(base)
	if d.has(base) {
		return dropTemporary(d, j)
	}
	if !d.is(name, j.made) {
		return fmt.Errorf("%w: %s is gone", errForeign, d.in(name))
	}
	err := d.move(name, base)
	if errors.Is(err, fs.ErrExist) {
		return dropTemporary(d, j)
	}
	return err
}

// dropTemporary removes what prepare made.
func dropTemporary(d *folder, j *job) error {
	name := newName(filepath.Base(j.path))
	if j.made != (handle{}) && d.is(name, j.made) {
		return d.remove(name)
	}
	return nil
}

// dress gives a new file its mode and its owner. The owner comes last: then it is not ours to change any more.
func dress(f *os.File, st stat, o owned) error {
	if err := f.Chmod(os.FileMode(o.Mode & 0o777)); err != nil {
		return err
	}
	if st.uid == o.UID && st.gid == o.GID {
		return nil
	}
	if err := f.Chown(int(o.UID), int(o.GID)); err != nil {
		return fmt.Errorf("%w (%w)", err, errOwner)
	}
	return nil
}

// labels are the attributes by which a file may have other rights than its mode says.
var labels = []string{"system.posix_acl_access", "security.selinux"}

const maxLabel = 4 << 10

// copyLabels gives a file those of another, as far as the file system and the policy let it.
func copyLabels(from, to *os.File) {
	buf := make([]byte, maxLabel)
	for _, name := range labels {
		if n, err := unix.Fgetxattr(int(from.Fd()), name, buf); err == nil {
			_ = unix.Fsetxattr(int(to.Fd()), name, buf[:n], 0) // there may be no right to: then the directory's rule holds
		}
	}
}
