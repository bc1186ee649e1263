package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// texts are scenarios about what stands in a line, and where it ends.
var texts = []scenario{
	{number: 24, title: "a last line without its end, rotated", short: true, takes: 2 * time.Minute, play: noLineEnd},
	{number: 25, title: "a line written in three parts", takes: 40 * time.Second, play: inParts},
	{number: 26, title: "a line of 1 GiB", once: true, alone: true, takes: time.Minute, play: endlessLine},
	{number: 27, title: "short, empty and binary lines, CR and escapes", once: true, short: true, takes: 40 * time.Second, play: oddBytes},
	{number: 28, title: "bytes that are no UTF-8, UTF-16, Latin-1, byte order marks", once: true, short: true, takes: 30 * time.Second, play: encodings},
	{number: 53, title: "the parts of lines of CRI and of Docker, rotated", once: true, short: true, takes: 30 * time.Second, play: containers},
	{number: 208, title: "every line alike, in files of the same size", takes: 40 * time.Second, play: sameLines},
}

// noLineEnd is 24: such a line arrives once, says that it is partial, and the next file's first line is not glued to it.
func noLineEnd(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	ends := []func(name string){
		h.gzip,
		h.remove,
		func(string) {}, // it stays as it is
	}
	for i, end := range ends[:h.n(3, 2)] {
		w.lines(1000)
		last := fmt.Sprintf("%s the last words of file %d", h.name, i)
		h.truth.expect(last, 1)
		w.raw([]byte(last))
		h.sleep(h.d(5*time.Second, 2*time.Second))
		name := fmt.Sprintf("app.log-2026010%d", i+1)
		h.rename("app.log", name)
		w.reopen()
		w.lines(1000)
		h.read(w)
		end(name)
		h.cleanup(func() { h.tagged(last, "partial_line") })
	}
}

// inParts is 25: it is one event.
func inParts(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	for range h.n(5, 2) {
		w.lines(100)
		line := w.next()
		for part := range slices.Chunk(line, len(line)/3+1) {
			w.raw(part)
			h.sleep(2 * time.Second)
		}
	}
	w.lines(100)
}

// Of a line that is longer, so many bytes arrive by default.
const cutAt = 64 << 10

// headroom is how much more memory than ordinary lines a line without end may take.
const headroom = 2 << 20

// endlessLine is 26: it is cut, its length is told, and it takes no more memory than other lines.
func endlessLine(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	w.bytes(int64(h.n(256, 64)) << 20)
	h.arrived()
	before := h.peak()
	size := h.n(1<<30, 64<<20)
	chunk := []byte(letters)
	for range size / len(chunk) {
		w.raw(chunk)
	}
	w.raw([]byte("\n"))
	cut := letters[:cutAt]
	h.truth.expect(cut, 1)
	w.lines(1000)
	h.arrived()
	if after := h.peak(); after > before+headroom {
		h.complain("the agent took %.1f MiB, with ordinary lines %.1f", float64(after)/(1<<20), float64(before)/(1<<20))
	}
	if s := h.came(cut); s.length != strconv.Itoa(size) {
		h.complain("its length is told as %q, not %d", s.length, size)
	}
	h.tagged(cut, "truncated")
}

// oddBytes is 27: what is in a line comes as it is. A line ends with LF and nothing else; a CR before it belongs to the text.
func oddBytes(h *host) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	put := func(text string, times int) {
		h.truth.expect(text, times)
		w.raw([]byte(strings.Repeat(text+"\n", times)))
	}
	w.lines(100)
	put("x", h.n(200_000, 20_000))
	put("", 1000)
	put("of DOS\r", 100)
	put("old\rMac\rlines", 10)
	put("a\x00b\x00", 10)
	put("\x00", 10)
	put("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x08\x7f", 10)
	put("\u2028 and \u2029 and \u0085 end no line", 10)
	put(`{"a":"\u0000\"} </script> \`, 10)
	put("\t \t", 10)
	put("\v\f", 10)
	w.lines(100)
}

// encodings is 28: an event is always JSON; where the bytes are no text, it says so and has them beside the text.
func encodings(h *host) {
	h.follow("app.log")
	wide, latin := h.path("wide.log"), h.path("latin.log")
	h.cfg.Globs = append(h.cfg.Globs, wide)
	h.another("latin.log", "encoding: latin-1")
	h.start()
	bad := []string{
		"overlong \xc0\x80.", "lone surrogate \xed\xa0\x80.", "never \xff\xfe.", "caf\xe9", "cut off \xe2\x82", "beyond \xf4\x90\x80\x80.",
	}
	h.rules.stray = func(_ string, tags []string) bool { return slices.Contains(tags, "invalid_utf8") } // what they hold: see below
	w := h.create("app.log")
	w.lines(100)
	for _, text := range bad {
		w.raw([]byte(text + "\n"))
	}
	h.expectAll("", func(text string) { w.raw([]byte(text + "\n")) }, "a mark \ufeff in the middle", "€ and 𝄞 and \ufffd are text")
	w.lines(100)
	u := h.create(wide)
	u.raw([]byte{0xff, 0xfe})
	h.expectAll("wide", func(text string) { u.raw(utf16le(text + "\n")) }, "plain", "ünï €", "𝄞 of two units", "\u0a0a\u0d0a are no line ends")
	l := h.create(latin)
	h.expectAll("latin", func(text string) { l.raw(latin1(text + "\n")) }, "café", "plain", "\u0080\u00ff")
	h.arrived()
	raws := h.raws()
	h.until("the bytes of what is no text", h.wait, func() bool { raws = h.raws(); return len(raws) >= len(bad) })
	for _, text := range bad {
		if raws[text] != 1 {
			h.complain("%d events, not 1, carry the bytes of %q", raws[text], text)
		}
	}
}

// expectAll writes texts, by put, and notes that each must arrive.
func (h *host) expectAll(what string, put func(text string), all ...string) {
	for _, text := range all {
		text = what + text
		h.truth.expect(text, 1)
		put(text)
	}
}

func utf16le(text string) (b []byte) {
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func latin1(text string) (b []byte) {
	for _, r := range text {
		b = append(b, byte(r))
	}
	return b
}

// containers is 53: the parts of a line become one event, also where two streams lie among each other.
func containers(h *host) {
	h.follow("none.log")
	h.another("cri.log", "format: cri")
	h.another("docker.log", "format: docker-json")
	h.rules.disorder = true // a line is handed on when its last part has come, and lines of the other stream may be between
	h.start()
	cri, docker := h.createAs("cri.log", 300, os.O_APPEND), h.createAs("docker.log", 300, os.O_APPEND)
	for i := range h.n(20, 3) {
		for range h.n(500, 100) {
			criLine(cri, "stdout", true)
			criLine(cri, "stderr", false)
			dockerLine(docker)
		}
		h.sleep(200 * time.Millisecond)
		h.rename("docker.log", fmt.Sprintf("docker.log.%d", i+1))
		docker.reopen()
		h.rename("cri.log", fmt.Sprintf("cri.log.2026010%d-000000", i))
		cri.reopen()
	}
}

// criLine writes a line as containerd does, in two parts with a line of the other stream between them if it is to be torn.
func criLine(w *writer, stream string, torn bool) {
	line := strings.TrimSuffix(string(w.next()), "\n")
	stamp := func() string { return time.Now().UTC().Format(time.RFC3339Nano) }
	part := func(stream, kind, text string) string { return stamp() + " " + stream + " " + kind + " " + text + "\n" }
	if !torn {
		w.raw([]byte(part(stream, "F", line)))
		return
	}
	between := strings.TrimSuffix(string(w.next()), "\n")
	half := len(line) / 2
	w.raw([]byte(part(stream, "P", line[:half]) + part("stderr", "F", between) + part(stream, "F", line[half:])))
}

// dockerLine writes a line as Docker's json-file driver does, in two parts.
func dockerLine(w *writer) {
	line := string(w.next())
	half := len(line) / 2
	for _, part := range []string{line[:half], line[half:]} {
		w.raw([]byte(fmt.Sprintf(`{"log":%q,"stream":"stdout","time":%q}`+"\n", part, time.Now().UTC().Format(time.RFC3339Nano))))
	}
}

// sameLines is 208: a log of heartbeats, whose files nothing but their number tells apart; each is one whole content.
func sameLines(h *host) {
	h.follow("app.log")
	rotate := h.rotation("app.log", "rotate 30\ncreate")
	w := h.create("app.log")
	const line = "alive and well"
	h.start()
	for i := range h.n(10, 4) {
		h.truth.expect(line, 500)
		w.raw([]byte(strings.Repeat(line+"\n", 500)))
		h.sleep(2 * time.Second) // longer than a look: what is read of it is known
		if i%3 == 2 {
			h.must("age", os.Chtimes(h.path("app.log"), time.Now(), time.Now()))
		}
		rotate.now()
		w.reopen()
	}
	w.lines(1)
}
