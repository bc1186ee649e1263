package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"belfry/shared/segment"
)

// states are scenarios about what an agent remembers. Those of the road (39 to 45: broker away, blocked, unbound, nacking;
// certificates; many agents at once) are played by make chaos and by the tests of the agent's ship; 36 and 46 to 50 belong to
// the syslog relay and its spool, 51 to the journal, 52 to the reload of the config.
var states = []scenario{
	{number: 33, title: "a FUSE server that stops, dies, and is mounted again", once: true, short: true, takes: 8 * time.Minute, play: deadServer},
	{number: 35, title: "the state's disk full", once: true, short: true, takes: 2 * time.Minute, play: fullState},
	{number: 37, title: "killed again and again under load", once: true, short: true, takes: 11 * time.Minute, play: killed},
	{number: 38, title: "state of a later version", once: true, short: true, takes: 40 * time.Second, play: laterState},
	{number: 204, title: "a power cut that takes back what was shipped", short: true, takes: 40 * time.Second, play: powerCut},
	{number: 205, title: "a reboot after an end in order", takes: 30 * time.Second, play: cleanReboot},
	{number: 206, title: "a second agent on the same state", once: true, takes: 30 * time.Second, play: secondAgent},
}

// stateDir is where the agent keeps what it remembers, filesDir that of its files.
func (h *host) stateDir() string { return filepath.Join(h.cfg.Dir, "state") }
func (h *host) filesDir() string { return filepath.Join(h.stateDir(), "files") }

// deadServer is 33: that a file does not answer, or is not there, says nothing about what it holds.
func deadServer(h *host) {
	s := h.share()
	h.follow("app.log")
	w := h.create(filepath.Join(s.server, "app.log"))
	w.lines(h.n(20_000, 2_000))
	h.start()
	h.read(w)
	s.freeze()
	h.cleanup(s.thaw)
	w.lines(1000)
	h.sleep(h.d(5*time.Minute, 10*time.Second))
	s.thaw()
	h.read(w)
	s.die()
	w.lines(1000)
	h.sleep(h.d(30*time.Second, 4*time.Second))
	s.unmount()
	h.sleep(h.d(30*time.Second, 4*time.Second)) // an empty folder is there
	s.mount()
	w.lines(1000)
	h.read(w)
	h.stop()
	s.unmount()
	s.die()
	s.mount()
	w.lines(1000)
	h.start()
	h.read(w)
}

// fullState is 35: the agent lives, reads on for as long as it may, and goes on when there is room. A kill while the disk
// is full, and one after it, lose nothing.
func fullState(h *host) {
	h.mount("../agent/state", "-t", "tmpfs", "-o", "size=32m", "none")
	h.follow("app.log")
	h.cfg.Globs = append(h.cfg.Globs, h.path("n*.log"))
	w := h.create("app.log")
	w.lines(1000)
	h.start()
	h.read(w)
	room := h.fill(h.stateDir())
	end := w.flow(h.n(5_000, 1_000))
	h.churn(h.n(2_000, 300))
	h.sleep(h.d(30*time.Second, 5*time.Second))
	if err := h.agent.Died(); err != nil {
		room()
		h.complain("it did not outlive a full disk: %v", err)
		h.start()
	} else {
		h.kill()
		room()
		h.start()
	}
	h.sleep(3 * time.Second)
	end()
	h.arrived()
	h.kill()
	w.lines(1000)
	h.start()
}

// churn makes so many files, one after the other, each with a line: each has to be remembered.
func (h *host) churn(files int) {
	for i := range files {
		w := h.create("n" + strconv.Itoa(i) + ".log")
		w.lines(1)
		w.close()
	}
}

// Of what one agent has under way at once: a window of so many batches of so many events (design, section 5.1). What is
// confirmed and not on its disk yet counts as well: that of a quarter of a second, here less than as much again.
const (
	window      = 64
	maxOfABatch = 1000
)

// killed is 37: nothing is lost, and a kill repeats no more than what was under way.
func killed(h *host) {
	h.follow("app.log")
	rotate := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	w := h.create("app.log")
	h.start()
	end := w.flow(h.n(10_000, 3_000))
	kills := 0
	last := time.Now()
	for begin := time.Now(); time.Since(begin) < h.d(10*time.Minute, 20*time.Second); kills++ {
		h.sleep(500*time.Millisecond + time.Duration(h.rnd.IntN(2500))*time.Millisecond)
		h.kill()
		if time.Since(last) > 8*time.Second {
			h.must("rotate", w.again(func() error { return rotate.try() }))
			last = time.Now()
		}
		h.start()
	}
	end()
	h.arrived()
	if n := h.record.count().repeats; n > kills*2*window*maxOfABatch {
		h.complain("%d kills repeated %d events", kills, n)
	}
}

// laterState is 38: an agent that meets the state of a later version refuses, and says why; it never reads all again in silence.
func laterState(h *host) {
	h.follow("app.log")
	w := h.create("app.log")
	w.lines(h.n(20_000, 2_000))
	h.start()
	h.read(w)
	h.stop()
	kept := filepath.Join(h.dir, "kept")
	h.run("cp", "-a", h.stateDir(), kept)
	h.must("write a record of the future", future(h.filesDir()))
	w.lines(1000)
	if err := h.agent.Start(h.ctx); err == nil {
		h.quiet(h.calm)
		if n := h.record.of(h.name, w.file()); n < w.written() {
			h.complain("it started on a later version's state, and has sent %d of %d lines", n, w.written())
		}
		h.kill()
	} else if !strings.Contains(h.agent.Log(), "version") {
		h.complain("it refused, and did not say that it is for the version: %v", err)
	}
	h.must("restore the state", errors.Join(os.RemoveAll(h.stateDir()), os.Rename(kept, h.stateDir())))
	h.start()
	h.read(w)
	h.noRepeats()
}

// future appends a record of a version that there is not yet to a state's log.
func future(dir string) error {
	log, err := segment.Open(dir, segment.Config{})
	if err != nil {
		return err
	}
	_, err = log.Append([]byte(`{"v":99,"unheard_of":true}`))
	return errors.Join(err, log.Sync(), log.Close())
}

// bootFile tells one boot from the next.
const bootFile = "/proc/sys/kernel/random/boot_id"

// reboot has the agent believe that the machine has started anew since its last run.
func (h *host) reboot() {
	h.needRoot("mounting over the boot id")
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	h.must("draw a boot id", err)
	name := filepath.Join(h.dir, "boot_id")
	h.must("write a boot id", os.WriteFile(name, id, 0o644))
	h.cfg.By = []string{"unshare", "--mount", "sh", "-c", "mount --bind " + name + " " + bootFile + ` && exec "$@"`, "sh"}
	h.configure()
}

// powerCut is 204: bytes that were shipped are not in the file any more, and others are written in their place. None is lost,
// none is taken for another; some come again, in doubt.
func powerCut(h *host) {
	h.follow("app.log")
	w := h.create("app.log")
	w.lines(h.n(50_000, 5_000))
	h.start()
	h.read(w)
	st, err := os.Stat(w.path)
	h.must("look at the file", err)
	w.lines(h.n(20_000, 2_000))
	h.read(w)
	h.sleep(2 * time.Second) // the cursor is on the disk
	h.kill()
	w.emptied(func() error { return os.Truncate(w.path, st.Size()) })
	w.lines(h.n(40_000, 4_000))
	h.rules.doubt = true // what stands before the cut was shipped, and is read again from the last mark
	// The new epoch begins behind what surely is as it was, and the old one leaves to it what the file has got since.
	now, err := os.Stat(w.path)
	h.must("look at the file", err)
	h.rules.skipped.most = uint64(st.Size() + now.Size())
	h.reboot()
	h.start()
	h.read(w)
	w.lines(100)
}

// cleanReboot is 205: nothing came after the last cursor, so nothing comes again.
func cleanReboot(h *host) {
	h.follow("app.log")
	rotate := h.rotation("app.log", "rotate 9\ncreate")
	w := h.create("app.log")
	w.lines(h.n(20_000, 2_000))
	h.start()
	h.read(w)
	h.stop()
	w.lines(1000)
	rotate.now()
	w.reopen()
	w.lines(1000)
	h.reboot()
	h.start()
	h.read(w)
	h.noRepeats()
}

// secondAgent is 206: it is not let in, and the first one goes on.
func secondAgent(h *host) {
	h.follow("app.log")
	w := h.create("app.log")
	h.start()
	end := w.flow(500)
	h.seen(w)
	ctx, cancel := context.WithTimeout(h.ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(h.world.bin.Dir, "belfry-agent"), "--config", h.agent.Config, "run").CombinedOutput()
	if err == nil || ctx.Err() != nil || !strings.Contains(string(out), "lock") {
		h.complain("a second agent on the same state: %v: %s", err, out)
	}
	h.sleep(3 * time.Second)
	end()
	h.read(w)
	h.noRepeats()
}
