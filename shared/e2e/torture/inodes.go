package main

import "time"

// inodes are scenarios about files that are removed, replaced and found again.
var inodes = []scenario{
	{number: 1, title: "remove and create at once, 20 times", short: true, takes: time.Minute, play: reuseInode},
	{number: 2, title: "remove and create while the agent is down", short: true, takes: time.Minute, play: reuseInodeDown},
	{number: 20, title: "remove a file whose writer goes on", short: true, takes: 2 * time.Minute, play: writeRemoved},
	{number: 120, title: "remove a file whose writer goes on, and kill the agent", short: true, takes: 2 * time.Minute, play: writeRemovedKilled},
}

// reuseInode is 1: ext4 gives the next file the inode of the one before. Every other time the agent has read all.
func reuseInode(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	for i := range h.n(20, 6) {
		w.lines(h.n(100_000, 5_000))
		h.seen(w)
		if i%2 == 0 {
			h.read(w)
		}
		h.remove("app.log")
		w.reopen()
	}
	w.lines(h.n(100_000, 5_000))
}

// reuseInodeDown is 2: every other time the agent, killed, had not been able to send all.
func reuseInodeDown(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	// It was down when the file went: what it knows is how far the file reached when it looked last.
	h.rules.lossAtLeast, h.rules.mustLose = true, true
	for i := range h.n(20, 4) {
		if i%2 == 0 {
			w.lines(h.n(100_000, 5_000))
			h.read(w)
			h.stop()
		} else {
			w.lines(100)
			h.read(w)
			h.block()
			w.lines(h.n(300_000, 100_000)) // more than lies on the wire
			h.sleep(3 * time.Second)       // for the agent to see how long the file is
			h.kill()
			h.cut()
		}
		h.remove("app.log")
		w.reopen()
		h.unblock()
		w.lines(10)
		h.start()
		h.read(w)
	}
}

// writeRemoved is 20.
func writeRemoved(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	w.lines(1000)
	h.seen(w)
	h.remove("app.log")
	end := w.flow(1000)
	h.sleep(h.d(60*time.Second, 8*time.Second))
	end()
	h.read(w)
	h.until("the agent lets go of the removed file", h.d(2*time.Minute, 40*time.Second), func() bool { return h.holds() == 0 })
}

// writeRemovedKilled is as 20, but the agent must find a file without a name again. Its handle still leads there.
func writeRemovedKilled(h *host) {
	h.needRoot("opening a file by its handle")
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	w.lines(1000)
	h.seen(w)
	h.remove("app.log")
	end := w.flow(1000)
	for range h.n(6, 2) {
		h.sleep(h.d(5*time.Second, 2*time.Second))
		h.kill()
		h.sleep(500 * time.Millisecond)
		h.start()
	}
	end()
	h.read(w)
}
