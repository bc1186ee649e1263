package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"belfry/shared/e2e/gauge"
)

// resident is the memory of the agent, in bytes; peak is the most that it ever had.
func (h *host) resident() int64 { return h.bytes(gauge.Resident(h.agent.PID())) }
func (h *host) peak() int64     { return h.bytes(gauge.Peak(h.agent.PID())) }

func (h *host) bytes(mib float64, err error) int64 {
	h.must("read the agent's memory", err)
	return int64(mib * (1 << 20))
}

// cpu is the processor time of the agent since its start.
func (h *host) cpu() time.Duration {
	used, err := gauge.CPU(h.agent.PID())
	h.must("read the agent's time", err)
	return used
}

// fds is what the agent's descriptors lead to, but for sockets and the like.
func (h *host) fds() (files []string) {
	dir := fmt.Sprintf("/proc/%d/fd", h.agent.PID())
	all, err := os.ReadDir(dir)
	h.must("look at the agent's descriptors", err)
	for _, f := range all {
		if to, err := os.Readlink(dir + "/" + f.Name()); err == nil && strings.HasPrefix(to, "/") {
			files = append(files, to)
		}
	}
	return files
}

// holds is how many descriptors of the agent lead below the folder of logs.
func (h *host) holds() (n int) {
	for _, f := range h.fds() {
		if strings.HasPrefix(f, h.logs+"/") {
			n++
		}
	}
	return n
}

// logged is how many lines of the agent's log, over all its runs, hold all the words.
func (h *host) logged(words ...string) (n int) {
	text, err := os.ReadFile(h.agent.LogFile())
	h.must("read the agent's log", err)
	for line := range bytes.Lines(text) {
		all := true
		for _, w := range words {
			all = all && bytes.Contains(line, []byte(w))
		}
		if all {
			n++
		}
	}
	return n
}

// kinds of file systems, as statfs(2) tells them.
var fileSystems = map[uint32]string{
	0x01021994: "tmpfs", 0x794c7630: "overlay", 0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x6969: "nfs",
	0x65735546: "fuse",
}

// fileSystem names the kind on which a folder lies.
func fileSystem(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return err.Error()
	}
	if name := fileSystems[uint32(st.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("%#x", st.Type)
}
