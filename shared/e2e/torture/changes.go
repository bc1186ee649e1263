package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// changes are scenarios about hosts that change under the agent: its config, the disk, what was there before it came.
var changes = []scenario{
	{number: 153, title: "the live file is compressed under its writer", takes: 40 * time.Second, play: packedLive},
	{number: 155, title: "a fresh install with a history", once: true, short: true, takes: time.Minute, play: history},
	{number: 157, title: "a fresh install where archives lie twice", once: true, takes: time.Minute, play: historyTwice},
	{number: 159, title: "an archive is made again, and longer", short: true, takes: 40 * time.Second, play: packedAgain},
	{number: 160, title: "a file moves from one directory to another", takes: 40 * time.Second, play: movedOver},
	{number: 161, title: "every file begins with the same two lines", short: true, takes: time.Minute, play: header},
	{number: 163, title: "a line a rotation, and the oldest removed", takes: time.Minute, play: lineByLine},
	{number: 167, title: "the glob is widened to names that were rotated", once: true, short: true, takes: time.Minute, play: widened},
	{number: 168, title: "the directory and the config get another path", takes: 40 * time.Second, play: otherPath},
	{number: 169, title: "the logs move to another disk", short: true, takes: time.Minute, play: otherDisk},
	{number: 170, title: "the disk is unmounted and mounted again", takes: time.Minute, play: remounted},
}

// packedLive is 153: somebody compresses the live file by hand. Its writer goes on where nobody else sees it.
func packedLive(h *host) {
	w := h.begin(2000)
	h.gzip("app.log")
	w.lines(1000)
	h.sleep(2 * time.Second)
	w.lines(1000)
	h.read(w)
	w.reopen()
	w.lines(1000)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

// archive makes an archive of lines that the agent never saw as a file, of so many days ago.
func (h *host) archive(name string, days int) {
	plain := h.outside(filepath.Base(name), 100, int64(h.n(8<<20, 1<<20)))
	h.run("gzip", plain)
	h.must("move", os.Rename(plain+".gz", h.path(name+".gz")))
	h.run("touch", "-d", fmt.Sprintf("%d days ago", days), h.path(name+".gz"))
}

// history is 155: what was there before the agent comes as well, the oldest first.
func history(h *host) {
	h.follow("app.log")
	h.unlimited()
	for n := 6; n > 1; n-- {
		h.archive(fmt.Sprintf("app.log.%d", n), n)
	}
	w := h.create("app.log.1")
	w.lines(2000)
	w.close()
	h.run("touch", "-d", "1 day ago", w.path)
	w = h.create("app.log")
	w.lines(2000)
	h.start()
	h.arrived()
	h.oldestFirst(w.file()) // what is written now does not wait for the past
}

// historyTwice is 157: a backup beside each archive, and one that is not compressed.
func historyTwice(h *host) {
	h.follow("app.log")
	h.unlimited()
	for n := 3; n > 0; n-- {
		h.archive(fmt.Sprintf("app.log.%d", n), n)
	}
	h.shell("cp -p app.log.1.gz app.log.1.save.gz; cp -p app.log.2.gz app.log-old.2.gz; zcat app.log.3.gz >app.log.3.unpacked")
	w := h.create("app.log")
	w.lines(100)
	h.start()
}

// packedAgain is 159: the first archive was made before the last lines were written.
func packedAgain(h *host) {
	w := h.begin(3000)
	h.rename("app.log", "app.log.1")
	h.shell("gzip -k app.log.1")
	h.sleep(h.d(3*time.Second, 2*time.Second))
	w.lines(1000)
	h.read(w)
	h.shell("gzip -f app.log.1")
	w.reopen()
	w.lines(100)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

// movedOver is 160: a spool and an archive of it, both followed.
func movedOver(h *host) {
	h.shell("mkdir in out")
	h.follow("in/app.log")
	h.follow("out/app.log")
	h.start()
	w := h.create("in/app.log")
	for range 3 {
		w.lines(1000)
		h.seen(w)
		h.rename("in/app.log", "out/app.log")
		w.lines(1000)
		h.sleep(2 * time.Second)
		h.read(w)
		h.rename("out/app.log", "out/app.log.done")
		w.reopen()
	}
	w.lines(10)
	h.noRepeats()
}

// header is 161: as MySQL's slow log or IIS do. Some files hold no more than that when they are rotated.
func header(h *host) {
	const text = "/usr/sbin/mysqld, Version: 8.0.36. started with:\nTime                 Id Command    Argument\n"
	h.follow("app.log")
	h.start()
	r := h.rotation("app.log", "rotate 30\ncreate\ncompress\ndelaycompress")
	w := h.create("app.log")
	for i := range 8 {
		w.raw([]byte(text))
		h.truth.expect("/usr/sbin/mysqld, Version: 8.0.36. started with:", 1)
		h.truth.expect("Time                 Id Command    Argument", 1)
		if i%2 == 0 {
			w.lines(100)
			h.read(w)
		}
		h.sleep(1500 * time.Millisecond)
		r.now()
		w.reopen()
	}
	w.lines(10)
}

// lineByLine is 163: contents that are smaller than any evidence.
func lineByLine(h *host) {
	h.follow("app.log")
	h.start()
	r := h.rotation("app.log", "rotate 3\ncreate\ncompress")
	w := h.create("app.log")
	for range 10 {
		w.lines(1)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		r.now()
		w.reopen()
	}
	w.lines(1)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

// reconfigure has the agent begin anew with other globs, and its old state.
func (h *host) reconfigure(globs ...string) {
	h.stop()
	h.cfg.Globs = globs
	h.agent = nil
	h.start()
}

// generations starts the agent on a log that is written, read and rotated so many times, and then written and read again.
func (h *host) generations(name string, times int) *writer {
	h.start()
	r := h.rotation(name, "rotate 9\ncreate\ncompress\ndelaycompress")
	w := h.create(name)
	for range times {
		w.lines(1000)
		h.read(w)
		h.sleep(time.Second)
		r.now()
		w.reopen()
	}
	w.lines(1000)
	h.read(w)
	return w
}

// widened is 167: what was read under the first name is not new under a rotated one.
func widened(h *host) {
	h.cfg.Globs = append(h.cfg.Globs, h.path("app.log"))
	w := h.generations("app.log", 4)
	h.sleep(2 * time.Second)
	h.reconfigure(h.path("app.log*"))
	h.quiet(h.calm)
	h.reconfigure(h.path("*"))
	h.quiet(h.calm)
	w.lines(10)
	h.read(w)
	h.noRepeats()
}

// otherPath is 168.
func otherPath(h *host) {
	h.must("make a folder", os.Mkdir(h.path("one"), 0o755))
	h.follow("one/app.log")
	w := h.generations("one/app.log", 3)
	h.rename("one", "two")
	h.cfg.Globs = nil
	h.follow("two/app.log")
	h.reconfigure(h.cfg.Globs...)
	w.lines(1000)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

// diskOfLogs is a mounted image with a log that was rotated and read, and its writer, closed.
func (h *host) diskOfLogs() (at string, w *writer) {
	at = h.image("disk", 64, "mkfs.ext4", "-q")
	h.follow("disk/app.log")
	w = h.generations("disk/app.log", 3)
	h.sleep(time.Second)
	h.stop()
	return at, w
}

// otherDisk is 169: not one file is what it was, but for what it holds.
func otherDisk(h *host) {
	at, w := h.diskOfLogs()
	w.lines(500)
	w.close()
	next := h.image("next", 64, "mkfs.ext4", "-q", "-I", "256")
	h.run("cp", "-a", at+"/.", next)
	h.run("umount", at)
	h.run("mount", "--bind", next, at)
	h.must("open again", w.onward())
	w.lines(500)
	h.start()
	w.lines(500)
	h.read(w)
	h.noRepeats()
}

// remounted is 170.
func remounted(h *host) {
	at, w := h.diskOfLogs()
	w.close()
	h.run("umount", at)
	h.start() // it finds an empty folder, and nothing of it is gone
	h.sleep(3 * time.Second)
	h.run("mount", "-o", "loop", filepath.Join(h.dir, "disk.img"), at)
	h.must("open again", w.onward())
	w.lines(500)
	h.read(w)
	h.noRepeats()
}
