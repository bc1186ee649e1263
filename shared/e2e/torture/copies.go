package main

import (
	"os"
	"time"
)

// copies are scenarios about files that are copied and emptied.
var copies = []scenario{
	{number: 15, title: "copytruncate, all read", short: true, takes: 40 * time.Second, play: copyIdle},
	{number: 16, title: "copytruncate under load", short: true, takes: 2 * time.Minute, play: copyUnderLoad},
	{number: 17, title: "copytruncate while the agent is down", short: true, takes: 50 * time.Second, play: copyDown},
	{number: 18, title: "emptied under a writer that does not append", short: true, takes: time.Minute, play: holes},
	{number: 19, title: "emptied, and the same written again", short: true, takes: 30 * time.Second, play: sameAgain},
}

// copyIdle is 15: nothing comes twice, not even as a repeat.
func copyIdle(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncopytruncate")
	w := h.create("app.log")
	h.start()
	for range 5 {
		w.lines(h.n(20_000, 2_000))
		h.read(w)
		h.sleep(time.Second)
		w.emptied(r.try)
		h.sleep(2 * time.Second)
	}
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
}

// copyUnderLoad is 16: what no copy holds, logrotate has lost between copying and emptying. The file keeps its number:
// nobody knows which of the lines is the first after it was emptied.
func copyUnderLoad(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 1000\ncopytruncate")
	w := h.create("app.log")
	h.start()
	h.rules.torn = true
	end := w.flow(h.n(50_000, 20_000))
	for range h.n(100, 12) {
		h.sleep(h.d(500*time.Millisecond, 300*time.Millisecond))
		r.now()
	}
	end()
	h.excuse("app.log*")
}

// copyDown is 17: the rest is in the copy.
func copyDown(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncopytruncate")
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	h.stop()
	w.bytes(int64(h.n(100<<20, 16<<20)))
	w.emptied(r.try)
	w.lines(1000)
	h.start()
}

// holes is 18: the writer goes on at its own offset.
func holes(h *host) {
	h.follow("app.log")
	w := h.createAs("app.log", wide, 0)
	h.start()
	w.bytes(int64(h.n(500<<20, 16<<20)))
	h.read(w)
	h.sleep(time.Second)
	at := uint64(h.size())
	const block = 4096 // the NULs of the last one are no hole
	h.rules.skipped = bounds{at - block, at}
	w.emptied(func() error { return os.Truncate(w.path, 0) })
	h.sleep(2 * time.Second)
	w.lines(1000)
	h.read(w)
	if peak := h.peak(); peak > 128<<20 {
		h.complain("the agent took %d MiB of memory", peak>>20)
	}
}

// size is that of app.log.
func (h *host) size() int64 {
	st, err := os.Stat(h.path("app.log"))
	h.must("look at the size", err)
	return st.Size()
}

// sameAgain is 19: whether the same bytes are a new content, a reader may not be able to see. Nothing that follows may
// be lost by it.
func sameAgain(h *host) {
	h.follow("app.log")
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	h.sleep(2 * time.Second)
	text, err := os.ReadFile(w.path)
	h.must("read", err)
	h.truncate("app.log")
	w.raw(text)
	h.rules.again = 1000 // either is right
	w.lines(1000)
	h.read(w)
}
