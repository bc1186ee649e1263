package main

import (
	"fmt"
	"os"
	"time"

	"belfry/shared/e2e/gauge"
)

// soaks are scenarios that take long by nature.
var soaks = []scenario{
	{number: 55, title: "1000 files, all kinds of rotation, and a road that comes and goes", once: true, alone: true, takes: 12 * time.Minute, play: soak},
}

// What may grow in a soak between its first third and its end, besides what is remembered of each file that came: a leak of a
// descriptor, a thread or 10 KiB for each of them shows.
const (
	growsBytes = 8 << 20
	remembers  = 4 << 10
	growsFiles = 30
	growsTasks = 10
)

// soak is 55. It takes ten minutes, not the day of the list: what leaks shows by then, for a file lives some seconds only.
func soak(h *host) {
	h.cfg.Globs = []string{h.path("*.log")}
	if h.rotated {
		h.cfg.Globs = []string{h.path("*.log*")}
	}
	var all []*writer
	for i := range h.n(1000, 100) {
		all = append(all, h.create(fmt.Sprintf("f%04d.log", i)))
	}
	h.start()
	span := h.d(10*time.Minute, 40*time.Second)
	begin := time.Now()
	var first usage
	rotated, before := 0, 0
	open := true
	for turn := 0; time.Since(begin) < span; turn++ {
		for i, w := range all {
			w.lines(1 + h.rnd.IntN(3))
			if h.rnd.IntN(20) == 0 {
				h.soakTurn(w, i%4, open)
				rotated++
			}
		}
		open = h.flap(turn, open)
		if first.bytes == 0 && time.Since(begin) > span/3 {
			first, before = h.usage(), rotated
		}
		h.sleep(300 * time.Millisecond)
	}
	h.unblock()
	h.slow(0)
	h.arrived()
	last := h.usage()
	h.say("%s: %+v after a third, %+v at the end, %d rotations later", h.label, first, last, rotated-before)
	if h.short {
		return // too soon: what was rotated is still held
	}
	if last.bytes > first.bytes+growsBytes+int64(rotated-before)*remembers || last.files > first.files+growsFiles || last.tasks > first.tasks+growsTasks {
		h.complain("the agent grew from %+v to %+v", first, last)
	}
}

// flap holds the road now and then, or narrows it. It reports whether the road is open.
func (h *host) flap(turn int, open bool) bool {
	switch turn % 40 {
	case 10:
		h.block()
		return false
	case 16:
		h.unblock()
		return true
	case 25:
		h.slow(100_000)
		return false
	case 30:
		h.slow(0)
		return true
	}
	return open
}

// soakTurn rotates a file in one of the ways that lose nothing: what is removed or overwritten was read.
func (h *host) soakTurn(w *writer, kind int, open bool) {
	if !open && kind > 1 {
		return
	}
	old := fmt.Sprintf("%s.%d", w.path, time.Now().UnixNano())
	switch kind {
	case 0:
		h.must("rename", os.Rename(w.path, old))
	case 1:
		h.must("rename", os.Rename(w.path, old))
		defer h.run("gzip", old)
	case 2:
		h.read(w)
		h.must("rename", os.Rename(w.path, w.path+".1"))
	case 3:
		h.read(w)
		h.must("remove", os.Remove(w.path))
	}
	w.reopen()
}

// usage is what the agent has.
type usage struct {
	bytes        int64
	files, tasks int
}

func (h *host) usage() usage {
	threads, err := gauge.Threads(h.agent.PID())
	h.must("count the agent's threads", err)
	return usage{h.resident(), len(h.fds()), threads}
}
