package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"belfry/shared/e2e/stack"
)

// disk mounts an ext4 file system of its own of so many MiB on the folder of logs, all of it for users.
func (h *host) disk(mib int) { h.image(".", mib, "mkfs.ext4", "-q", "-F", "-m", "0") }

// unmount takes a file system away, though the agent may have it open still: a scenario is tidied up before its agent ends.
func (h *host) unmount(at string) { _ = syscall.Unmount(at, syscall.MNT_DETACH) }

// used is how many percent of a file system are.
func (h *host) used(at string) float64 {
	var st syscall.Statfs_t
	h.must("look at the disk", syscall.Statfs(at, &st))
	return 100 * float64(st.Blocks-st.Bfree) / float64(st.Blocks)
}

// fill fills a file system to the last byte, and returns a function that makes room again.
func (h *host) fill(at string) (empty func()) {
	name := filepath.Join(at, "filler")
	f, err := os.Create(name)
	h.must("fill the disk", err)
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); err != nil {
			size /= 2
		}
	}
	h.must("fill the disk", f.Close())
	return func() { h.must("make room", os.Remove(name)) }
}

// share is a folder that a FUSE daemon serves.
type share struct {
	h            *host
	server, seen string // as the server has it, and where it is mounted
	daemon       *exec.Cmd
}

// share serves a folder by bindfs: what is written below server is seen in the folder of logs.
func (h *host) share() *share {
	h.needRoot("mounting")
	s := &share{h: h, server: filepath.Join(h.dir, "server"), seen: h.logs}
	h.must("make the server's folder", os.MkdirAll(s.server, 0o755))
	if len(stack.Missing("bindfs")) > 0 {
		h.notHere("bindfs is not installed (make deps)")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		h.notHere("the kernel has no FUSE: %v", err)
	}
	s.mount()
	h.cleanup(s.end)
	return s
}

// mount starts a server. The file system has a device id of its own each time.
func (s *share) mount() {
	s.daemon = exec.Command(stack.Find("bindfs"), "-f", "-o", "allow_other", s.server, s.seen)
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.h.must("start bindfs", s.daemon.Start())
	s.h.until("the mount", 10*time.Second, func() bool { return fileSystem(s.seen) == "fuse" })
}

// freeze lets the server answer nothing.
func (s *share) freeze() { s.h.must("freeze the server", s.daemon.Process.Signal(syscall.SIGSTOP)) }

func (s *share) thaw() { s.h.must("thaw the server", s.daemon.Process.Signal(syscall.SIGCONT)) }

// die kills the server: its files answer ENOTCONN until it is unmounted.
func (s *share) die() {
	_ = s.daemon.Process.Kill()
	_ = s.daemon.Wait() // killed
}

// unmount takes it away, as umount -l does.
func (s *share) unmount() { s.h.unmount(s.seen) }

func (s *share) end() {
	s.unmount()
	s.die()
}
