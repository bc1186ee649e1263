package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// oddTexts are scenarios about texts that a rotation, a kill or a writer's habit cuts.
var oddTexts = []scenario{
	{number: 322, title: "a last line that is rewritten in place", takes: 30 * time.Second, play: progress},
	{number: 323, title: "lines of exactly max_line, CR LF written apart", once: true, takes: 40 * time.Second, play: exactLines},
	{number: 324, title: "UTF-16 rotated in the middle of a surrogate", takes: 40 * time.Second, play: cutSurrogate},
	{number: 325, title: "an event of several lines cut by rotations and a kill", takes: 60 * time.Second, play: cutEvent},
	{number: 326, title: "a CRI line cut by a rotation", once: true, takes: 40 * time.Second, play: cutCRI},
	{number: 340, title: "UTF-16 emptied by copytruncate, and appended by a UTF-8 writer", takes: 30 * time.Second, play: utf16Copied},
	{number: 341, title: "half a line, a kill, copytruncate with compress, the rest", takes: 30 * time.Second, play: halfCopied},
}

// progress is 322: nothing is sent of a line before it ends, so what is sent is what it was in the end.
func progress(h *host) {
	h.follow("app.log")
	h.rules.skipped.most = 16 << 20 // what new epochs leave to older ones
	w := h.createAs("app.log", usualWidth, 0)
	h.start()
	w.lines(1000)
	h.read(w)
	for turn := range 3 {
		at := h.size()
		for i := range 12 {
			_, err := w.f.WriteAt([]byte(fmt.Sprintf("\rprogress %d: %3d%%", turn, i*9)), at)
			h.must("rewrite", err)
			h.sleep(250 * time.Millisecond)
			if turn == 1 && i == 6 {
				h.kill()
				h.start()
			}
		}
		_, err := w.f.Seek(0, 2)
		h.must("seek", err)
		h.truth.expect(fmt.Sprintf("\rprogress %d: %3d%%", turn, 99), 1)
		w.raw([]byte("\n"))
		w.lines(100)
		h.read(w)
		h.sleep(time.Second)
	}
	h.rename("app.log", "app.log.1")
	w.reopen()
	w.lines(100)
	h.read(w)
	h.gzip("app.log.1")
	h.quiet(h.calm)
}

func exactLines(h *host) {
	const most = 1024
	h.follow("app.log")
	h.with("max_line: 1024B")
	w := h.create("app.log")
	h.start()
	w.lines(10)
	h.arrived()
	for i, n := range []int{most - 1, most, most + 1, most + 2, 2 * most, most - 1, most} {
		c := fmt.Sprint("line", i)
		t := (c + "|" + strings.Repeat(c, n))[:n]
		want := t
		if n > most {
			want = t[:most]
		}
		h.truth.expect(want, 1)
		for _, part := range []string{t[:n/2], t[n/2:], "\n"} {
			w.raw([]byte(part))
			h.sleep(400 * time.Millisecond)
		}
		if i == 3 {
			h.kill()
			h.start()
		}
		w.lines(3)
		if n > most {
			h.cleanup(func() { h.tagged(want, "truncated") })
		} else {
			h.cleanup(func() {
				if s := h.came(want); slices.Contains(s.tags, "truncated") {
					h.complain("a line of %d bytes is tagged as truncated", n)
				}
			})
		}
	}
	for i := range 4 {
		t := fmt.Sprintf("of DOS %d\r", i)
		h.truth.expect(t, 1)
		w.raw([]byte(t))
		if i == 2 {
			h.sleep(time.Second)
			h.kill()
			h.start()
		}
		h.sleep(400 * time.Millisecond)
		w.raw([]byte("\n"))
	}
	w.lines(10)
}

// cutSurrogate is 324: the writer ends the letter in the renamed file, and the next begins with a mark of its own.
func cutSurrogate(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	put := func(text string) {
		h.truth.expect(text, 1)
		w.raw(utf16le(text + "\n"))
	}
	for i := range 4 {
		w.raw([]byte{0xff, 0xfe})
		for k := range 50 {
			put(fmt.Sprintf("file %d line %d with ünï € 𝄞", i, k))
		}
		text := fmt.Sprintf("file %d is cut here 𝄞 and goes on", i)
		b := utf16le(text + "\n")
		cut := len(utf16le(fmt.Sprintf("file %d is cut here ", i))) + 2 + i%2
		h.truth.expect(text, 1)
		w.raw(b[:cut])
		h.sleep(1500 * time.Millisecond)
		if i == 2 {
			h.kill()
		}
		h.rename("app.log", fmt.Sprintf("app.log-2026010%d", i))
		w.raw(b[cut:])
		w.reopen()
		if i == 2 {
			h.start()
		}
	}
	w.raw([]byte{0xff, 0xfe})
	put("the last")
	h.arrived()
	h.sleep(time.Second)
	h.gzip("app.log-20260101")
	h.quiet(h.calm)
}

// cutEvent is 325: what is in the old file is an event, and what is in the new one is another.
func cutEvent(h *host) {
	h.follow("app.log")
	h.with(`multiline: {begins: "^BEGIN", timeout: 3s}`)
	h.start()
	w := h.create("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	whole := func(i, k int) {
		t := fmt.Sprintf("BEGIN %d %d\n  at one\n  at two", i, k)
		h.truth.expect(t, 1)
		w.raw([]byte(t + "\n"))
	}
	for i := range 4 {
		for k := range 30 {
			whole(i, k)
		}
		head := fmt.Sprintf("BEGIN cut %d\n  at head", i)
		h.truth.expect(head, 1)
		w.raw([]byte(head + "\n"))
		switch i {
		case 1:
			h.sleep(500 * time.Millisecond)
			h.kill()
		case 2:
			h.sleep(5 * time.Second) // the timeout has sent it
		case 3:
			h.stop()
		}
		h.must("rotate", w.again(r.try))
		rest := fmt.Sprintf("  at rest %d", i)
		h.truth.expect(rest, 1)
		w.raw([]byte(rest + "\n"))
		if i == 1 || i == 3 {
			h.start()
		}
		h.sleep(time.Second)
	}
	whole(9, 9)
	h.arrived()
	h.quiet(h.calm)
}

// cutCRI is 326: kubelet rotates where it likes. Both halves arrive, together or each by itself, and each once.
func cutCRI(h *host) {
	h.follow("none.log")
	h.another("cri.log", "format: cri")
	h.rules.disorder = true
	var halves []string
	h.rules.stray = func(text string, _ []string) bool {
		return slices.ContainsFunc(halves, func(x string) bool { return text == x || strings.Contains(text, x) && strings.HasPrefix(text, "head") })
	}
	w := h.createAs("cri.log", 300, os.O_APPEND)
	h.start()
	part := func(kind, text string) string {
		return time.Now().UTC().Format(time.RFC3339Nano) + " stdout " + kind + " " + text + "\n"
	}
	for i := range 5 {
		for range 50 {
			criLine(w, "stdout", true)
		}
		head, tail := fmt.Sprintf("head-%d-of-it", i), fmt.Sprintf("tail-%d-of-it", i)
		halves = append(halves, head, tail)
		w.raw([]byte(part("P", head)))
		h.sleep(time.Second)
		if i%2 == 1 {
			h.kill()
		}
		h.rename("cri.log", fmt.Sprintf("cri.log.2026010%d-000000", i))
		w.reopen()
		w.raw([]byte(part("F", tail)))
		criLine(w, "stdout", true)
		if i%2 == 1 {
			h.start()
		}
		h.sleep(time.Second)
		if i > 1 {
			h.gzip(fmt.Sprintf("cri.log.2026010%d-000000", i-1))
		}
	}
	h.arrived()
	h.quiet(h.calm)
	for end := time.Now().Add(100 * time.Second); time.Now().Before(end) && (h.came("head-0-of-it").times == 0 || h.came("head-4-of-it").times == 0); {
		h.sleep(time.Second)
	}
	for _, x := range halves {
		n := 0
		h.record.mu.Lock()
		for text, s := range h.record.strays {
			if strings.Contains(text, x) {
				n += s.times
			}
		}
		h.record.mu.Unlock()
		if n != 1 {
			h.complain("%q arrived %d times", x, n)
		}
	}
}

func utf16Copied(h *host) {
	h.follow("app.log")
	w := h.create("app.log")
	h.start()
	put := func(text string) {
		h.truth.expect(text, 1)
		w.raw(utf16le(text + "\n"))
	}
	r := h.rotation("app.log", "rotate 9\ncopytruncate")
	for i := range 3 {
		w.raw([]byte{0xff, 0xfe})
		for k := range 100 {
			put(fmt.Sprintf("turn %d wide %d 𝄞", i, k))
		}
		h.arrived()
		h.sleep(time.Second)
		if i == 1 {
			h.kill()
			put("while away € one")
		}
		w.emptied(r.try)
		w.lines(200) // UTF-8
		if i == 1 {
			h.start()
		}
		h.arrived()
		h.sleep(time.Second)
		w.emptied(r.try)
	}
	w.lines(10)
}

// halfCopied is 341: the writer's line is torn by copytruncate itself; what is in the copy arrives as a part.
func halfCopied(h *host) {
	w := h.begin(1000)
	r := h.rotation("app.log", "rotate 9\ncopytruncate\ncompress")
	for i := range 3 {
		w.lines(50)
		h.read(w)
		first, rest := fmt.Sprintf("torn %d first", i), fmt.Sprintf(" and rest %d", i)
		w.raw([]byte(first))
		h.sleep(1500 * time.Millisecond)
		if i == 1 {
			h.kill()
		}
		w.emptied(r.try)
		w.raw([]byte(rest + "\n"))
		h.truth.expect(first, 1)
		h.truth.expect(rest, 1)
		w.lines(100 + i*700)
		if i == 1 {
			h.start()
		}
		h.read(w)
		h.cleanup(func() { h.tagged(first, "partial_line") })
	}
}
