package file

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// writing reports whether anybody has a file open for writing: the kernel grants a read lease only if nobody has (fcntl(2),
// F_SETLEASE; it is given back at once). known is false where it does not say: to who neither owns the file nor has
// CAP_LEASE, and on some file systems.
func writing(f *os.File) (yes, known bool) {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		return false, err == nil
	}
	return true, errors.Is(err, unix.EAGAIN)
}
