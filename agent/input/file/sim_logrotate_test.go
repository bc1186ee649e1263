package file

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rotated is how a log is rotated by the real logrotate.
type rotated struct {
	conf   string // lines of logrotate's configuration
	times  int
	gap    time.Duration // between two rotations, or so
	late   float64       // pauses after which the writer opens its log again; 0 is at once
	keeps  bool          // it never does
	down   int           // of 1000 moments, how many end or start the agent
	oldDir bool
}

// The real logrotate and its gzip: each line that is in a file at the end arrives, and under one id.
func TestLogrotate(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("logrotate")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/logrotate"); err != nil {
			t.Skip("logrotate is not installed")
		}
	}
	const gap = 250 * time.Millisecond
	f := func(name string, r rotated) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newSimHost(t, *firstSeed, 2000, 400)
			quit := make(chan struct{})
			defer close(quit)
			go h.road.run(quit)
			h.runLogrotate(program, r)
		})
	}
	f("copytruncate", rotated{conf: "copytruncate", times: 12, gap: gap, keeps: true})
	f("copytruncate compress", rotated{conf: "copytruncate\ncompress", times: 12, gap: gap, keeps: true})
	f("copytruncate compress down", rotated{conf: "copytruncate\ncompress", times: 12, gap: gap, keeps: true, down: 10})
	f("create delaycompress", rotated{conf: "create\ncompress\ndelaycompress", times: 12, gap: gap})
	f("create compress late", rotated{conf: "create\ncompress", times: 12, gap: gap, late: 3})
	f("dateext late down", rotated{conf: "create\ncompress\ndateext\ndateformat -%Y%m%d-%s", times: 4, gap: 1100 * time.Millisecond, late: 1, down: 10})
	f("olddir down", rotated{conf: "create\ncompress\ndelaycompress\nolddir old", times: 12, gap: gap, down: 10, oldDir: true})
}

func (h *simHost) runLogrotate(program string, r rotated) {
	log := h.path("app.log")
	if r.oldDir {
		h.old = h.path("old")
		must(h.t, os.Mkdir(h.old, 0o755))
		h.cfg.Paths = append(h.cfg.Paths, filepath.Join(h.old, "*"))
	}
	conf := filepath.Join(h.root, "logrotate.conf")
	su := ""
	if os.Getuid() == 0 {
		su = "su root root\n"
	}
	must(h.t, os.WriteFile(conf, fmt.Appendf(nil, "%s {\nrotate 500\nsize 1\n%s%s\n}\n", log, su, r.conf), 0o644))
	h.log = h.open(log, 0)
	h.log.lines(3)
	h.up()
	rotate := func() <-chan string {
		done := make(chan string, 1)
		h.say("logrotate starts")
		go func() {
			out, err := exec.Command(program, "-f", "-s", filepath.Join(h.root, "logrotate.state"), conf).CombinedOutput()
			done <- fmt.Sprint(strings.TrimSpace(string(bytes.ToValidUTF8(out, nil))), err)
		}()
		return done
	}
	h.writeThrough(r, rotate)
	h.finishLogrotate()
}

// writeThrough writes to the log while it is rotated again and again.
func (h *simHost) writeThrough(r rotated, rotate func() <-chan string) {
	var running <-chan string
	var movedAt time.Time
	next := time.Now().Add(r.gap)
	for n := 0; n < r.times || running != nil; {
		h.log.lines(3)
		if h.rnd.IntN(1000) < r.down {
			h.downOrUp()
		}
		if !r.keeps {
			movedAt = h.reopen(movedAt, r.late)
		}
		select {
		case out := <-running:
			h.say("logrotate: %s", out)
			running, next = nil, time.Now().Add(time.Duration(float64(r.gap)*(0.5+rand.Float64())))
		case <-time.After(time.Millisecond):
		}
		if running == nil && n < r.times && time.Now().After(next) {
			running = rotate()
			n++
		}
	}
}

func (h *simHost) downOrUp() {
	if h.stop == nil {
		h.start()
		return
	}
	h.kill(false)
}

// reopen opens the log again when it was moved and late pauses have passed since. It returns when it was seen to be moved.
func (h *simHost) reopen(movedAt time.Time, late float64) time.Time {
	if there(h.log.path) && inode(h.t, h.log.path) == h.log.stat().Ino {
		return time.Time{}
	}
	if movedAt.IsZero() {
		movedAt = time.Now()
	}
	if time.Since(movedAt).Seconds() < late*simPause.Seconds() {
		return movedAt
	}
	old := h.log
	h.log = h.open(old.path, 0)
	old.close()
	return time.Time{}
}

// finishLogrotate judges by what is in the files: what else was lost, logrotate took.
func (h *simHost) finishLogrotate() {
	for i, in := range h.reach(true) {
		if !in && h.lines[i].risk == "" {
			h.lines[i].risk = "is in no file"
		}
	}
	if names, err := filepath.Glob(filepath.Join(h.old, "app.log?*")); err != nil || len(names) == 0 {
		h.t.Fatalf("nothing was rotated: %v\n%s", err, h.history.String())
	}
	h.finish()
	v := h.judge()
	h.t.Logf("%d lines, %d of them lost by others", len(h.lines), v.risked)
	if h.drawn = true; v.bad(h) {
		h.report(v)
	}
}
