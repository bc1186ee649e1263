package file

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"belfry/shared/batch"
)

// What hosts do now and then, step by step: each line arrives, and under one id.
func TestSpots(t *testing.T) {
	t.Parallel()
	seed := uint64(0)
	f := func(name string, do func(h *simHost)) {
		seed++
		n := seed
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newSimHost(t, n, 5000, 1000)
			quit := make(chan struct{})
			defer close(quit)
			go h.road.run(quit)
			do(h)
			h.finish()
			if v := h.judge(); v.bad(h) || len(v.twice) > 0 {
				h.report(v)
			}
		})
	}
	f("power cut, the file is shorter than the cursor", shortened)
	f("power cut, the state is older than the file", stateOfBefore)
	f("tail > new; mv new log", func(h *simHost) { spotTrim(h, false) })
	f("tail > new; cat new > log", func(h *simHost) { spotTrim(h, true) })
	f("rsync --inplace over a mirror", inPlace)
	f("the archive is found first, the log later", archiveFirst)
	f("three copytruncates, the cursor in a constant header", cursorInHeader)
	f("gunzip -k beside the archive", unpacked)
	f("named by date, nothing but a header", headerOnly)
	f("archive, empty member, member, zeros", members)
	f("late lines in a deleted file over a restart", lateOverRestart)
	f("late lines in a file out of sight over a restart", outOfSight)
	f("log of the same size in the place of a removed one", sameSize)
	f("late lines after the removal of a quiet log", lateAfterQuiet)
	f("a short copy and the whole archive", shortCopy)
	f("a log that was a header, and others like it", headerAgain)
	f("what was under way when its only copy went", goneUnderWay)
}

func (h *simHost) path(name string) string { return filepath.Join(h.dir, name) }

// add appends lines to a log, which nobody has open after it.
func (h *simHost) add(path string, lines int) {
	w := h.open(path, 0)
	w.lines(lines)
	w.close()
	h.say("%d lines for %s", lines, filepath.Base(path))
}

// up starts an agent, and lets it read all that there is.
func (h *simHost) up() {
	h.start()
	h.settle()
}

// bytes returns what is in a file.
func (h *simHost) bytes(path string) []byte {
	b, err := os.ReadFile(path)
	must(h.t, err)
	return b
}

// pack puts a file's content into an archive, as gzip -k does.
func (h *simHost) pack(path, to string) {
	must(h.t, os.WriteFile(to, gzipped(h.t, string(h.bytes(path))), 0o644))
}

// cutAt takes from a file what follows the n-th line of the host.
func (h *simHost) cutAt(path string, n int) {
	must(h.t, os.Truncate(path, h.lines[n].offset))
	h.say("power cut: %s ends before line %d", filepath.Base(path), n)
	h.powerCut = true
}

func shortened(h *simHost) {
	log := h.path("app.log")
	h.add(log, 2000)
	h.up()
	h.kill(false)
	h.cutAt(log, 1000)
	h.add(log, 50)
	h.up()
}

func stateOfBefore(h *simHost) {
	log := h.path("app.log")
	h.add(log, 50)
	h.up()
	before := filepath.Join(h.root, "before")
	h.copyState(before)
	h.add(log, 150)
	h.settle()
	h.kill(false)
	h.state = before
	h.cutAt(log, 100)
	h.add(log, 80)
	h.up()
}

func spotTrim(h *simHost, inPlace bool) {
	log := h.path("app.log")
	h.add(log, 300)
	h.up()
	tail := h.bytes(log)[h.lines[200].offset:]
	if inPlace {
		must(h.t, os.WriteFile(log, tail, 0o644))
	} else {
		tmp := filepath.Join(h.root, "tmp")
		must(h.t, os.WriteFile(tmp, tail, 0o644))
		must(h.t, os.Rename(tmp, log))
	}
	h.say("only the last 100 lines are left")
	h.add(log, 50)
	h.settle()
}

func inPlace(h *simHost) {
	log, other := h.path("app.log"), filepath.Join(h.root, "other.log")
	h.torn = true // where the new bytes end and the old ones begin
	h.add(log, 200)
	h.up()
	h.add(other, 60)
	b := h.bytes(other)
	f, err := os.OpenFile(log, os.O_WRONLY, 0)
	must(h.t, err)
	defer f.Close()
	for _, at := range []int{0, 2000} {
		part := b[at:]
		if at == 0 {
			part = b[:2000]
		}
		_, err = f.WriteAt(part, int64(at))
		must(h.t, err)
		h.say("written over from %d", at)
		h.wait(2)
	}
	must(h.t, f.Truncate(int64(len(b))))
	h.settle()
}

func archiveFirst(h *simHost) {
	log, hidden := h.path("app.log"), filepath.Join(h.root, "hidden")
	h.add(log, 200)
	h.pack(log, log+".1.gz")
	h.rename(log, hidden)
	h.up()
	h.rename(hidden, log)
	h.add(log, 50)
	h.settle()
}

func cursorInHeader(h *simHost) {
	log := h.path("app.log")
	h.headers = 20
	h.log = h.open(log, 0)
	h.up()
	h.end()
	for range 3 {
		h.log.lines(100)
		for next := simOps["ct"].begin(h); next(); {
		}
	}
	h.log.lines(100)
	h.up()
}

func unpacked(h *simHost) {
	one := h.path("app.log.1")
	h.add(one, 200)
	b := h.bytes(one)
	h.pack(one, one+".gz")
	h.remove(one)
	h.up()
	must(h.t, os.WriteFile(one, b, 0o644))
	h.settle()
}

func headerOnly(h *simHost) {
	h.headers = 20
	h.add(h.path("app-20240101.log"), 200)
	h.up()
	h.add(h.path("app-20240102.log"), 0)
	h.settle()
	h.wait(4)
	h.road.mu.Lock()
	defer h.road.mu.Unlock()
	if h.road.headers != 40 {
		h.t.Errorf("%d lines of two headers came, want 40", h.road.headers)
	}
}

func members(h *simHost) {
	two, other := h.path("app.log.2"), filepath.Join(h.root, "other")
	h.add(two, 200)
	h.up()
	h.end()
	h.add(other, 50)
	z := gzipped(h.t, string(h.bytes(two)))
	z = append(z, gzipped(h.t, "")...)
	z = append(z, gzipped(h.t, string(h.bytes(other)))...)
	must(h.t, os.WriteFile(two+".gz", append(z, make([]byte, 512)...), 0o644))
	h.remove(two)
	h.up()
}

// lateOverRestart has a writer whose file is deleted while its archive stays.
func lateOverRestart(h *simHost) {
	one := h.path("app.log.1")
	w := h.open(one, 0)
	w.lines(100)
	h.up()
	h.pack(one, one+".gz")
	h.remove(one)
	h.wait(3)
	h.end()
	w.lines(50)
	h.up()
	if h.canReopen {
		h.sawAll()
	}
	w.close()
}

func outOfSight(h *simHost) {
	log := h.path("app.log")
	h.log = h.open(log, 0)
	h.log.lines(100)
	h.up()
	h.rename(log, filepath.Join(h.root, "elsewhere"))
	h.log.lines(50)
	h.settle()
	h.end()
	if h.canReopen {
		h.log.lines(50)
	}
	h.up()
}

// sameSize takes a log away, and writes another one with as many bytes, of the same time, while nobody looks.
func sameSize(h *simHost) {
	log := h.path("app.log")
	h.add(log, 100)
	h.up()
	h.end()
	st, err := os.Stat(log)
	must(h.t, err)
	size := len(h.bytes(log))
	h.remove(log)
	h.add(log, 50)
	pad := size - len(h.bytes(log)) - 1
	if pad < 0 {
		h.t.Fatal("no room")
	}
	line := "#" + string(bytes.Repeat([]byte{'x'}, pad-1)) + "\n"
	write(h.t, log, line)
	must(h.t, os.Chtimes(log, st.ModTime(), st.ModTime()))
	h.up()
}

// goneUnderWay loses on the way what nobody can send again. The agent knew how much it was.
func goneUnderWay(h *simHost) {
	log := h.path("app.log")
	h.add(log, 100)
	h.up()
	h.road.close(true)
	h.add(log, 200)
	h.wait(4)
	h.kill(false)
	h.remove(log)
	h.road.close(false)
	h.up()
	if !*mustDeclare {
		return
	}
	h.road.mu.Lock()
	defer h.road.mu.Unlock()
	for _, l := range h.lines {
		if len(h.road.arrived[l.text]) == 0 && !h.declared(l) {
			h.t.Errorf("nobody told that %.30s, at %d, is lost", l.text, l.offset)
			return
		}
	}
}

// declared reports whether a range that was dropped covers a line. The caller holds the road's mu.
func (h *simHost) declared(l simLine) bool {
	first := uint64(l.offset)
	for _, s := range h.streams()[l.run] {
		for _, r := range h.road.ranges[s] {
			if r.kind == batch.Dropped && r.first <= first && first+uint64(len(l.text)) < r.end {
				return true
			}
		}
	}
	return false
}

// lateAfterQuiet has a log that was quiet for longer than deleted files are held, and is written once more when it is gone.
func lateAfterQuiet(h *simHost) {
	w := h.open(h.path("app.log"), 0)
	w.lines(10)
	h.up()
	h.wait(15)
	h.remove(w.path)
	h.wait(0.5)
	w.lines(20)
	h.settle()
	h.sawAll()
	w.close()
}

// sawAll demands each line that was written.
func (h *simHost) sawAll() {
	h.t.Helper()
	for _, l := range h.lines {
		if !h.road.has(l.text) {
			h.t.Errorf("%.30s did not come, and could be read", l.text)
			return
		}
	}
}

// shortCopy leaves a copy of the first lines of a log that nothing was confirmed of, and the whole of it in an archive.
func shortCopy(h *simHost) {
	log := h.path("app.log")
	h.add(log, 100)
	must(h.t, os.WriteFile(log+"~", h.bytes(log), 0o644))
	h.road.close(true)
	h.start()
	h.wait(4)
	h.kill(false)
	h.road.close(false)
	h.add(log, 200)
	h.rename(log, log+".1")
	h.gzip(log+".1", func() {})
	h.up()
}

// headerAgain has a log of which nothing but a constant header was seen, and one that was written and rotated meanwhile.
func headerAgain(h *simHost) {
	h.headers = 4
	log := h.path("app.log")
	h.add(log, 0)
	h.start()
	h.wait(4)
	h.end()
	h.rename(log, log+".2")
	h.add(log, 50)
	h.rename(log, log+".1")
	h.add(log, 10)
	h.up()
}
