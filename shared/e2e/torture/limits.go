package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// limits are scenarios about hosts that give an agent little: descriptors, watches, rights.
var limits = []scenario{
	{number: 29, title: "10,000 files at rest and 10 written to", once: true, alone: true, takes: 6 * time.Minute, play: tenThousand},
	{number: 30, title: "one watch, 16 queued events, and a storm over 1000 files", once: true, short: true, alone: true, takes: time.Minute, play: fewWatches},
	{number: 31, title: "64 descriptors and 1000 active files", once: true, short: true, takes: time.Minute, play: fewDescriptors},
	{number: 32, title: "rights taken away and given back", once: true, short: true, takes: 2 * time.Minute, play: noRights},
	{number: 207, title: "the disk of the logs full in the middle of a line", once: true, takes: 30 * time.Second, play: tornByDisk},
}

// What 10,000 files may cost (design, section 9).
const (
	mostMemory  = 40 << 20
	mostIdleCPU = 0.01 // of a core
	mostFiles   = 100  // open, while 10 are written to
)

// tenThousand is 29.
func tenThousand(h *host) {
	h.cfg.Globs = []string{h.path("*", "*.log"), h.path("*.log")}
	h.scatter(10_000, 100)
	h.start()
	h.arrived()
	h.until("the files at rest closed", 3*time.Minute, func() bool { return h.holds() == 0 })
	h.sleep(20 * time.Second) // what is freed goes back to the system by and by
	before := h.cpu()
	const look = 30 * time.Second
	h.sleep(look)
	if share := (h.cpu() - before).Seconds() / look.Seconds(); share >= mostIdleCPU {
		h.complain("at rest the agent took %.2f %% of a core", 100*share)
	}
	var ends []func()
	for i := range 10 {
		ends = append(ends, h.create(fmt.Sprintf("busy%d.log", i)).flow(100))
	}
	most, files := int64(0), 0
	for range 60 {
		now := h.resident()
		most, files = max(most, now), max(files, h.holds())
		h.sleep(time.Second)
	}
	for _, end := range ends {
		end()
	}
	h.say("%s: at most %.1f MiB and %d open files", h.label, float64(most)/(1<<20), files)
	if most > mostMemory || files > mostFiles {
		h.complain("the agent took %.1f MiB and held %d files open", float64(most)/(1<<20), files)
	}
}

// scatter makes so many files of so many lines each, a hundred in a folder, and leaves them.
func (h *host) scatter(files, lines int) {
	for i := range files {
		folder := fmt.Sprintf("d%03d", i/100)
		h.must("make a directory", os.MkdirAll(h.path(folder), 0o755))
		w := h.create(filepath.Join(folder, fmt.Sprintf("f%05d.log", i)))
		w.lines(lines)
		w.close()
	}
}

// In a user namespace the number of watches can be bounded for the agent alone. The other bound is the whole machine's, and
// is read when the agent makes its queue.
const (
	oneWatch  = `echo 1 >/proc/sys/user/max_inotify_watches && exec "$@"`
	queueFile = "/proc/sys/fs/inotify/max_queued_events"
)

// overflows is the word by which the metric of lost hints is known.
const overflows = "overflow"

// fewWatches is 30: the periodic look finds what no hint tells, as soon as it ever does.
func fewWatches(h *host) {
	h.needRoot("bounding the queue of events")
	h.cfg.Globs = []string{h.path("*", "*.log*")}
	h.cfg.By = []string{"unshare", "--user", "--map-root-user", "sh", "-c", oneWatch, "sh"}
	h.scatter(20, 100)
	usual, err := os.ReadFile(queueFile)
	h.must("look at the bound of queues", err)
	restore := func() { _ = os.WriteFile(queueFile, usual, 0o644) }
	h.cleanup(restore)
	h.must("bound queues", os.WriteFile(queueFile, []byte("16"), 0o644))
	h.start()
	h.arrived()
	restore()
	var all []*writer
	for i := range h.n(1000, 300) {
		folder := fmt.Sprintf("d%03d", i%10)
		h.must("make a directory", os.MkdirAll(h.path(folder), 0o755))
		all = append(all, h.create(filepath.Join(folder, fmt.Sprintf("storm%04d.log", i))))
	}
	for range 5 {
		for i, w := range all {
			w.lines(20)
			if i%3 == 0 {
				h.must("rename", os.Rename(w.path, fmt.Sprintf("%s.%d", w.path, time.Now().UnixNano())))
				w.reopen()
			}
		}
	}
	h.arrived()
	late := h.create("d001/late.log")
	late.lines(1)
	h.until("a new file within a few looks", 8*time.Second, func() bool { return h.record.of(h.name, late.file()) > 0 })
	if n, none := h.metrics(overflows); none { // there may be none: a folder that is too busy is not watched
		h.complain("no metric counts that hints were lost (%v)", n)
	}
}

// fewDescriptors is 31: all get their turn, and the operator is told once, not each time.
func fewDescriptors(h *host) {
	h.cfg.Globs = []string{h.path("*.log")}
	h.cfg.By = []string{"prlimit", "--nofile=64:64"}
	var all []*writer
	for i := range h.n(1000, 300) {
		all = append(all, h.create(fmt.Sprintf("f%04d.log", i)))
	}
	h.start()
	for range h.n(20, 5) {
		for _, w := range all {
			w.lines(10)
		}
		h.sleep(500 * time.Millisecond)
	}
	h.arrived()
	told := h.logged("level=WARN", "descriptor") + h.logged("level=WARN", "open files")
	if told == 0 || told > 20 {
		h.complain("the log warns %d times that descriptors are short: want it once in a while", told)
	}
}

// noRights is 32: the agent is root without root's power over files.
func noRights(h *host) {
	h.needRoot("an agent with the files of root and none of its power")
	h.cfg.Globs = []string{h.path("*.log"), h.path("sub", "*.log")}
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("*.log*"))
	}
	h.cfg.By = []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}
	h.must("make a directory", os.Mkdir(h.path("sub"), 0o755))
	open, shut, inner := h.create("open.log"), h.create("shut.log"), h.create("sub/inner.log")
	mode := func(file, folder os.FileMode) {
		h.must("change the mode", os.Chmod(shut.path, file))
		h.must("change the mode", os.Chmod(h.path("sub"), folder))
	}
	for _, w := range []*writer{open, shut, inner} {
		w.lines(1000)
	}
	mode(0, 0o644)
	h.start()
	h.read(open)
	h.sleep(h.d(time.Minute, 8*time.Second))
	if n := h.record.of(h.name, shut.file()); n > 0 {
		h.complain("%d lines of a file that nobody may read have arrived", n)
	}
	mode(0o644, 0o755)
	h.read(shut)
	h.read(inner)
	mode(0, 0o644) // what is open stays readable
	shut.lines(1000)
	inner.lines(1000)
	open.lines(1000)
	h.sleep(3 * time.Second)
	mode(0o644, 0o755)
	if n := h.logged("shut.log", "denied"); n != 1 {
		h.complain("the log says %d times that shut.log cannot be read", n)
	}
}

// tornByDisk is 207: the writer's line stops where the disk ends, and goes on when there is room.
func tornByDisk(h *host) {
	h.disk(16)
	h.cfg.Globs = []string{h.path("app.log")}
	w := h.create("app.log")
	w.lines(1000)
	h.start()
	h.read(w)
	for range 3 {
		room := h.fill(h.logs)
		for full := false; !full; {
			for line := w.next(); len(line) > 0; {
				n, err := w.f.Write(line)
				if line = line[n:]; err != nil && !full {
					full = true
					h.sleep(2 * time.Second)
					room()
				}
			}
		}
		w.lines(1000)
	}
}
