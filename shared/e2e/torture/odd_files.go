package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// oddFiles are scenarios that combine what hosts, cron scripts and people do to files.
var oddFiles = []scenario{
	{number: 301, title: "copytruncate with compress while the agent is killed", takes: 40 * time.Second, play: copyKilled},
	{number: 307, title: "moved to another folder and back, the agent running or not", once: true, takes: 30 * time.Second, play: movedAndBack},
	{number: 308, title: "a hard link, the first name removed, then rotated", takes: 30 * time.Second, play: linkUnlink},
	{number: 309, title: "a file becomes a link to itself and a file again", takes: 30 * time.Second, play: linkAndBack},
	{number: 310, title: "a file becomes a directory, and a file again", takes: 30 * time.Second, play: becomesFolder},
	{number: 311, title: "a sparse file rotated and compressed", takes: 30 * time.Second, play: sparseRotated},
	{number: 313, title: "times of files jump before rotations", takes: 40 * time.Second, play: timeJumps},
	{number: 314, title: "a hundred rotations between two looks", takes: 40 * time.Second, play: hundredRotations},
	{number: 317, title: "a .zst of several frames, unread", takes: 40 * time.Second, play: manyFrames},
	{number: 318, title: "an archive replaced by another of its name", takes: 40 * time.Second, play: replacedArchive},
	{number: 320, title: "thousands of files, each for a few seconds", once: true, takes: 90 * time.Second, play: shortLived},
	{number: 321, title: "truncated to half", takes: 30 * time.Second, play: halved},
	{number: 327, title: "frozen through five generations", takes: 40 * time.Second, play: frozenGenerations},
}

// copyKilled is 301: the writer waits while the file is copied and emptied, so nothing is lost by that.
func copyKilled(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncopytruncate\ncompress")
	w := h.create("app.log")
	h.start()
	for i := range 5 {
		w.lines(1000)
		if i%2 == 0 {
			h.read(w)
			h.sleep(time.Second)
		} else {
			h.block()
		}
		w.lines(3000)
		h.kill()
		w.emptied(r.try)
		if i == 3 { // twice while it is away
			w.lines(500)
			w.emptied(r.try)
		}
		w.lines(100 + 1000*i)
		h.unblock()
		h.start()
	}
	h.rules.doubt = true
	h.read(w)
}

func movedAndBack(h *host) {
	h.shell("mkdir in out")
	h.cfg.Globs = []string{h.path("in", "*.log"), h.path("out", "*.log")}
	w := h.create("in/app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	for range 2 {
		h.rename("in/app.log", "out/app.log")
		w.lines(100)
		h.sleep(2 * time.Second)
		h.rename("out/app.log", "in/app.log")
		w.lines(100)
		h.sleep(time.Second)
		h.stop()
		h.rename("in/app.log", "out/app.log")
		w.lines(100)
		h.start()
		h.read(w)
		h.kill()
		h.rename("out/app.log", "in/app.log")
		h.start()
		w.lines(100)
		h.read(w)
		h.sleep(time.Second)
	}
	h.rename("in/app.log", "out/other.log")
	v := h.create("in/app.log")
	v.lines(500)
	w.lines(500)
	h.read(w)
	h.read(v)
	h.quiet(h.calm)
}

func linkUnlink(h *host) {
	w := h.begin(2000)
	h.must("link", os.Link(w.path, h.path("app.log.keep")))
	h.sleep(time.Second)
	h.remove("app.log")
	w.lines(500) // seen under the other name only
	h.sleep(time.Second)
	v := h.create("app.log")
	v.lines(700)
	h.read(v)
	h.stop()
	w.lines(300)
	h.rename("app.log", "app.log.1")
	h.must("link", os.Link(h.path("app.log.1"), h.path("app.log.2")))
	h.remove("app.log.1")
	v.lines(100)
	x := h.create("app.log")
	x.lines(50)
	h.start()
	h.read(w)
	h.read(v)
	h.gzipForced("app.log.2")
	w.close()
	h.gzipForced("app.log.keep")
	h.sleep(2 * time.Second)
	x.lines(50)
	h.read(x)
	h.quiet(h.calm)
	h.noRepeats()
}

// gzipForced compresses what has more than one name, too.
func (h *host) gzipForced(name string) { h.run("gzip", "-f", h.path(name)) }

func linkAndBack(h *host) {
	w := h.begin(1000)
	h.shell("mkdir data")
	for i := range 2 {
		h.rename("app.log", "data/real")
		h.must("link", os.Symlink("data/real", h.path("app.log")))
		w.lines(300)
		h.read(w)
		h.sleep(time.Second)
		if i == 1 {
			h.stop()
		}
		w.lines(200)
		h.remove("app.log")
		h.rename("data/real", "app.log")
		w.lines(300)
		if i == 1 {
			h.start()
		}
		h.read(w)
		h.sleep(time.Second)
	}
	h.quiet(h.calm)
	h.noRepeats()
}

func becomesFolder(h *host) {
	h.follow("app.log")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("app.log", "*.log"))
	}
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	h.remove("app.log")
	w.lines(200) // deleted, and open
	h.must("make a folder", os.Mkdir(h.path("app.log"), 0o755))
	var in *writer
	if h.rotated {
		in = h.create("app.log/in.log")
		in.lines(100)
		h.read(in)
	}
	h.read(w)
	h.sleep(2 * time.Second)
	h.stop()
	if in != nil {
		in.close()
	}
	w.close()
	h.run("rm", "-r", h.path("app.log"))
	v := h.create("app.log")
	v.lines(400)
	h.start()
	h.read(v)
	h.run("rm", h.path("app.log"))
	h.run("mkdir", h.path("app.log"))
	h.sleep(time.Second)
	h.run("rmdir", h.path("app.log"))
	x := h.create("app.log")
	x.lines(300)
	h.read(x)
	h.quiet(h.calm)
	h.noRepeats()
}

func sparseRotated(h *host) {
	const room = 8 << 20
	w := h.begin(1000)
	h.run("truncate", "-s", fmt.Sprint(h.size()+room), w.path)
	w.lines(500)
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	w.lines(1000)
	h.run("truncate", "-s", fmt.Sprint(h.size()+room), w.path)
	w.lines(500)
	h.rename("app.log", "app.log.1")
	h.gzip("app.log.1")
	w.reopen()
	w.lines(100)
	h.rules.skipped = bounds{2*room - 16384, 2 * room}
	h.start()
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
}

func timeJumps(h *host) {
	w := h.begin(1500)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	for i, when := range []string{"2038-01-01", "1999-12-31", "tomorrow", "last year", "1970-01-02"} {
		if i%2 == 1 {
			h.stop()
		}
		w.lines(300 + i)
		h.run("touch", "-d", when, w.path)
		r.now()
		w.reopen()
		w.lines(100 + i)
		h.run("touch", "-d", when, w.path)
		if i%2 == 1 {
			h.start()
		}
		h.read(w)
		h.sleep(time.Second)
	}
	h.quiet(h.calm)
	h.noRepeats()
}

func hundredRotations(h *host) {
	w := h.begin(500)
	turns := func(n int) {
		for range n {
			w.lines(7)
			h.shell(`for i in $(ls | sed -n 's/^app[.]log[.]//p' | sort -rn); do mv app.log.$i app.log.$((i+1)); done; mv app.log app.log.1`)
			w.reopen()
		}
		w.lines(3)
	}
	h.freeze()
	turns(100)
	h.thaw()
	h.arrived()
	h.stop()
	turns(60)
	h.start()
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
}

func manyFrames(h *host) {
	h.follow("app.log")
	h.unlimited()
	w := h.createAs("app.log", wide, os.O_APPEND)
	h.start()
	w.lines(2000)
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	w.bytes(12 << 20)
	h.rename("app.log", "app.log.1")
	h.shell(`split -b 700001 app.log.1 ../part.; printf 'P*M\030\010\0\0\0skipped!' >app.log.1.zst; rm app.log.1
for p in ../part.*; do zstd -q -c $p; printf 'P*M\030\003\0\0\0abc'; done >>app.log.1.zst; rm ../part.*`)
	w.reopen()
	w.lines(100)
	h.start()
	half := h.truth.lines() / 2
	h.until("half of it", time.Minute, func() bool { return h.record.count().distinct > half })
	h.kill()
	h.start()
	h.arrived()
}

func replacedArchive(h *host) {
	h.follow("app.log")
	h.unlimited()
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	h.rename("app.log", "app.log.1")
	w.reopen()
	w.lines(50)
	h.gzip("app.log.1")
	h.sleep(2 * time.Second)
	// the same name, another content, of which the agent has read a part elsewhere
	w.lines(1000)
	h.read(w)
	h.stop()
	w.lines(1000)
	h.rename("app.log", "app.log.1")
	h.run("gzip", "-f", h.path("app.log.1"))
	w.reopen()
	w.lines(10)
	h.start()
	h.arrived()
	if h.rotated {
		for i := range 3 { // written over in place, and by a rename, with what nobody has seen
			plain := h.outside(fmt.Sprintf("new%d", i), 100, 1<<20)
			h.run("gzip", plain)
			if i%2 == 0 {
				h.run("cp", plain+".gz", h.path("app.log.1.gz"))
			} else {
				h.run("mv", plain+".gz", h.path("app.log.1.gz"))
			}
			h.arrived()
			h.sleep(time.Second)
		}
	}
	h.quiet(h.calm)
	h.noRepeats()
}

func shortLived(h *host) {
	h.cfg.Globs = []string{h.path("*.log")}
	h.start()
	n := h.n(5000, 2000)
	born := make([]time.Time, 0, n)
	gone := 0
	name := func(i int) string { return fmt.Sprintf("job-%d.log", i) }
	for i := 0; gone < n; h.sleep(10 * time.Millisecond) {
		for k := 0; k < 2 && i < n; k, i = k+1, i+1 {
			w := h.create(name(i))
			w.lines(1 + i%3)
			w.close()
			born = append(born, time.Now())
		}
		for gone < i && time.Since(born[gone]) > 5*time.Second {
			h.remove(name(gone))
			gone++
		}
	}
	h.arrived()
	h.noRepeats()
}

func halved(h *host) {
	w := h.begin(2000)
	half := h.size() / 2
	h.sleep(time.Second)
	h.rules.doubt = true
	h.rules.skipped.most = 1 << 20 // what the new epoch leaves to the old one
	text, err := os.ReadFile(w.path)
	h.must("read", err)
	half = int64(strings.LastIndexByte(string(text[:half]), '\n') + 1)
	h.must("cut", os.Truncate(w.path, half))
	w.lines(500)
	h.read(w)
	h.stop()
	w.lines(500)
	h.must("cut", os.Truncate(w.path, half)) // these are lost
	h.truth.excuseFrom(w.n, 2500)
	w.lines(700)
	h.start()
	h.arrived()
}

func frozenGenerations(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 5\ncreate\ncompress")
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	for i := range 2 {
		h.block()
		w.lines(5000)
		h.sleep(300 * time.Millisecond)
		h.freeze()
		for range 5 {
			r.now()
			w.lines(20) // late, lost to gzip: the writer is told a little later
			h.truthLate(w, 20)
			w.reopen()
			w.lines(2000)
		}
		if i == 1 {
			h.kill()
			h.unblock()
			h.start()
		} else {
			h.unblock()
			h.thaw()
		}
		h.arrived()
		h.sleep(time.Second)
	}
}

// truthLate excuses the last lines of a writer's file: they were written to a file that was gone already.
func (h *host) truthLate(w *writer, lines int) {
	h.truth.mu.Lock()
	defer h.truth.mu.Unlock()
	if w.n.excused == nil {
		w.n.excused = map[int]bool{}
	}
	for seq := w.seq - lines; seq < w.seq; seq++ {
		w.n.excused[seq] = true
	}
}
