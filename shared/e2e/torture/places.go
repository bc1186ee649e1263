package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// places are scenarios on other file systems, and about the agent's own files.
var places = []scenario{
	{number: 110, title: "rotated files move to another file system", short: true, takes: 40 * time.Second, play: moveAcross},
	{number: 140, title: "the agent's state is deleted", short: true, takes: 40 * time.Second, play: stateDeleted},
	{number: 141, title: "the agent's state is torn", takes: time.Minute, play: stateTorn},
	{number: 142, title: "logs on tmpfs", short: true, takes: 40 * time.Second, play: onTmpfs},
	{number: 143, title: "logs on an overlay", takes: 40 * time.Second, play: onOverlay},
	{number: 145, title: "logs on ext4 with small inodes", short: true, takes: 40 * time.Second, play: onOldExt4},
}

// mount mounts something at a folder below the logs until the scenario has ended, and returns the folder.
func (h *host) mount(name string, args ...string) string {
	h.needRoot("mounting")
	at := h.path(name)
	h.must("make a folder", os.MkdirAll(at, 0o755))
	if _, err := h.try("mount", append(args, at)...); err != nil && strings.Contains(err.Error(), "permission denied") {
		h.notHere("no rights to mount: %v", err)
	} else {
		h.must("mount", err)
	}
	h.cleanup(func() {
		if _, err := h.try("umount", at); err != nil {
			_, _ = h.try("umount", "-l", at) // somebody still has a file of it open
		}
	})
	return at
}

// image makes a file system of some MiB in a file, and mounts it: mkfs is the program that makes it, with its arguments.
func (h *host) image(name string, mib int, mkfs ...string) string {
	file := filepath.Join(h.dir, name+".img")
	h.run("truncate", "-s", fmt.Sprintf("%dM", mib), file)
	h.run(mkfs[0], append(mkfs[1:], file)...)
	return h.mount(name, "-o", "loop", file)
}

// moveAcross is 110: there, a file is another one, and its old name is gone only when the copy is whole.
func moveAcross(h *host) {
	h.mount("far", "-t", "tmpfs", "-o", "mode=755", "none")
	h.follow("app.log", "far/app.log*")
	h.start()
	w := h.create("app.log")
	end := w.flow(1000)
	h.seen(w)
	for n := range h.n(5, 3) {
		h.sleep(2 * time.Second)
		h.must("rotate", w.again(func() error { return os.Rename(w.path, w.path+".1") }))
		h.sleep(time.Second)
		h.run("mv", w.path+".1", h.path("far", fmt.Sprintf("app.log.%d", n)))
	}
	end()
	h.arrived()
	h.noRepeats()
}

// ordinary is a usual life of a log below a folder: rotated, compressed, the agent stopped, killed and started.
func (h *host) ordinary(folder string) {
	h.follow(folder + "/app.log")
	h.start()
	r := h.rotation(folder+"/app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	w := h.create(folder + "/app.log")
	end := w.flow(1000)
	for i := range 3 {
		h.seen(w)
		h.sleep(1500 * time.Millisecond)
		h.must("rotate", w.again(r.try))
		switch i {
		case 0:
			h.stop()
			h.sleep(500 * time.Millisecond)
			h.start()
		case 1:
			h.kill()
			h.start()
		}
	}
	end()
	h.read(w)
	h.sleep(time.Second)
	w.emptied(func() error { return os.Truncate(w.path, 0) })
	w.lines(100)
	h.read(w)
}

func onTmpfs(h *host) {
	h.mount("t", "-t", "tmpfs", "-o", "mode=755", "none")
	h.ordinary("t")
}

func onOverlay(h *host) {
	_, mount := h.overlay("o")
	mount()
	h.ordinary("o")
}

func onOldExt4(h *host) {
	h.image("e", 64, "mkfs.ext4", "-q", "-I", "128")
	h.ordinary("e")
}

// stateDeleted is 140: all comes again, and says that it may.
func stateDeleted(h *host) {
	w := h.begin(1000)
	h.stop()
	h.must("delete the state", os.RemoveAll(h.stateDir()))
	h.rules.doubt = true
	h.start()
	w.lines(1000)
	h.read(w)
}

// stateTorn is 141: a power cut takes back the last bytes of a file.
func stateTorn(h *host) {
	w := h.begin(1000)
	h.rules.doubt = true
	for _, bytes := range []int{1, 7, 40} {
		w.lines(1000)
		h.read(w)
		h.sleep(time.Second)
		h.kill()
		h.shell(fmt.Sprintf(`f=$(find %s -type f -size +0 -printf '%%T@ %%p\n' | sort -n | tail -1 | cut -d' ' -f2-); truncate -s -%d "$f"`, h.stateDir(), bytes))
		h.start()
	}
	w.lines(1000)
	h.read(w)
}
