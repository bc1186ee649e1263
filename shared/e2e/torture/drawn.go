package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// drawn are scenarios of which nobody has written down the steps.
var drawn = []scenario{
	{number: 150, title: "a host that does what a seed says", short: true, takes: 3 * time.Minute, play: drawnHost},
}

// life is a host that does one thing after the other. It removes nothing that was not read, so that nothing may be lost.
type life struct {
	*host
	w      *writer
	late   *writer  // writes to the file that was renamed last
	plain  []string // rotated names that nobody writes to
	copies []string
	n      int
	down   bool
}

// drawnHost is 150. What is done, and for how long it is waited, depends on the seed and the variant alone.
func drawnHost(h *host) {
	h.follow("app.log")
	// What was done, for who looks into the folder.
	steps, err := os.Create(filepath.Join(h.dir, "steps"))
	h.must("note the steps", err)
	h.cleanup(func() { steps.Close() })
	l := &life{host: h, w: h.create("app.log")}
	h.start()
	acts := []struct {
		weight int
		name   string
		do     func()
	}{
		{30, "write", l.write}, {12, "rename", l.rotate}, {8, "rename, told later", l.rotateLate}, {8, "copytruncate", l.copyTruncate},
		{12, "gzip", l.pack}, {6, "kill", l.crash}, {5, "stop", l.rest}, {4, "freeze", l.pause}, {4, "block", l.blockRoad},
		{3, "cut", l.cut}, {3, "copy", l.copy}, {3, "remove a copy", l.dropCopy}, {3, "remove and create", l.replace},
		{3, "touch", l.touch}, {3, "rename there and back", l.thereAndBack}, {3, "replace by the same", l.save},
	}
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	for range h.n(200, 40) {
		at := h.rnd.IntN(total)
		for _, a := range acts {
			if at -= a.weight; at < 0 {
				fmt.Fprintf(steps, "%s %s\n", time.Now().Format("15:04:05.000"), a.name)
				a.do()
				break
			}
		}
		if h.rnd.IntN(3) == 0 {
			h.sleep(time.Duration(h.rnd.IntN(1500)) * time.Millisecond)
		}
	}
	l.letGo()
	l.up()
}

func (l *life) write() {
	l.w.lines(1 + l.rnd.IntN(2000))
	if l.late != nil {
		l.late.lines(l.rnd.IntN(500))
	}
}

// letGo ends the writer of the file that was renamed last.
func (l *life) letGo() {
	if l.late != nil {
		l.plain = append(l.plain, filepath.Base(l.late.path))
		l.late.close()
		l.late = nil
	}
}

// next renames the live file to a name that never was.
func (l *life) next() string {
	l.n++
	to := fmt.Sprintf("app.log.%d", l.n)
	l.rename("app.log", to)
	return to
}

func (l *life) rotate() {
	l.letGo()
	to := l.next()
	l.w.reopen()
	l.plain = append(l.plain, to)
}

func (l *life) rotateLate() {
	l.letGo()
	to := l.next()
	l.late = l.w
	l.w = l.create("app.log")
	l.late.path = l.path(to)
}

func (l *life) copyTruncate() {
	l.n++
	to := fmt.Sprintf("app.log.%d", l.n)
	l.w.emptied(func() error {
		_, err := l.try("cp", "-p", l.w.path, l.path(to))
		return errors.Join(err, os.Truncate(l.w.path, 0))
	})
	l.plain = append(l.plain, to)
}

func (l *life) pack() {
	if len(l.plain) == 0 {
		return
	}
	i := l.rnd.IntN(len(l.plain))
	l.gzip(l.plain[i])
	l.plain = slices.Delete(l.plain, i, i+1)
}

// up starts the agent if it is down.
func (l *life) up() {
	if l.down {
		l.start()
		l.down = false
	}
}

func (l *life) crash() {
	if l.down {
		l.up()
		return
	}
	l.kill()
	l.down = true
	if l.rnd.IntN(2) == 0 {
		l.up()
	}
}

func (l *life) rest() {
	if l.down {
		l.up()
		return
	}
	l.stop()
	l.down = true
}

func (l *life) pause() {
	if l.down {
		return
	}
	l.freeze()
	l.write()
	if l.rnd.IntN(2) == 0 {
		l.rotate()
		l.write()
	}
	l.sleep(time.Duration(l.rnd.IntN(1000)) * time.Millisecond)
	l.thaw()
}

func (l *life) blockRoad() {
	l.block()
	l.write()
	l.sleep(time.Duration(l.rnd.IntN(2000)) * time.Millisecond)
	l.unblock()
}

func (l *life) copy() {
	to := fmt.Sprintf("app.log.bak%d", len(l.copies))
	l.run("cp", "-p", l.w.path, l.path(to))
	l.copies = append(l.copies, to)
}

func (l *life) dropCopy() {
	for _, name := range l.copies {
		if _, err := os.Stat(l.path(name)); err == nil {
			l.remove(name)
			return
		}
	}
}

// replace removes the live file when all of it was read.
func (l *life) replace() {
	l.up()
	l.read(l.w)
	l.remove("app.log")
	l.w.reopen()
}

func (l *life) touch() {
	l.run("touch", append([]string{"-c", l.w.path}, l.glob("app.log.*")...)...)
}

func (l *life) thereAndBack() {
	l.rename("app.log", "app.log.tmp")
	l.w.lines(l.rnd.IntN(300))
	l.sleep(time.Duration(l.rnd.IntN(1200)) * time.Millisecond)
	l.rename("app.log.tmp", "app.log")
	l.w.lines(l.rnd.IntN(300))
}

// save replaces the live file by one of the same content, as an editor does.
func (l *life) save() {
	l.run("cp", "-p", l.w.path, strings.TrimSuffix(l.w.path, ".log")+"-new")
	l.must("replace", os.Rename(strings.TrimSuffix(l.w.path, ".log")+"-new", l.w.path))
	l.must("open again", l.w.follow())
}
