package main

import (
	"os"
	"path/filepath"
	"time"
)

// guard has the agent give up deleted files that it has not read when their disk is fuller than that.
const guard = "hold: {disk_percent: 90}"

// deleted are scenarios about files and directories that lose their names.
var deleted = []scenario{
	{number: 21, title: "a large file removed unread, the disk nearly full", short: true, takes: 90 * time.Second, play: givenUp},
	{number: 23, title: "directories renamed, removed and made again", takes: 90 * time.Second, play: movedDirectories},
	{number: 201, title: "removed unread, with room on the disk", takes: 60 * time.Second, play: heldBack},
}

// givenUp is 21: the guard frees the disk, and what it gave up is declared to the byte.
func givenUp(h *host) {
	size := h.n(1500, 96)
	h.disk(size)
	h.with(guard)
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	w.lines(1000)
	h.read(w)
	h.block()
	h.cleanup(h.unblock)
	for h.used(h.logs) < 95 {
		w.bytes(int64(size) << 20 / 100)
	}
	h.remove("app.log")
	w.close()
	h.until("room on the disk", time.Minute, func() bool { return h.used(h.logs) < 90 })
	h.unblock()
	next := h.create("app.log")
	next.lines(1000)
	h.read(next)
	h.rules.mustLose = true
}

// heldBack is 201: with room on the disk nothing is given up, however far the agent is behind.
func heldBack(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	w.lines(1000)
	h.read(w)
	h.block()
	h.cleanup(h.unblock)
	w.bytes(int64(h.n(500, 50)) << 20)
	h.remove("app.log")
	w.reopen()
	w.lines(1000)
	h.sleep(h.d(45*time.Second, 15*time.Second))
	h.unblock()
}

// movedDirectories is 23: what is read is read on under the new name, and no watch is left behind.
func movedDirectories(h *host) {
	h.cfg.Globs = []string{h.path("*", "app.log")}
	if h.rotated {
		h.cfg.Globs = []string{h.path("*", "app.log*")}
	}
	h.must("make a directory", os.Mkdir(h.path("d0"), 0o755))
	h.start()
	w := h.create("d0/app.log")
	w.lines(h.n(20_000, 2_000))
	h.seen(w)
	h.rename("d0", "d1")
	w.lines(h.n(20_000, 2_000))
	h.read(w)
	before := h.watches()
	for range h.n(30, 5) {
		h.must("make a directory", os.MkdirAll(h.path("again"), 0o755))
		short := h.create(filepath.Join("again", "app.log"))
		short.lines(h.n(2_000, 200))
		h.seen(short)
		short.close()
		h.must("remove a directory", os.RemoveAll(h.path("again")))
	}
	w.lines(100)
	h.read(w)
	h.until("the end of the watches", time.Minute, func() bool { return h.watches() <= before+1 })
	h.until("the end of the removed files", 2*time.Minute, func() bool { return h.holds() <= 1 })
}
