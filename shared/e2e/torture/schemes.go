package main

import (
	"fmt"
	"os"
	"time"
)

// schemes are more ways of logrotate, and of programs that rotate by themselves.
var schemes = []scenario{
	{number: 101, title: "logrotate's copy, which empties nothing", takes: 40 * time.Second, play: copyOnly},
	{number: 102, title: "logrotate's shred of what it removes", takes: 40 * time.Second, play: shredded},
	{number: 104, title: "start 0, maxsize, sharedscripts of 50 files", takes: time.Minute, play: manyFiles},
	{number: 105, title: "hourly with dateyesterday, and an extension", takes: 40 * time.Second, play: yesterday},
	{number: 106, title: "renamecopy into olddir", short: true, takes: 40 * time.Second, play: renameCopy},
	{number: 123, title: "empty files are rotated", takes: 40 * time.Second, play: emptyRotations},
	{number: 124, title: "two rotations between two looks", takes: 40 * time.Second, play: twoAtOnce},
	{number: 126, title: "a rotation that keeps nothing", takes: 40 * time.Second, play: keepNothing},
	{number: 132, title: "log4j: app.log to app-1.log.gz", takes: 40 * time.Second, play: log4j},
	{number: 133, title: "multilog: current to @time.s", takes: 40 * time.Second, play: multilog},
	{number: 134, title: "rotatelogs: a new name each time, and none renamed", takes: 30 * time.Second, play: rotatelogs},
	{number: 135, title: "copytruncate and compress at once, agent behind", takes: time.Minute, play: copyCompressed},
	{number: 172, title: "rotated and compressed again and again on a slow road", short: true, takes: time.Minute, play: slowRoad},
	{number: 174, title: "a line in halves, with a rotation between", takes: 30 * time.Second, play: halves},
}

// turnOver rotates a flow of lines, with the writer told as by a postrotate script, so many times.
func (h *host) turnOver(w *writer, times int, pause time.Duration, rotate func() error) {
	end := w.flow(1000)
	h.seen(w)
	for range times {
		h.sleep(pause)
		h.must("rotate", w.again(rotate))
	}
	end()
}

// copyOnly is 101: the copies hold nothing new, and the file goes on.
func copyOnly(h *host) {
	w := h.begin(1000)
	r := h.rotation("app.log", "rotate 9\ncopy")
	for range 4 {
		w.lines(500)
		h.read(w)
		r.now()
		h.sleep(2 * time.Second)
	}
	h.quiet(h.calm)
	h.noRepeats()
}

// shredded is 102: random bytes are written over a file that was read, and may still be open. They are no lines.
func shredded(h *host) {
	w := h.begin(1000)
	r := h.rotation("app.log", "rotate 1\ncreate\nshred")
	for range 4 {
		r.now()
		w.reopen()
		w.lines(1000)
		h.read(w)
		h.sleep(time.Second)
	}
}

// manyFiles is 104.
func manyFiles(h *host) {
	h.follow("app-*.log")
	h.start()
	var all []*writer
	for n := range 50 {
		all = append(all, h.create(fmt.Sprintf("app-%02d.log", n)))
	}
	for _, w := range all {
		w.lines(100)
	}
	r := h.rotation("app-*.log", "rotate 5\nstart 0\nmaxsize 1k\nmissingok\nsharedscripts\ncreate\ncompress\ndelaycompress\npostrotate\ntrue\nendscript")
	for range h.n(5, 3) {
		r.now()
		for _, w := range all {
			w.lines(20) // they are told a little later
		}
		for _, w := range all {
			w.reopen()
			w.lines(50)
		}
		h.sleep(h.d(3*time.Second, time.Second))
	}
}

// yesterday is 105.
func yesterday(h *host) {
	h.follow("app.log")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("app-*"))
	}
	h.start()
	w := h.create("app.log")
	// Of one hour there is one name: the next rotation of it does nothing. So it is the seconds that tell.
	r := h.rotation("app.log", "hourly\nrotate 9\ndateext\ndateyesterday\ndateformat -%Y%m%d%H.%s\nextension .log\ncompress\ndelaycompress\ncreate")
	h.turnOver(w, h.n(5, 3), 1200*time.Millisecond, r.try)
}

// renameCopy is 106: renamed to a temporary name, then copied, then removed.
func renameCopy(h *host) {
	h.must("make a folder", os.Mkdir(h.path("old"), 0o755))
	h.follow("app.log", "old/app.log*")
	h.start()
	w := h.create("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate\nrenamecopy\nolddir "+h.path("old"))
	h.turnOver(w, h.n(5, 3), 2*time.Second, r.try)
	h.noRepeats()
}

// emptyRotations is 123.
func emptyRotations(h *host) {
	h.follow("app.log")
	h.start()
	r := h.rotation("app.log", "rotate 20\ncreate\nifempty\ncompress\ndelaycompress")
	w := h.create("app.log")
	for range 5 {
		for range 3 {
			r.now()
			w.reopen()
		}
		w.lines(100)
		h.sleep(500 * time.Millisecond)
	}
}

// twoAtOnce is 124.
func twoAtOnce(h *host) {
	h.follow("app.log")
	h.start()
	r := h.rotation("app.log", "rotate 20\ncreate")
	w := h.create("app.log")
	for range h.n(10, 4) {
		w.lines(1000)
		h.seen(w)
		h.freeze()
		for range 2 {
			r.now()
			w.reopen()
			w.lines(1000)
		}
		h.thaw()
		h.sleep(500 * time.Millisecond)
	}
}

// keepNothing is 126: the file is removed at once, and its writer is told a second later.
func keepNothing(h *host) {
	h.follow("app.log")
	h.start()
	r := h.rotation("app.log", "rotate 0\ncreate")
	w := h.create("app.log")
	end := w.flow(1000)
	for range h.n(5, 3) {
		h.seen(w)
		h.sleep(time.Second)
		r.now()
		h.sleep(time.Second)
		w.reopen()
	}
	end()
}

// log4j is 132: the number stands before the ending.
func log4j(h *host) {
	h.follow("app.log")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("app-*.log.gz"))
	}
	h.start()
	w := h.create("app.log")
	n := 0
	h.turnOver(w, h.n(5, 3), 2*time.Second, func() error {
		n++
		to := h.path(fmt.Sprintf("app-%d.log", n))
		if err := os.Rename(w.path, to); err != nil {
			return err
		}
		_, err := h.try("gzip", to)
		return err
	})
}

// multilog is 133: the live file and the old ones have no part of their names in common.
func multilog(h *host) {
	h.follow("current")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("@*.s"))
	}
	h.start()
	w := h.create("current")
	n := 0
	h.turnOver(w, h.n(5, 3), 2*time.Second, func() error {
		n++
		return os.Rename(w.path, h.path(fmt.Sprintf("@40000000%08x.s", n)))
	})
}

// rotatelogs is 134. The glob takes them all in either variant, else nothing would be read.
func rotatelogs(h *host) {
	h.cfg.Globs = append(h.cfg.Globs, h.path("access.*"))
	h.start()
	for n := range h.n(10, 5) {
		w := h.create(fmt.Sprintf("access.%d", 1700000000+n*60))
		w.lines(500)
		h.sleep(300 * time.Millisecond)
		w.close()
	}
}

// copyCompressed is 135: of the copy only the archive stays, and the agent had not read all of it.
func copyCompressed(h *host) {
	h.follow("app.log")
	h.start()
	r := h.rotation("app.log", "rotate 9\ncopytruncate\ncompress")
	w := h.createAs("app.log", wide, os.O_APPEND)
	w.lines(100)
	h.read(w)
	h.block()
	w.bytes(int64(h.n(64<<20, 12<<20)))
	h.sleep(time.Second)
	w.emptied(r.try)
	w.lines(100)
	h.sleep(2 * time.Second)
	h.unblock()
}

// slowRoad is 172: the agent is behind by several rotations all the time, and none of the archives is what it reads.
func slowRoad(h *host) {
	h.follow("app.log")
	h.start()
	h.slow(100_000)
	r := h.rotation("app.log", "rotate 50\ncreate\ncompress")
	w := h.createAs("app.log", wide, os.O_APPEND)
	for range h.n(12, 6) {
		w.lines(5000)
		h.sleep(1500 * time.Millisecond)
		h.must("rotate", w.again(r.try))
	}
	h.slow(0)
}

// halves is 174: a writer whose buffer ended in the middle of a line goes on in the renamed file; another is told first,
// and the rest of the line does not come for a while.
func halves(h *host) {
	w := h.begin(100)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	for _, pause := range []time.Duration{0, time.Second, 4 * time.Second} {
		line := w.next()
		w.raw(line[:len(line)/2])
		h.sleep(pause / 2)
		r.now()
		h.sleep(pause / 2)
		w.raw(line[len(line)/2:])
		w.lines(10)
		w.reopen()
		w.lines(100)
		h.read(w)
	}
}
