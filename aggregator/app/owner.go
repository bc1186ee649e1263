package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"belfry/shared/owner"
)

// ownerOf returns who a folder belongs to; ok is false where there is none.
func ownerOf(dir string) (uid, gid int, ok bool, err error) {
	uid, gid, err = owner.Of(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, false, nil
	}
	return uid, gid, err == nil, err
}

// asOwner keeps root from writing into a state that belongs to another: the aggregator, which runs as that, could not open
// what root makes there.
func asOwner(state string) error {
	if os.Geteuid() != 0 {
		return nil // what may not be written says so
	}
	uid, _, ok, err := ownerOf(state)
	if err != nil || !ok || uid == 0 {
		return err
	}
	name := "#" + strconv.Itoa(uid) // as sudo takes it
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		name = u.Username
	}
	return fmt.Errorf("%s belongs to %s, and an aggregator that runs as that could not open what root makes there: sudo -u '%s' belfry …", state, name, name)
}

// giveToOwner gives what root has put back into a state to whom its folder belongs. Only what is inside is touched, whatever
// links are made there meanwhile.
func giveToOwner(state string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, ok, err := ownerOf(state)
	if err != nil || !ok || uid == 0 {
		return err
	}
	in, err := os.OpenRoot(state)
	if err != nil {
		return fmt.Errorf("give the state to its owner: %w", err)
	}
	err = fs.WalkDir(in.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = in.Lchown(name, uid, gid)
		}
		return err
	})
	if err = errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("give the state to its owner: %w", err)
	}
	return nil
}

// sayRoots says what root has put back that is root's, for the aggregator is likely to run as another.
func sayRoots(w io.Writer, state string, config []string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, _, _, err := ownerOf(state)
	if err == nil && uid == 0 {
		fmt.Fprintf(w, "belfry: %s is root's: if the aggregator runs as another user, chown -R USER: %s before it starts\n", state, state)
	}
	for _, path := range config {
		fmt.Fprintf(w, "belfry: %s is root's, mode 640: if the aggregator runs as another user, chgrp its group %s\n", path, path)
	}
	return err
}
