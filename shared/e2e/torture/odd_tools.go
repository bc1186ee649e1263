package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// oddTools are scenarios of what other programs than logrotate do to files.
var oddTools = []scenario{
	{number: 315, title: "gzip -c f >>f.gz, and f is emptied", takes: 40 * time.Second, play: appendedArchive},
	{number: 316, title: "archives are joined", takes: 40 * time.Second, play: joinedArchives},
	{number: 328, title: "a copy that grows replaces the file again and again", takes: 30 * time.Second, play: mirrored},
	{number: 329, title: "all files come back from a tar", takes: 40 * time.Second, play: fromTar},
	{number: 330, title: "savelog", takes: 30 * time.Second, play: savelog},
	{number: 331, title: "start 0, dateformat, maxage, shred and kills", takes: 40 * time.Second, play: mixedOptions},
	{number: 333, title: "other bytes are written over the file by dd", takes: 30 * time.Second, play: overwritten},
	{number: 339, title: "rotation under odd and very long names", once: true, takes: 30 * time.Second, play: oddRotated},
	{number: 342, title: "the live file restored from its archive", takes: 30 * time.Second, play: restoredLive},
}

// mirrored is 328: what rsync does without --inplace, and then a rotation at the source.
func mirrored(h *host) {
	h.follow("app.log")
	src := filepath.Join(h.dir, "source")
	h.must("make a folder", os.Mkdir(src, 0o755))
	w := h.create(filepath.Join(src, "app.log"))
	rsync := "rsync -a --delete ../source/ ./"
	w.lines(1000)
	h.shell(rsync)
	h.start()
	h.read(w)
	for i := range 6 {
		if i == 3 {
			h.stop()
			h.shell("mv ../source/app.log ../source/app.log.1")
			w.lines(100)
			w.reopen()
		}
		w.lines(400)
		h.shell(rsync)
		if i == 3 {
			h.start()
		}
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		w.lines(100)
		h.shell("rsync -a --append ../source/ ./")
		h.read(w)
	}
	h.shell("gzip ../source/app.log.1; " + rsync)
	h.quiet(h.calm)
	h.noRepeats()
}

// appendedArchive is 315: one archive for all that ever was, a member a night.
func appendedArchive(h *host) {
	w := h.begin(1500)
	for range h.n(6, 4) {
		h.must("append", w.again(func() error {
			if _, err := h.try("sh", "-c", "gzip -c app.log >>app.log.gz"); err != nil {
				return err
			}
			return os.Truncate(w.path, 0)
		}))
		w.lines(1500)
		h.read(w)
		h.sleep(2 * time.Second)
	}
	h.quiet(h.calm)
	h.noRepeats()
}

// joinedArchives is 316: a month in one file, made of those of its days.
func joinedArchives(h *host) {
	w := h.begin(1500)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress")
	for range 3 {
		r.now()
		w.reopen()
		w.lines(1500)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
	}
	h.shell("cat app.log.3.gz app.log.2.gz >app.log-old.gz")
	h.sleep(2 * time.Second)
	h.shell("rm app.log.3.gz app.log.2.gz; cat app.log.1.gz >>app.log-old.gz; rm app.log.1.gz")
	w.lines(100)
	h.read(w)
	h.quiet(h.calm)
	h.noRepeats()
}

func fromTar(h *host) {
	w := h.begin(1000)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	for range 3 {
		r.now()
		w.reopen()
		w.lines(600)
		h.read(w)
		h.sleep(time.Second)
	}
	h.stop()
	h.shell("tar cf ../all.tar . && rm app.log* && tar xf ../all.tar")
	h.must("open again", w.follow())
	w.lines(100)
	h.start()
	h.read(w)
	h.sleep(2 * time.Second)
	h.shell("tar cf ../all.tar . && rm app.log* && sleep 2 && tar xf ../all.tar")
	h.must("open again", w.follow())
	w.lines(100)
	h.rules.doubt = true
	h.read(w)
	h.quiet(h.calm)
}

func savelog(h *host) {
	w := h.begin(1000)
	for i := range 4 {
		flags := []string{"-n", "-t", "-c", "5"}
		if i%2 == 0 {
			flags = append(flags, "-l")
		}
		w.lines(500)
		h.run("savelog", append(flags, h.path("app.log"))...)
		w.reopen()
		w.lines(300)
		h.sleep(1200 * time.Millisecond)
		if i == 2 {
			h.kill()
			h.start()
		}
	}
	h.read(w)
	h.quiet(h.calm)
}

func mixedOptions(h *host) {
	h.follow("app.log")
	a := h.rotation("app.log", "rotate 4\nstart 0\ncreate\ncompress\ndelaycompress\nmaxage 3\nshred")
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	for i := range 6 {
		w.lines(1500)
		if i%2 == 1 {
			h.kill()
		}
		h.must("rotate", w.again(a.try))
		w.lines(500)
		if i%2 == 1 {
			h.start()
		}
		h.read(w)
		h.sleep(500 * time.Millisecond)
	}
	h.arrived()
}

func overwritten(h *host) {
	w := h.begin(2000)
	h.must("close", w.f.Close())
	other := filepath.Join(h.dir, "other")
	o := h.create(other)
	o.lines(2000)
	o.n.path = w.path
	h.run("dd", "if="+other, "of="+w.path, "conv=notrunc", "bs=64k")
	h.rules.stray = func(text string, _ []string) bool { return true } // the rest of what stood there, cut anywhere
	h.rules.doubt = true
	h.read(o)
}

func oddRotated(h *host) {
	h.cfg.Globs = []string{h.path("app*")}
	h.start()
	long := "app" + strings.Repeat("y", 252)
	names := []string{"app\nline.log", "app\xff\xfe.log", "app[1].log", "-app.log", "app .log", "app;$(id).log"}
	h.cfg.Globs = append(h.cfg.Globs, h.path("-app*"))
	h.reconfigure(h.cfg.Globs...)
	l := h.create(long)
	l.lines(300)
	var all []*writer
	for _, name := range names {
		w := h.create(name)
		w.lines(200)
		all = append(all, w)
	}
	h.arrived()
	h.sleep(time.Second)
	for i, w := range all {
		h.rename(names[i], names[i]+".1")
		w.lines(20)
		w.reopen()
		w.lines(100)
	}
	h.rename(long, long[:250])
	l.reopen()
	l.lines(100)
	h.arrived()
	h.sleep(time.Second)
	h.stop()
	for i, w := range all {
		w.lines(10)
		h.rename(names[i]+".1", names[i]+".2")
		h.rename(names[i], names[i]+".1")
		h.gzip(names[i] + ".2")
		w.reopen()
		w.lines(5)
	}
	h.start()
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
}

func restoredLive(h *host) {
	w := h.begin(1500)
	h.rotation("app.log", "rotate 9\ncreate\ncompress").now()
	w.reopen()
	w.lines(20)
	h.read(w)
	h.sleep(2 * time.Second)
	h.rules.doubt = true
	h.shell("rm app.log; zcat app.log.1.gz >app.log")
	v := &writer{h: h, path: w.path, width: usualWidth, flags: os.O_APPEND}
	h.must("open", v.open())
	v.lines(300)
	h.read(v)
	h.gzip("app.log")
	v.reopen()
	v.lines(10)
	h.arrived()
}
