package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// rotations are scenarios about files that are renamed.
var rotations = []scenario{
	{number: 3, title: "20 renames a second under load", short: true, alone: true, takes: 90 * time.Second, play: renameFast},
	{number: 4, title: "five rotations while the agent is stopped", short: true, takes: 40 * time.Second, play: rotatedAway},
	{number: 5, title: "three rotations while the agent is frozen", short: true, takes: 70 * time.Second, play: rotatedFrozen},
	{number: 6, title: "the writer goes on with the rotated file", short: true, takes: 80 * time.Second, play: lateWriter},
	{number: 12, title: "delaycompress, dateext, olddir", short: true, takes: 90 * time.Second, play: manyWays},
	{number: 103, title: "20 renames a second under load, 40 kept", alone: true, takes: 90 * time.Second, play: renameFastMany},
}

// shift renames f.N-1 to f.N and so on, and f to f.1; what was f.N is gone.
func (h *host) shift(name string, keep int) error {
	for n := keep - 1; n >= 0; n-- {
		from := h.path(name)
		if n > 0 {
			from = fmt.Sprintf("%s.%d", from, n)
		}
		err := os.Rename(from, fmt.Sprintf("%s.%d", h.path(name), n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// renameFast is 3. As the list has it, f.2 is replaced by the next: a content has a name for 150 ms.
func renameFast(h *host) { h.renameFast(h.n(2, 10)) }

func renameFastMany(h *host) { h.renameFast(40) }

func (h *host) renameFast(keep int) {
	h.follow("app.log")
	h.start()
	w := h.create("app.log")
	w.lines(10)
	h.read(w)
	end := w.flow(h.n(50_000, 20_000))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < h.d(60*time.Second, 5*time.Second); <-tick.C {
		h.must("rotate", w.again(func() error { return h.shift("app.log", keep) }))
	}
	end()
}

// rotatedAway is 4: all comes when the agent is back, the oldest first.
func rotatedAway(h *host) {
	h.follow("app.log")
	rotate := h.rotation("app.log", "rotate 9\ncreate")
	w := h.create("app.log")
	h.start()
	w.lines(h.n(20_000, 2_000))
	h.seen(w)
	h.stop()
	for range 5 {
		w.lines(h.n(20_000, 2_000))
		rotate.now()
		w.reopen()
	}
	w.lines(h.n(20_000, 2_000))
	h.start()
	h.arrived()
	h.oldestFirst()
}

// rotatedFrozen is 5.
func rotatedFrozen(h *host) {
	h.follow("app.log")
	rotate := h.rotation("app.log", "rotate 9\ncreate")
	w := h.create("app.log")
	h.start()
	end := w.flow(2000)
	h.seen(w)
	h.freeze()
	for range 3 {
		h.sleep(h.d(10*time.Second, 2*time.Second))
		rotate.now()
		w.reopen()
	}
	h.thaw()
	h.sleep(h.d(5*time.Second, time.Second))
	end()
}

// lateWriter is 6: nginx goes on with the old file until it is told. The last archive is made of a file that was
// written to after the next one had begun.
func lateWriter(h *host) {
	h.follow("app.log")
	rotate := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	w := h.create("app.log")
	h.start()
	end := w.flow(1000)
	h.seen(w)
	for range h.n(4, 3) {
		rotate.now()
		h.sleep(h.d(10*time.Second, 3*time.Second))
		w.reopen()
		h.sleep(time.Second)
	}
	end()
}

// manyWays is 12.
func manyWays(h *host) {
	h.must("make a folder", os.Mkdir(h.path("old"), 0o755))
	ways := []struct{ name, lines string }{
		{"delayed.log", "rotate 9\ncreate\ncompress\ndelaycompress"},
		{"dated.log", "rotate 9\ncreate\ncompress\ndateext\ndateformat -%Y%m%d-%s"},
		{"moved.log", "rotate 9\ncreate\nolddir " + h.path("old")},
		{"packed.log", "rotate 9\ncreate\ncompress\nolddir " + h.path("old") + "\nextension .log"},
	}
	for _, way := range ways {
		h.follow(way.name, "old/"+way.name+"*")
	}
	if h.rotated { // by extension, the name does not begin as that of the live file
		h.cfg.Globs = append(h.cfg.Globs, h.path("old", "packed.*"), h.path("packed.*"))
	}
	h.start()
	for _, way := range ways {
		rotate, w := h.rotation(way.name, way.lines), h.create(way.name)
		end := w.flow(1000)
		h.seen(w)
		for range h.n(6, 3) {
			// Whoever compresses at once takes for granted that nobody writes meanwhile.
			h.must("rotate", w.again(func() error { return rotate.try() }))
			h.sleep(h.d(2*time.Second, 1100*time.Millisecond))
		}
		end()
	}
}
