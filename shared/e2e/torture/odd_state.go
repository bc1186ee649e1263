package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// oddState are scenarios in which a state, a disk or the bytes of a file go back, or change where they were read.
var oddState = []scenario{
	{number: 402, title: "the state comes back from a backup, and the logs went on", takes: 30 * time.Second, play: stateRestored},
	{number: 403, title: "a unit's output begins at 0 of a file that is not emptied", takes: 30 * time.Second, play: fromZero},
	{number: 404, title: "the head of a live file is freed by fallocate -p", takes: 30 * time.Second, play: punched},
	{number: 405, title: "the head of a live file is cut off by fallocate -c", takes: 30 * time.Second, play: collapsed},
	{number: 406, title: "an older backup is copied over the live file", takes: 30 * time.Second, play: olderBackup},
	{number: 407, title: "a log that is written through mmap", takes: 30 * time.Second, play: mapped},
	{number: 408, title: "the folder is replaced by a copy of itself", takes: 30 * time.Second, play: replacedFolder},
}

// keepState copies the state of an agent that has ended; the function that is returned puts it back.
func (h *host) keepState() (back func()) {
	kept := filepath.Join(h.dir, "kept-state")
	h.run("cp", "-a", h.stateDir(), kept)
	return func() {
		h.run("rm", "-rf", h.stateDir())
		h.run("mv", kept, h.stateDir())
	}
}

// stateRestored is 402: what the agent begins twice, not knowing of the first time, is not the same.
func stateRestored(h *host) {
	w := h.begin(2000)
	h.stop()
	back := h.keepState()
	h.start()
	w.emptied(func() error { return os.Truncate(w.path, 0) })
	w.lines(700)
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	back()
	w.emptied(func() error { return os.Truncate(w.path, 0) })
	w.lines(900)
	h.rules.doubt, h.rules.skipped.most = true, 1<<20
	h.start()
	h.read(w)
	w.lines(300)
	h.read(w)
}

// fromZero is 403, as systemd does for StandardOutput=file: at each start of a service the file is written over from its
// beginning, and what is longer stays.
func fromZero(h *host) {
	w := h.begin(2000)
	h.rules.doubt, h.rules.again, h.rules.skipped.most = true, 4000, 1<<20
	h.rules.stray = func(string, []string) bool { return true } // where the new lines end, an old one is cut
	w.close()
	w.flags = 0
	h.must("open", w.open())
	w.lines(300)
	h.sleep(3 * time.Second)
	h.read(w)
	w.close()
	h.stop()
	h.must("open", w.open())
	w.lines(400)
	h.start()
	h.read(w)
}

// punched is 404: what was read is NULs now, and the file goes on.
func punched(h *host) {
	w := h.begin(6000)
	h.rules.doubt, h.rules.again, h.rules.skipped.most = true, 6000, 1<<22
	h.rules.stray = func(string, []string) bool { return true } // the line that the hole cuts
	punch := func() { h.run("fallocate", "-p", "-o", "0", "-l", "262144", w.path) }
	punch()
	w.lines(1000)
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	w.lines(100)
	h.start()
	h.read(w)
	h.sleep(time.Second)
	h.kill()
	h.run("fallocate", "-p", "-o", "262144", "-l", "131072", w.path)
	w.lines(100)
	h.rename("app.log", "app.log.1")
	w.reopen()
	w.lines(50)
	h.start()
	h.arrived()
}

// collapsed is 405: every byte stands elsewhere.
func collapsed(h *host) {
	w := h.begin(6000)
	h.rules.doubt, h.rules.again, h.rules.skipped.most = true, 9000, 1<<22
	h.rules.stray = func(string, []string) bool { return true } // the line that the cut goes through
	collapse := func() { h.run("fallocate", "-c", "-o", "0", "-l", "131072", w.path) }
	collapse()
	w.lines(1000)
	h.read(w)
	h.sleep(time.Second)
	h.freeze()
	w.lines(500)
	collapse()
	w.lines(3000) // longer than it was
	h.thaw()
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	collapse()
	w.lines(200)
	h.start()
	h.read(w)
}

// olderBackup is 406: what follows is not what followed then.
func olderBackup(h *host) {
	w := h.begin(1000)
	h.run("cp", "-p", w.path, filepath.Join(h.dir, "backup"))
	w.lines(1000)
	h.read(w)
	h.sleep(time.Second)
	h.rules.doubt, h.rules.again, h.rules.skipped.most = true, 2000, 1<<20
	restore := func(how string) {
		w.emptied(func() error { _, err := h.try("bash", "-ec", how); return err })
	}
	restore("cat ../backup >app.log")
	w.lines(500)
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	restore("cat ../backup >app.log")
	w.lines(3000)
	h.start()
	h.read(w)
	h.sleep(time.Second)
	restore("rm app.log; cp -p ../backup app.log")
	h.must("open again", w.follow())
	w.lines(400)
	h.read(w)
}

// mapped is 407, as log4j's MemoryMappedFile does: room is made, lines are stored into memory, and times may stand still.
func mapped(h *host) {
	const room = 256 << 10
	h.follow("app.log")
	h.rules.skipped.most, h.rules.doubt = 1<<20, true
	h.start()
	for turn := range 2 {
		w := h.createAs("app.log", usualWidth, 0)
		f, err := os.OpenFile(w.path, os.O_RDWR, 0)
		h.must("open", err)
		h.must("make room", f.Truncate(room))
		mem, err := syscall.Mmap(int(f.Fd()), 0, room, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		h.must("map", err)
		at := 0
		for i := range 8 {
			for range 100 {
				at += copy(mem[at:], w.next())
			}
			h.sleep(700 * time.Millisecond)
			if turn == 1 && i == 4 {
				h.kill()
				h.start()
			}
		}
		h.say("%s: %d of %d lines came before the file was cut", h.label, h.record.of(h.name, w.file()), w.written())
		h.must("unmap", syscall.Munmap(mem))
		h.must("cut", f.Truncate(int64(at)))
		h.must("close", f.Close())
		h.read(w)
		h.rename("app.log", "app.log.1")
	}
}

// replacedFolder is 408: the old one is kept for a while, where nobody looks.
func replacedFolder(h *host) {
	h.shell("mkdir d")
	h.follow("d/app.log")
	w := h.create("d/app.log")
	r := h.rotation("d/app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	h.start()
	for range 3 {
		w.lines(700)
		h.read(w)
		h.sleep(time.Second)
		h.must("rotate", w.again(r.try))
	}
	w.lines(300)
	h.read(w)
	h.rules.doubt, h.rules.skipped.most = true, 1<<20 // which of the two goes on, nobody knows at once
	for i := range 2 {
		h.shell("cp -a d ../d.new; mv d ../d.old; mv ../d.new d")
		h.must("open again", w.follow())
		w.lines(200)
		h.sleep(2 * time.Second)
		if i == 1 {
			h.kill()
			h.must("rotate", w.again(r.try))
			w.lines(100)
			h.start()
		}
		h.read(w)
		h.shell("rm -r ../d.old")
		w.lines(100)
		h.read(w)
	}
}
