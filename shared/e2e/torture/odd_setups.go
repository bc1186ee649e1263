package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// oddSetups are scenarios about configs that change, and disks that are full, slow, or layers of others.
var oddSetups = []scenario{
	{number: 302, title: "rotated while the disk of the state is full", takes: 60 * time.Second, play: rotatedFullState},
	{number: 303, title: "two inputs whose globs overlap", takes: 40 * time.Second, play: overlappingInputs},
	{number: 304, title: "narrower and wider globs, and another class", once: true, takes: 60 * time.Second, play: otherGlobs},
	{number: 305, title: "max_line changes while half a line is there", takes: 40 * time.Second, play: otherMaxLine},
	{number: 306, title: "multiline comes and goes while an event is open", once: true, takes: 40 * time.Second, play: otherMultiline},
	{number: 319, title: "rotated in a directory that nobody may read", takes: 40 * time.Second, play: shutFolder},
	{number: 334, title: "a log of a lower layer is written to", once: true, takes: 30 * time.Second, play: copiedUp},
	{number: 335, title: "an overlay that is killed, rotated and mounted anew", takes: 30 * time.Second, play: overlayAgain},
	{number: 336, title: "five rotations on tmpfs, killed, with no room left there", takes: 30 * time.Second, play: smallTmpfs},
	{number: 337, title: "agent is killed while a new glob finds what was rotated before", once: true, takes: 40 * time.Second, play: lateGlob},
}

// rotatedFullState is 302: tmpfs stands for the disk of the state; the logs have room.
func rotatedFullState(h *host) {
	h.mount("../agent/state", "-t", "tmpfs", "-o", "size=24m", "none")
	h.follow("app.log")
	w := h.create("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress")
	h.start()
	w.lines(2000)
	h.read(w)
	for i := range 2 {
		room := h.fill(h.stateDir())
		for range 3 {
			w.lines(1500)
			h.sleep(700 * time.Millisecond)
			h.must("rotate", w.again(r.try))
		}
		w.lines(100)
		h.sleep(2 * time.Second)
		if err := h.agent.Died(); err != nil {
			h.complain("it did not outlive a full disk: %v", err)
			room()
			h.start()
		} else if i == 1 {
			h.kill()
			h.must("rotate", w.again(r.try))
			w.lines(300)
			room()
			h.start()
		} else {
			room()
		}
		h.arrived()
	}
}

// inputs has the agent follow by several inputs: each is a glob and a class.
func (h *host) inputs(all ...[2]string) {
	h.cfg.Globs = []string{h.path("no.such")}
	h.cfg.Input = ""
	for _, in := range all {
		h.with(fmt.Sprintf("tags: []}\n    - {paths: [%q], class: %s, start: beginning", h.path(in[0]), in[1]))
	}
}

func overlappingInputs(h *host) {
	star := ""
	if h.rotated {
		star = "*"
	}
	h.inputs([2]string{"app.log" + star, "one"}, [2]string{"*.log" + star, "two"})
	a, b := h.create("app.log"), h.create("other.log")
	ra, rb := h.rotation("app.log", "rotate 9\ncreate\ncompress"), h.rotation("other.log", "rotate 9\ncopytruncate")
	h.start()
	for i := range 3 {
		a.lines(1000)
		b.lines(1000)
		h.read(a)
		h.read(b)
		h.sleep(time.Second)
		if i == 1 {
			h.stop()
			a.lines(100)
			b.lines(100)
		}
		h.must("rotate", a.again(ra.try))
		b.emptied(rb.try)
		if i == 1 {
			// the other way round
			h.inputs([2]string{"*.log" + star, "two"}, [2]string{"app.log" + star, "one"})
			h.agent = nil
			h.start()
		}
		if i == 2 { // from one input's name to the other's
			a.lines(100)
			h.sleep(time.Second)
			h.rename("app.log", "moved.log")
			a.lines(100)
			h.sleep(time.Second)
			h.rename("moved.log", "app.log")
		}
	}
	a.lines(100)
	b.lines(100)
	h.arrived()
	h.quiet(h.calm)
}

func otherGlobs(h *host) {
	h.cfg.Globs = []string{h.path("*.log*")}
	w, o := h.create("app.log"), h.create("other.log")
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	h.start()
	step := func() {
		w.lines(700)
		h.must("rotate", w.again(r.try))
		w.lines(300)
	}
	step()
	o.lines(500)
	h.arrived()
	h.sleep(time.Second)
	h.reconfigure(h.path("app.log")) // narrower
	step()
	h.read(w)
	o.lines(500) // nobody follows it now
	h.sleep(2 * time.Second)
	h.stop()
	step()
	h.agent = nil
	h.inputs([2]string{"app.log", "web"}, [2]string{"other.log", "web"})
	h.start()
	step()
	h.arrived()
	h.sleep(time.Second)
	h.stop()
	step()
	h.agent = nil
	h.inputs([2]string{"*", "db"})
	h.start()
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
}

func otherMaxLine(h *host) {
	h.follow("app.log")
	h.with("max_line: 4KiB")
	w := h.createAs("app.log", 600, os.O_APPEND)
	h.start()
	for i, keys := range []string{"max_line: 2KiB", "max_line: 64KiB", "max_line: 1KiB, encoding: utf-8", "max_line: 1MiB"} {
		w.lines(500)
		h.read(w)
		line := w.next()
		w.raw(line[:len(line)/2])
		h.sleep(time.Second)
		if i%2 == 0 {
			h.stop()
		} else {
			h.kill()
		}
		h.cfg.Input = keys
		h.agent = nil
		if i%2 == 0 {
			h.rename("app.log", fmt.Sprintf("app.log.%d", 9-i))
			w.raw(line[len(line)/2:])
			w.reopen()
		} else {
			w.raw(line[len(line)/2:])
		}
		h.start()
		w.lines(100)
		h.arrived()
	}
}

// otherMultiline is 306: what was one event is two, or the other way round; every byte arrives.
func otherMultiline(h *host) {
	h.follow("app.log")
	w := h.create("app.log")
	h.start()
	multi := `multiline: {begins: "^(BEGIN|t306)", timeout: 30s}`
	w.lines(200)
	h.truth.expect("BEGIN 1", 1) // by itself: its end is known
	w.raw([]byte("BEGIN 1\n"))
	h.arrived()
	h.sleep(time.Second)
	change := func(kill bool, keys string) {
		if kill {
			h.kill()
		} else {
			h.stop()
		}
		h.cfg.Input, h.agent = keys, nil
		h.start()
	}
	change(false, multi)
	h.truth.expect("  at 1", 1) // what it continues is sent
	w.raw([]byte("  at 1\n"))
	w.lines(100)
	h.truth.expect("BEGIN 2\n  at 2\n  more 2", 1)
	w.raw([]byte("BEGIN 2\n  at 2\n  more 2\n"))
	w.lines(100)
	w.raw([]byte("BEGIN 3\n  at 3\n"))
	h.sleep(2 * time.Second)
	change(true, "max_line: 8KiB") // the event was open: its lines arrive each by itself
	h.truth.expect("BEGIN 3", 1)
	h.truth.expect("  at 3", 1)
	w.lines(100)
	h.arrived()
	h.sleep(time.Second)
	change(false, multi)
	w.lines(1)
	w.raw([]byte("BEGIN 4\n  at 4\n"))
	h.sleep(2 * time.Second)
	change(false, "format: plain")
	h.rename("app.log", "app.log.1")
	w.reopen()
	w.lines(100)
	h.arrived()
	h.rules.stray = func(text string, _ []string) bool {
		return text == "BEGIN 4" || text == "  at 4" || text == "BEGIN 4\n  at 4"
	}
	h.quiet(h.calm)
	one, two := h.came("BEGIN 4\n  at 4").times, h.came("BEGIN 4").times
	if one+two != 1 || h.came("  at 4").times != two {
		h.complain("BEGIN 4 came %d times whole and %d in parts", one, two)
	}
}

func shutFolder(h *host) {
	h.needRoot("an agent with the files of root and none of its power")
	h.must("make a directory", os.MkdirAll(h.path("up", "sub"), 0o755))
	h.follow("up/sub/app.log")
	h.cfg.By = []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}
	w := h.create("up/sub/app.log")
	r := h.rotation("up/sub/app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	h.start()
	shut := func(mode os.FileMode) { h.must("change the mode", os.Chmod(h.path("up"), mode)) }
	for i := range 3 {
		w.lines(1000)
		h.read(w)
		h.sleep(time.Second)
		shut(0)
		if i == 1 {
			h.kill()
		}
		w.lines(500)
		for range 2 {
			h.must("rotate", w.again(r.try))
			w.lines(500)
		}
		if i == 1 {
			h.start()
		}
		h.sleep(3 * time.Second)
		shut(0o755)
		h.arrived()
	}
	h.quiet(h.calm)
	if !h.rotated {
		h.noRepeats()
	}
}

// overlay mounts one whose lower layer is a folder of the host, and returns what takes it away and mounts it again.
func (h *host) overlay(name string) (lower string, again func()) {
	lower = filepath.Join(h.dir, "lower")
	h.must("make a folder", os.MkdirAll(lower, 0o755))
	layers := h.mount("../layers", "-t", "tmpfs", "-o", "mode=755", "none")
	h.run("mkdir", layers+"/upper", layers+"/work")
	return lower, func() {
		h.mount(name, "-t", "overlay", "overlay", "-o", fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, layers, layers))
	}
}

func copiedUp(h *host) {
	lower, mount := h.overlay("o")
	w := h.create(filepath.Join(lower, "app.log"))
	w.lines(2000)
	v := h.create(filepath.Join(lower, "app.log.1"))
	v.lines(1000)
	w.close()
	v.close()
	mount()
	h.cfg.Globs = []string{h.path("o", "app.log*")}
	h.start()
	h.arrived()
	h.sleep(2 * time.Second)
	w.path = h.path("o", "app.log")
	h.must("open again", w.onward()) // it is copied up: another inode, with another birth
	h.rules.doubt = true
	w.lines(500)
	h.read(w)
	h.sleep(time.Second)
	h.stop()
	h.run("touch", h.path("o", "app.log.1")) // copied up, too
	h.run("mv", h.path("o", "app.log.1"), h.path("o", "app.log.2"))
	w.lines(100)
	h.run("mv", h.path("o", "app.log"), h.path("o", "app.log.1"))
	w.reopen()
	w.lines(300)
	h.start()
	h.read(w)
	h.run("gzip", h.path("o", "app.log.2"))
	h.quiet(h.calm)
}

func overlayAgain(h *host) {
	_, mount := h.overlay("o")
	mount()
	h.follow("o/app.log")
	w := h.create("o/app.log")
	h.start()
	r := h.rotation("o/app.log", "rotate 9\ncreate\ncompress")
	for range 2 {
		w.lines(1000)
		h.read(w)
		h.sleep(time.Second)
		h.kill()
		w.lines(200)
		h.must("rotate", w.again(r.try))
		w.lines(100)
		w.close()
		h.run("umount", h.path("o"))
		mount()
		h.must("open again", w.onward())
		w.lines(100)
		h.start()
		h.arrived()
		h.sleep(time.Second)
	}
	h.rules.doubt = true
	h.read(w)
}

func smallTmpfs(h *host) {
	h.mount("t", "-t", "tmpfs", "-o", "mode=755,size=3m", "none")
	h.follow("t/app.log")
	h.with("hold: {disk_percent: 100}")
	w := h.create("t/app.log")
	r := h.rotation("t/app.log", "rotate 5\ncreate\ncompress")
	h.start()
	for i := range 5 {
		w.lines(2500)
		if i%2 == 1 {
			h.kill()
		}
		h.must("rotate", w.again(r.try))
		w.lines(500)
		if i%2 == 1 {
			h.start()
		}
		h.arrived()
	}
}

// lateGlob is 337: an input is added whose files rotated before anybody followed them, and the agent is killed meanwhile.
func lateGlob(h *host) {
	h.cfg.Globs = []string{h.path("app.log")}
	w, o := h.create("app.log"), h.createAs("other.log", wide, os.O_APPEND)
	r := h.rotation("other.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	h.start()
	w.lines(500)
	for range 3 {
		o.bytes(2 << 20)
		h.must("rotate", o.again(r.try))
	}
	o.lines(500)
	h.read(w)
	h.slow(1 << 20)
	h.reconfigure(h.path("app.log"), h.path("other.log*"))
	for range 3 {
		h.sleep(700 * time.Millisecond)
		h.kill()
		h.must("rotate", o.again(r.try))
		o.lines(100)
		h.start()
	}
	h.slow(0)
	h.arrived()
}
