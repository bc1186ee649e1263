package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// oddMore are scenarios about files that are made beforehand, seen by several ways, or packed in vain.
var oddMore = []scenario{
	{number: 343, title: "a name that is no text, rotated and compressed while the agent is down", once: true, short: true, takes: 30 * time.Second, play: nameNoText},
	{number: 349, title: "gzip fails for want of room, and later does not", takes: 40 * time.Second, play: failedGzip},
	{number: 352, title: "copytruncate thrice while frozen, each file with the same header", takes: 40 * time.Second, play: headedCopies},
	{number: 355, title: "room is made by fallocate and written to from its beginning", takes: 30 * time.Second, play: roomBefore},
	{number: 356, title: "room is made by truncate and written to from its beginning", takes: 30 * time.Second, play: holeBefore},
	{number: 357, title: "one file by its folder and by a link to the folder, switched", once: true, takes: 30 * time.Second, play: byTwoFolders},
	{number: 358, title: "cp -al to a backup of hard links each night", once: true, takes: 30 * time.Second, play: linkFarm},
	{number: 360, title: "killed just after a file was cut off, others under load", once: true, short: true, takes: 30 * time.Second, play: cutKilled},
	{number: 361, title: "an empty file is filled, rotated, compressed within a look", takes: 30 * time.Second, play: burstPacked},
	{number: 365, title: "cut off in its middle, and at once a little is appended", takes: 20 * time.Second, play: cutAndGrown},
	{number: 364, title: "how soon lines come after a rotation with compress", takes: 30 * time.Second, play: soonAfter},
	{number: 362, title: "filled, rotated and compressed at the agent's first start", takes: 20 * time.Second, play: firstPacked},
	{number: 363, title: "likewise on tmpfs", takes: 20 * time.Second, play: firstPackedTmpfs},
}

func nameNoText(h *host) {
	h.cfg.Globs = []string{h.path("app*.log")}
	w := h.create("app\xff.log")
	h.start()
	w.lines(1000)
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	w.lines(500)
	h.rename("app\xff.log", "app\xff.log.1")
	h.gzip("app\xff.log.1")
	w.reopen()
	w.lines(10)
	h.start()
	h.arrived()
}

func failedGzip(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate")
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	h.block()
	w.lines(20000)
	h.sleep(500 * time.Millisecond)
	r.now()
	w.reopen()
	w.lines(100)
	h.shell("gzip -c app.log.1 >../whole.gz; head -c 300000 ../whole.gz >app.log.1.gz")
	h.sleep(time.Second)
	h.kill()
	h.unblock()
	h.start()
	h.sleep(500 * time.Millisecond)
	h.kill()
	h.shell("gzip -f app.log.1")
	h.start()
	h.arrived()
	h.shell("head -c 200000 ../whole.gz >app.log.2.gz") // and in vain again, of what was read
	h.sleep(2 * time.Second)
	h.shell("mv ../whole.gz app.log.2.gz")
	h.quiet(h.calm)
}

func headedCopies(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncopytruncate\ndateext\ndateformat -%Y%m%d-%s\ncompress\ndelaycompress")
	w := h.create("app.log")
	head := func() {
		for i := range 3 {
			t := fmt.Sprintf("# server starts, version 1.2.3, header line %d of the same kind in each file of it", i)
			h.truth.expect(t, 1)
			w.raw([]byte(t + "\n"))
		}
	}
	head()
	h.start()
	w.lines(500)
	h.read(w)
	h.sleep(time.Second)
	for i := range 2 {
		h.freeze()
		for k := range 3 {
			w.lines(200 + k)
			w.emptied(r.try)
			head()
			h.sleep(1100 * time.Millisecond)
		}
		w.lines(50)
		if i == 1 {
			h.kill()
			h.start()
		} else {
			h.thaw()
		}
		h.arrived()
		h.sleep(time.Second)
	}
}

func roomBefore(h *host) { h.writeInto("fallocate -l 512K app.log") }
func holeBefore(h *host) { h.writeInto("truncate -s 512K app.log") }

// writeInto has a writer fill a file that has its size already, slowly, and cut it to what was written at its end, as
// programs do that map their log, or make room for it beforehand.
func (h *host) writeInto(make string) {
	h.follow("app.log")
	h.shell(make)
	h.rules.skipped.most = 1 << 20 // NULs
	h.rules.doubt = true
	w := h.createAs("app.log", usualWidth, 0)
	h.start()
	for i := range 8 {
		w.lines(100)
		h.sleep(600 * time.Millisecond)
		if i == 4 {
			h.kill()
			h.start()
		}
	}
	h.say("%s: %d of %d lines came before the file was cut", h.label, h.record.of(h.name, w.file()), w.written())
	at, err := w.f.Seek(0, 1)
	h.must("seek", err)
	h.must("cut", os.Truncate(w.path, at))
	h.arrived()
	h.rename("app.log", "app.log.1")
	w.reopen()
	w.lines(100)
	h.arrived()
}

func byTwoFolders(h *host) {
	h.shell("mkdir -p v1 v2; ln -s v1 current")
	h.cfg.Globs = []string{h.path("**", "app.log*"), h.path("current", "app.log")}
	w := h.create("v1/app.log")
	r := h.rotation("current/app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	h.start()
	w.path = h.path("current", "app.log")
	for i := range 3 {
		w.lines(500)
		h.read(w)
		h.must("rotate", w.again(r.try))
		w.lines(500)
		h.read(w)
		h.sleep(time.Second)
		if i == 1 {
			h.kill()
			h.shell("ln -s v2 next && mv -T next current")
			w.lines(100)
			w.reopen()
			h.start()
		}
	}
	h.read(w)
	h.quiet(h.calm)
}

func linkFarm(h *host) {
	h.shell("mkdir log backup")
	h.cfg.Globs = []string{h.path("**", "*.log*")}
	w := h.create("log/app.log")
	r := h.rotation("log/app.log", "rotate 2\ncreate\ncompress\ndelaycompress")
	h.start()
	for i := range 4 {
		w.lines(500)
		h.read(w)
		h.sleep(time.Second)
		if i == 2 {
			h.kill()
		}
		h.shell(fmt.Sprintf("cp -al log backup/day%d", i))
		w.lines(100)
		h.must("rotate", w.again(r.try))
		w.lines(50)
		if i == 2 {
			h.start()
		}
		h.read(w)
	}
	h.must("remove", os.RemoveAll(filepath.Join(h.logs, "backup")))
	h.quiet(h.calm)
}

// cutKilled is 360: what is said of a new epoch's beginning is said again after a restart, and spoils no batch.
func cutKilled(h *host) {
	h.follow("app.log")
	h.cfg.Globs = append(h.cfg.Globs, h.path("other.log"))
	w, o := h.create("app.log"), h.create("other.log")
	h.start()
	w.lines(1500)
	h.read(w)
	h.sleep(time.Second)
	at := h.size() // a place where a mark is
	w.lines(1000)
	h.read(w)
	h.sleep(time.Second)
	end := o.flow(3000)
	h.seen(o)
	h.block()
	h.rules.doubt, h.rules.skipped.most = true, 1<<20
	h.rules.again = 1500 // 321 is about these
	h.must("cut", os.Truncate(w.path, at))
	w.lines(100)
	h.until("that the agent sees it", h.wait, func() bool { return h.logged("file begins anew") > 0 })
	h.kill()
	h.unblock()
	h.start()
	w.lines(100)
	h.sleep(time.Second)
	end()
	h.read(w)
	h.read(o)
}

// burstPacked is 361: nothing was seen of the file when its archive appears, and the agent has it open.
func burstPacked(h *host) {
	h.follow("app.log")
	w := h.create("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress")
	h.start()
	for range 4 {
		h.sleep(3 * time.Second)
		w.lines(2500)
		h.must("rotate", w.again(r.try))
		h.arrived()
	}
}

func firstPackedTmpfs(h *host) {
	h.mount("t", "-t", "tmpfs", "-o", "mode=755", "none")
	h.packAtOnce("t/app.log")
}

func firstPacked(h *host) { h.packAtOnce("app.log") }

// packAtOnce is 362: the file is empty when the agent finds it, and gone when it would look again.
func (h *host) packAtOnce(name string) {
	h.follow(name)
	w := h.create(name)
	r := h.rotation(name, "rotate 9\ncreate\ncompress")
	h.start()
	w.lines(2500)
	h.must("rotate", w.again(r.try))
	w.lines(500)
	h.arrived()
}

// soonAfter is 364: for a while after the start a live file waits for older ones, and no longer.
func soonAfter(h *host) {
	w := h.begin(1000)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress")
	for i := range 6 {
		begin := time.Now()
		r.now()
		w.reopen()
		rotated := time.Since(begin)
		w.lines(800)
		h.read(w)
		if took := time.Since(begin) - rotated; took > 12*time.Second {
			h.complain("rotation %d: the lines came after %v; logrotate took %v", i, took.Round(time.Millisecond), rotated.Round(time.Millisecond))
		}
		h.sleep(time.Second)
	}
}

// cutAndGrown is 365: what is appended lies where other bytes lay that were read, and no mark tells.
func cutAndGrown(h *host) {
	w := h.begin(1500)
	at := h.size()
	w.lines(1000)
	h.read(w)
	h.sleep(time.Second)
	h.rules.doubt, h.rules.skipped.most, h.rules.again = true, 1<<20, 1500 // 321 is about these
	h.freeze()
	h.must("cut", os.Truncate(w.path, at))
	w.lines(100)
	h.thaw()
	h.sleep(3 * time.Second)
	w.lines(100)
	h.arrived()
}
