package file

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// simOp is something that happens to a log. Anything else may happen wherever it calls step.
type simOp func(h *simHost, step func())

// simOps are all that a host does, by name.
var simOps = map[string]simOp{
	"rename": rotation(renamed, never), "delay": rotation(renamed, later), "gznow": rotation(renamed, atOnce),
	"ct": rotation(copyTruncated, never), "ctdelay": rotation(copyTruncated, later), "ctgz": rotation(copyTruncated, atOnce),
	"cp": backup, "edit": edited, "rm": removed, "hl": linked, "empty": emptied, "anew": writtenAnew,
	"trim": trimmed(false), "trimcat": trimmed(true),
}

// begin starts an operation. The function that it returns does the next part, and tells whether there are more.
func (op simOp) begin(h *simHost) (next func() bool) {
	resume, _ := iter.Pull(func(yield func(struct{}) bool) {
		op(h, func() { yield(struct{}{}) })
	})
	return func() bool {
		_, more := resume()
		return more
	}
}

// When a rotated file is compressed.
const (
	never  = iota
	later  // at the next rotation
	atOnce // at this one
)

const keepRotated = 6

func rotation(rotate func(h *simHost, to string, step func()), compress int) simOp {
	return func(h *simHost, step func()) {
		one, two := h.shift()
		rotate(h, one, step)
		switch compress {
		case later:
			h.gzip(two, step)
		case atOnce:
			h.gzip(one, step)
		}
		for range h.rnd.IntN(6) {
			step()
		}
	}
}

// shift makes room for a rotated file. It returns the name for it, and that of the one before.
func (h *simHost) shift() (one, two string) {
	h.rotated++
	base := filepath.Join(h.old, filepath.Base(h.log.path))
	name := func(n int) string {
		if h.dated {
			return fmt.Sprintf("%s-20261128-%d", base, 1764320000+h.rotated+1-n)
		}
		return fmt.Sprintf("%s.%d", base, n)
	}
	for n := keepRotated; n > 0; n-- {
		for _, ending := range []string{"", ".gz"} {
			from := name(n) + ending
			switch {
			case h.dated && n == 1 || !there(from):
			case n == keepRotated:
				h.remove(from)
			case !h.dated:
				h.rename(from, name(n+1)+ending)
			}
		}
	}
	return name(1), name(2)
}

// renamed moves the log away. Its writer may go on for a while, and an old worker for longer.
func renamed(h *simHost, to string, step func()) {
	w := h.log
	h.rename(w.path, to)
	step()
	if h.chance(60) {
		for range h.rnd.IntN(4) {
			w.write()
			step()
		}
	}
	h.late = append(h.late, w)
	h.log = h.open(w.path, 0)
	h.say("%s is opened again", filepath.Base(w.path))
	step()
	if h.chance(30) && slices.Contains(h.late, w) {
		w.write()
	}
}

// copyTruncated copies the log, and cuts it.
func copyTruncated(h *simHost, to string, step func()) {
	path := h.log.path
	h.copy(path, to, step)
	if h.chance(50) {
		step()
	}
	h.truncate(path)
	if h.chance(70) {
		h.log.header()
	}
	step()
}

// copy copies a file in pieces.
func (h *simHost) copy(from, to string, step func()) {
	src, err := os.Open(from)
	must(h.t, err)
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	must(h.t, err)
	defer dst.Close()
	h.say("begin to copy %s to %s", filepath.Base(from), filepath.Base(to))
	h.pieces(src, dst, step)
}

func (h *simHost) pieces(src io.Reader, dst io.Writer, step func()) {
	for {
		n, err := io.CopyN(dst, src, []int64{1000, 9000, 40_000}[h.rnd.IntN(3)])
		h.piece()
		if n == 0 {
			h.copying = false
			return
		}
		if err != io.EOF {
			must(h.t, err)
		}
		step()
	}
}

// gzip compresses a file as gzip(1) does: the new one has the old one's time, then the old one goes.
func (h *simHost) gzip(path string, step func()) {
	if !there(path) {
		return
	}
	src, err := os.Open(path)
	must(h.t, err)
	st, err := src.Stat()
	must(h.t, err)
	dst, err := os.Create(path + ".gz")
	must(h.t, err)
	h.say("begin to compress %s", filepath.Base(path))
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Name, z.ModTime = filepath.Base(path), st.ModTime()
	h.pieces(src, z, func() {
		_, err := buf.WriteTo(dst)
		must(h.t, err)
		step()
	})
	must(h.t, z.Close())
	h.pieces(&buf, dst, step)
	must(h.t, dst.Close())
	must(h.t, src.Close())
	must(h.t, os.Chtimes(path+".gz", st.ModTime(), st.ModTime()))
	step()
	h.remove(path)
}

func backup(h *simHost, step func()) {
	path := h.log.path
	to := path + []string{".bak", ".orig", "~", ".99"}[h.rnd.IntN(4)]
	if there(to) {
		return
	}
	h.copy(path, to, step)
}

// edited is what an editor does: another file with the same lines takes the log's place.
func edited(h *simHost, step func()) {
	w := h.log
	b, err := os.ReadFile(w.path)
	must(h.t, err)
	h.replace(w, b)
	step()
}

// replace puts a new file in the place of a log, which goes on there.
func (h *simHost) replace(w *simWriter, b []byte) {
	tmp := filepath.Join(h.root, "tmp")
	must(h.t, os.WriteFile(tmp, b, 0o644))
	run := h.runOf[w.stat().Ino]
	h.destroys("another file takes the place of "+filepath.Base(w.path), func() { must(h.t, os.Rename(tmp, w.path)) })
	h.runOf[inode(h.t, w.path)] = run
	h.log = h.open(w.path, 0)
	w.close()
}

// trimmed keeps the last lines of a log only: tail -n 100 log > new, then mv new log or cat new > log.
func trimmed(inPlace bool) simOp {
	return func(h *simHost, step func()) {
		w := h.log
		b, err := os.ReadFile(w.path)
		must(h.t, err)
		lines := slices.Collect(strings.Lines(string(b)))
		tail := []byte(strings.Join(lines[len(lines)-min(len(lines), 1+h.rnd.IntN(100)):], ""))
		h.say("keep the last %d bytes of %d of %s", len(tail), len(b), filepath.Base(w.path))
		if inPlace {
			h.destroys("cat new > "+filepath.Base(w.path), func() { must(h.t, os.WriteFile(w.path, tail, 0o644)) })
		} else {
			h.replace(w, tail)
		}
		h.begins(inode(h.t, w.path))
		step()
	}
}

func removed(h *simHost, step func()) {
	w := h.log
	h.remove(w.path)
	step()
	if h.chance(50) {
		w.write()
	}
	w.close()
	h.log = h.open(w.path, 0)
	step()
}

// linked gives the log a second name for a while.
func linked(h *simHost, step func()) {
	second := h.log.path + ".hl"
	must(h.t, os.Link(h.log.path, second))
	h.say("ln %s", filepath.Base(second))
	step()
	h.remove(second)
}

// emptied is ": > log".
func emptied(h *simHost, step func()) {
	h.truncate(h.log.path)
	step()
}

// writtenAnew is a program that starts again, and throws its old log away.
func writtenAnew(h *simHost, step func()) {
	w := h.log
	w.close()
	h.destroys("program starts with > "+filepath.Base(w.path), func() { h.log = h.open(w.path, os.O_TRUNC) })
	step()
}
