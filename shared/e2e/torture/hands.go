package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// hands are scenarios about what people, and programs other than logrotate, do to files.
var hands = []scenario{
	{number: 109, title: "cp -p to a backup, then gzip the backup", short: true, takes: 30 * time.Second, play: backup},
	{number: 111, title: "sed -i on a live file", takes: 30 * time.Second, play: sedInPlace},
	{number: 112, title: "a live file is edited and saved by vim", short: true, takes: 30 * time.Second, play: vimSave},
	{number: 113, title: "tail -n N f >t; cat t >f", takes: 30 * time.Second, play: shortened},
	{number: 114, title: "a hard link beside the file", takes: 30 * time.Second, play: hardLink},
	{number: 115, title: "a symlinked directory is switched", takes: 30 * time.Second, play: switchedFolder},
	{number: 116, title: "the directory is moved away and back", takes: 40 * time.Second, play: awayAndBack},
	{number: 117, title: "a sparse file", takes: 30 * time.Second, play: sparse},
	{number: 118, title: "files with the same head of 64 KiB", takes: 40 * time.Second, play: sameHead},
	{number: 119, title: "two agents, and two globs, on one file", takes: time.Minute, play: overlap},
	{number: 121, title: "a writer that opens with O_TRUNC", takes: 30 * time.Second, play: truncatingWriter},
	{number: 122, title: "emptied and grown beyond, between two looks", short: true, takes: 40 * time.Second, play: grownBeyond},
	{number: 125, title: "renamed there and back, and swapped", short: true, takes: 40 * time.Second, play: cycles},
	{number: 127, title: "old archives are restored under other names", short: true, takes: 40 * time.Second, play: restored},
	{number: 129, title: "an archive is unpacked, and packed again otherwise", takes: 40 * time.Second, play: repacked},
	{number: 138, title: "touch, chmod and chown", takes: 30 * time.Second, play: touched},
}

// begin follows app.log with so many lines that were read, and returns its writer.
func (h *host) begin(lines int) *writer {
	h.follow("app.log")
	w := h.create("app.log")
	h.start()
	w.lines(lines)
	h.read(w)
	h.sleep(time.Second)
	return w
}

// backup is 109: a copy is no new content, whatever becomes of it.
func backup(h *host) {
	w := h.begin(2000)
	for i := range 3 {
		name := fmt.Sprintf("app.log.bak%d", i)
		h.run("cp", "-p", h.path("app.log"), h.path(name))
		h.sleep(2 * time.Second)
		w.lines(500)
		h.gzip(name)
		h.sleep(2 * time.Second)
		w.lines(500)
		h.read(w)
	}
	h.quiet(h.calm)
	h.noRepeats()
}

// sedInPlace is 111: a file of which the first line is gone is another content, of which every line was there before. It
// is sent again, and nothing after it is lost.
func sedInPlace(h *host) {
	w := h.begin(2000)
	h.run("sed", "-i", "1d", w.path)
	h.rules.again, h.rules.doubt = 2000, true
	h.rules.skipped.most = 1 << 20 // what the new content leaves to the old one
	h.must("open again", w.follow())
	w.lines(1000)
	h.read(w)
}

// vimSave is 112, as vim does it: the old file is renamed, a new one written, the old one removed. The bytes are the same.
func vimSave(h *host) {
	w := h.begin(2000)
	text, err := os.ReadFile(w.path)
	h.must("read", err)
	h.rename("app.log", "app.log~")
	h.must("save", os.WriteFile(w.path, text, 0o644))
	h.sleep(h.d(3*time.Second, time.Second))
	h.remove("app.log~")
	h.must("open again", w.follow())
	w.lines(1000)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

// shortened is 113: what is kept stands at another place now, and comes again.
func shortened(h *host) {
	w := h.begin(2000)
	h.shell("tail -n 300 app.log >../t; cat ../t >app.log")
	h.rules.again, h.rules.doubt = 300, true
	h.rules.skipped.most = 1 << 20 // what the new epoch leaves to the old one
	h.sleep(time.Second)
	w.lines(1000)
	h.read(w)
}

// hardLink is 114: two names of one file are one file.
func hardLink(h *host) {
	w := h.begin(1000)
	h.must("link", os.Link(w.path, h.path("app.log.link")))
	w.lines(1000)
	h.read(w)
	h.sleep(2 * time.Second)
	h.remove("app.log")
	w.lines(1000)
	h.read(w)
	h.rename("app.log.link", "app.log")
	w.lines(1000)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

// switchedFolder is 115: releases with a folder each.
func switchedFolder(h *host) {
	h.shell("mkdir v1 v2 && ln -s v1 current")
	h.follow("current/app.log")
	one := h.create("v1/app.log")
	h.start()
	one.lines(1000)
	h.read(one)
	two := h.create("v2/app.log")
	two.lines(1000)
	h.shell("ln -s v2 next && mv -T next current")
	one.lines(1000) // by the old release, which is ending
	h.read(two)
	two.lines(1000)
	h.read(two)
	h.read(one)
}

// awayAndBack is 116: what is written meanwhile comes at once, or when the folder is back.
func awayAndBack(h *host) {
	h.must("make a folder", os.Mkdir(h.path("d"), 0o755))
	h.follow("d/app.log")
	w := h.create("d/app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	for range 2 {
		h.must("move away", os.Rename(h.path("d"), filepath.Join(h.dir, "away")))
		h.sleep(h.d(5*time.Second, 2*time.Second))
		w.lines(1000)
		h.sleep(h.d(5*time.Second, 2*time.Second))
		h.must("move back", os.Rename(filepath.Join(h.dir, "away"), h.path("d")))
		h.sleep(2 * time.Second)
		w.lines(1000)
		h.read(w)
	}
	h.noRepeats()
}

// sparse is 117: a program, or truncate(1), made room that nobody has written to.
func sparse(h *host) {
	const room = 10 << 20
	w := h.begin(1000)
	at := h.size()
	h.run("truncate", "-s", fmt.Sprint(at+room), w.path)
	h.sleep(2 * time.Second)
	w.lines(1000) // behind the room
	h.rules.skipped = bounds{room - 8192, room}
	h.read(w)
}

// sameHead is 118: programs that write a long preface, as some databases do.
func sameHead(h *host) {
	var head strings.Builder
	for i := 0; head.Len() < 64<<10; i++ {
		line := fmt.Sprintf("preface line %d, the same in each file of this program", i)
		head.WriteString(line + "\n")
		h.truth.expect(line, 3)
	}
	h.follow("app.log")
	h.follow("other.log")
	h.start()
	w := h.create("app.log")
	w.raw([]byte(head.String()))
	w.lines(500)
	h.read(w)
	o := h.create("other.log")
	o.raw([]byte(head.String()))
	o.lines(400)
	h.read(o)
	h.rename("app.log", "app.log.1")
	h.must("open again", w.again(nil))
	w.raw([]byte(head.String()))
	w.lines(300)
	h.read(w)
}

// overlap is 119.
func overlap(h *host) {
	h.follow("app.log")
	h.cfg.Globs = append(h.cfg.Globs, h.path("a*.log"), h.path("app.log"))
	p := h.peer()
	p.follow("app.log")
	h.start()
	p.start()
	w := h.create("app.log")
	end := w.flow(1000)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	for range 3 {
		h.sleep(h.d(5*time.Second, 2*time.Second))
		h.must("rotate", w.again(r.try))
	}
	end()
}

// truncatingWriter is 121: a daemon whose log begins anew at each of its starts.
func truncatingWriter(h *host) {
	h.follow("app.log")
	h.start()
	w := h.createAs("app.log", usualWidth, os.O_TRUNC)
	for i := range 6 {
		w.lines(1000 + 500*i%1700)
		h.read(w)
		w.reopen()
	}
	w.lines(10)
}

// grownBeyond is 122: the size alone tells nothing, and the first look finds a file that is longer than it was.
func grownBeyond(h *host) {
	w := h.begin(1000)
	h.freeze()
	w.emptied(func() error { return os.Truncate(w.path, 0) })
	w.lines(1500)
	h.thaw()
	h.read(w)
	h.stop()
	w.emptied(func() error { return os.Truncate(w.path, 0) })
	w.lines(3000)
	h.start()
	h.read(w)
	h.noRepeats()
}

// cycles is 125.
func cycles(h *host) {
	h.follow("app.log")
	h.follow("other.log")
	w, o := h.create("app.log"), h.create("other.log")
	h.start()
	for range 3 {
		w.lines(500)
		h.rename("app.log", "app.log.1")
		w.lines(500)
		h.sleep(1500 * time.Millisecond)
		h.rename("app.log.1", "app.log")
		w.lines(500)
		h.sleep(500 * time.Millisecond)
		h.rename("app.log", "app.log.1")
		h.rename("other.log", "app.log")
		h.rename("app.log.1", "other.log")
		w.lines(500)
		o.lines(500)
		h.sleep(1500 * time.Millisecond)
		h.rename("app.log", "app.log.1")
		h.rename("other.log", "app.log")
		h.rename("app.log.1", "other.log")
	}
	h.read(w)
	h.read(o)
	h.noRepeats()
}

// restored is 127: all that they hold was read long ago, and is still there.
func restored(h *host) {
	w := h.begin(2000)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress")
	for range 2 {
		r.now()
		w.reopen()
		w.lines(2000)
		h.read(w)
	}
	h.sleep(2 * time.Second)
	h.shell("cp app.log.1.gz app.log.1.old.gz; zcat app.log.2.gz >app.log.2.restored; cp app.log.1.gz app.log-20250101.gz")
	h.sleep(3 * time.Second)
	w.lines(100)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

// repacked is 129.
func repacked(h *host) {
	w := h.begin(2000)
	h.rotation("app.log", "rotate 9\ncreate\ncompress").now()
	w.reopen()
	w.lines(2000)
	h.read(w)
	for _, script := range []string{"gunzip app.log.1.gz", "gzip -9 app.log.1", "zcat app.log.1.gz >t && rm app.log.1.gz && zstd -q --rm t -o app.log.1.zst"} {
		h.sleep(3 * time.Second)
		h.shell(script)
		w.lines(10)
		h.read(w)
	}
	h.quiet(h.calm)
	h.noRepeats()
}

// touched is 138: times and rights are not what a file holds.
func touched(h *host) {
	w := h.begin(2000)
	h.rotation("app.log", "rotate 9\ncreate\ncompress").now()
	w.reopen()
	w.lines(100)
	h.read(w)
	for _, script := range []string{
		"touch app.log app.log.1.gz", "touch -d 2001-01-01 app.log app.log.1.gz", "touch -d 2037-01-01 app.log",
		"chmod 600 *", "chown 1:1 *", "chmod 644 *", "touch -d yesterday app.log",
	} {
		h.shell(script)
		h.sleep(time.Second)
		w.lines(10)
		h.read(w)
	}
	h.stop()
	h.shell("touch -d 2001-01-01 app.log app.log.1.gz")
	h.start()
	w.lines(10)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}
