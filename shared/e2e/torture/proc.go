package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// proc reads a file of the agent's process.
func (h *host) proc(name string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", h.agent.PID(), name))
	h.must("look at the agent's process", err)
	return string(text)
}

// rss is the memory of the agent, in bytes; peak is the most that it ever had.
func (h *host) rss() (now, peak int64) { return h.memory("VmRSS:"), h.memory("VmHWM:") }

func (h *host) memory(key string) int64 {
	_, rest, _ := strings.Cut(h.proc("status"), key)
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(f[0], 10, 64)
	h.must("read the agent's memory", err)
	return kib << 10
}

// cpu is the processor time of the agent since its start.
func (h *host) cpu() time.Duration {
	_, rest, _ := strings.Cut(h.proc("stat"), ") ")
	f := strings.Fields(rest)
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	h.must("read the agent's time", err1)
	h.must("read the agent's time", err2)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
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
