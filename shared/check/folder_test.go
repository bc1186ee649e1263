package check

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The folder is looked at with the rights of the caller, without those by which root may write anything.
func TestCheckOfAStateThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 2)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends, and what was given up is not missed
		h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var d [2]unix.CapUserData
		if err := unix.Capset(&h, &d[0]); err != nil {
			t.Error(err)
		}
		got <- writable(dir)
		got <- writable(filepath.Join(dir, "state"))
	}()
	for _, want := range []string{dir + " cannot be written: permission denied", dir + "/state cannot be made: " + dir} {
		if err := <-got; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
