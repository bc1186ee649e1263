package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// rotators are scenarios of frameworks and scripts that give rotated files names of their own.
var rotators = []scenario{
	{number: 411, title: "Python: two processes rotate one file, and one is kept", takes: 30 * time.Second, play: twoPythons},
	{number: 412, title: "Python: the suffix of a day comes twice, with a rotator that gzips", takes: 30 * time.Second, play: daySuffix},
	{number: 413, title: "lumberjack: a time with milliseconds before the ending, compressed later", takes: 30 * time.Second, play: lumberjack},
	{number: 414, title: "log4j: a folder for each month, and a date that begins with it", takes: 30 * time.Second, play: monthFolders},
	{number: 415, title: "pm2-logrotate: copied through gzip, then emptied", takes: 30 * time.Second, play: pm2},
	{number: 416, title: "one rotated name, written over each time, compressed later", takes: 30 * time.Second, play: oneName},
	{number: 417, title: "svlogd whose processor is gzip: archives without an ending", takes: 30 * time.Second, play: svlogd},
	{number: 418, title: "compressext that no one knows", takes: 30 * time.Second, play: oddEnding},
	{number: 419, title: "cronolog: a folder a day, and a link to the present file", takes: 30 * time.Second, play: cronolog},
	{number: 420, title: "archives are joined to one of the month", takes: 30 * time.Second, play: monthArchive},
	{number: 421, title: "rotated files are packed into a tar, a zip, a tar.gz", takes: 30 * time.Second, play: bundled},
	{number: 422, title: "archives are excluded, and the agent is far behind", takes: 30 * time.Second, play: excluded},
	{number: 423, title: "gzip was killed before it removed the file, and logrotate goes on", takes: 30 * time.Second, play: gzipKilled},
	{number: 424, title: "copytruncate, dateext, olddir and compress, agent killed", takes: 30 * time.Second, play: copiedToOldDir},
}

// twoPythons is 411: each renames what it finds over what the other has just rotated, and goes on in what it has open.
func twoPythons(h *host) {
	h.follow("app.log")
	h.start()
	one := h.create("app.log")
	two := h.create("app.log")
	one.lines(500)
	two.lines(500)
	h.read(one)
	h.read(two)
	over := func() error { return os.Rename(h.path("app.log"), h.path("app.log.1")) }
	for i := range 3 {
		h.block()
		one.lines(400)
		two.lines(400)
		h.sleep(2 * time.Second)
		h.must("rotate", one.again(over))
		two.lines(100)
		one.lines(100)
		h.sleep(time.Duration(i) * 600 * time.Millisecond)
		h.must("rotate", two.again(over)) // what one has open is the only kept one now, and the first is gone
		one.lines(100)
		two.lines(100)
		h.sleep(time.Second)
		h.unblock()
		h.arrived()
	}
	one.reopen()
	one.lines(10)
	h.arrived()
}

// daySuffix is 412: at the end of summer time, or when a program is started twice a day, the name is there already.
func daySuffix(h *host) {
	w := h.begin(1000)
	rotator := func(name string) func() error {
		return func() error {
			_, err := h.try("bash", "-ec", fmt.Sprintf("gzip -c app.log >%s.gz && rm app.log", name))
			return err
		}
	}
	for i, name := range []string{"app.log.2026-10-25_02", "app.log.2026-10-25_02", "app.log.2026-10-25_03", "app.log.2026-10-25_02"} {
		w.lines(500)
		if i%2 == 1 {
			h.read(w) // what was archived first is gone then
			h.sleep(time.Second)
			h.stop()
		} else {
			h.block()
		}
		w.lines(5 * (i % 2))
		h.must("rotate", w.again(rotator(name)))
		w.lines(300)
		h.sleep(time.Second)
		h.unblock()
		if i%2 == 1 {
			h.start()
		}
		h.read(w)
	}
	h.arrived()
	h.quiet(h.calm)
}

// lumberjack is 413.
func lumberjack(h *host) {
	h.follow("app.log")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("app-*"))
	}
	w := h.create("app.log")
	h.start()
	var names []string
	for i := range 6 {
		w.lines(600)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		if i%3 == 1 {
			h.kill()
		}
		w.lines(200)
		name := fmt.Sprintf("app-2026-11-2%dT12-00-00.%03d.log", i, 100*i)
		h.must("rotate", w.again(func() error { return os.Rename(w.path, h.path(name)) }))
		names = append(names, name)
		w.lines(50)
		if i > 1 { // by a goroutine of its own, and only two are kept
			h.shell(fmt.Sprintf("gzip -c %[1]s >%[1]s.gz; rm %[1]s", names[i-1]))
		}
		if i > 3 {
			h.remove(names[i-3] + ".gz")
		}
		if i%3 == 1 {
			h.start()
		}
		h.read(w)
	}
	h.quiet(h.calm)
}

// monthFolders is 414, as "$${date:yyyy-MM}/app-%d{MM-dd-yyyy}-%i.log.gz" says.
func monthFolders(h *host) {
	h.follow("app.log")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("*", "app-*.log.gz"))
	}
	w := h.create("app.log")
	h.start()
	for i := range 4 {
		w.lines(2000)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		down := i == 2 && h.rotated // where no glob takes the archive, nobody can find it then
		if down {
			h.stop()
		}
		w.lines(200)
		h.must("rotate", w.again(func() error {
			_, err := h.try("bash", "-ec", fmt.Sprintf("mkdir -p 2026-1%d; gzip -c app.log >2026-1%d/app-1%d-23-2026-1.log.gz; rm app.log", i/2, i/2, i/2))
			return err
		}))
		w.lines(100)
		if down {
			h.start()
		}
		h.read(w)
		h.sleep(time.Second)
		h.shell(fmt.Sprintf("mv 2026-1%d/app-1%d-23-2026-1.log.gz 2026-1%d/app-1%d-23-2026-%d.log.gz", i/2, i/2, i/2, i/2, i+2))
	}
	h.arrived()
	h.quiet(h.calm)
}

// pm2 is 415: the copy has a name that says nothing.
func pm2(h *host) {
	h.follow("app-out.log")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("app-out__*"))
	}
	w := h.create("app-out.log")
	h.start()
	for i := range 4 {
		w.lines(1500)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		down := i == 2 && h.rotated
		switch {
		case down:
			h.kill()
		case i == 1:
			h.block()
		}
		if !down {
			w.lines(10) // seen before it is emptied
			h.sleep(time.Second)
		} else {
			w.lines(100)
		}
		if i == 1 || i == 3 {
			h.unblock()
			h.read(w)
		}
		w.emptied(func() error {
			_, err := h.try("bash", "-ec", fmt.Sprintf("gzip -c app-out.log >app-out__2026-11-23_12-0%d-00.log.gz; : >app-out.log", i))
			return err
		})
		w.lines(50 + 100*i)
		if down {
			h.start()
		}
		h.arrived()
		h.sleep(time.Second)
	}
	h.rules.doubt = true
	h.quiet(h.calm)
}

// oneName is 416: a script for nginx that keeps the last one only; compression comes hours later, by another.
func oneName(h *host) {
	h.follow("access.log")
	w := h.create("access.log")
	h.start()
	for i := range 5 {
		w.lines(800)
		h.read(w)
		if i == 3 {
			h.freeze()
		}
		h.rename("access.log", "access.log.0")
		w.lines(300) // before it is told
		w.reopen()
		w.lines(200)
		h.sleep(1200 * time.Millisecond)
		if i == 3 {
			h.thaw()
		}
		if i > 2 {
			h.sleep(time.Second)
			h.shell("gzip -c access.log.0 >access.log.0.gz")
		}
		h.read(w)
		h.sleep(time.Second)
	}
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
}

// svlogd is 417: nothing of what is packed may come as lines.
func svlogd(h *host) {
	h.follow("current")
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("@*"))
	}
	w := h.create("current")
	h.start()
	for i := range 4 {
		w.lines(1000)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		if i == 2 && h.rotated {
			h.stop()
			w.lines(200)
		}
		name := fmt.Sprintf("@4000000069%08x", 1000+i)
		h.must("rotate", w.again(func() error { return os.Rename(w.path, h.path(name+".u")) }))
		h.shell(fmt.Sprintf("gzip -c <%[1]s.u >%[1]s.t; mv %[1]s.t %[1]s.s; rm %[1]s.u", name))
		w.lines(100)
		if i == 2 && h.rotated {
			h.start()
		}
		h.read(w)
		h.sleep(2 * time.Second)
	}
	h.arrived()
	h.quiet(h.calm)
}

// oddEnding is 418: the same, by logrotate.
func oddEnding(h *host) {
	w := h.begin(1000)
	for i, ext := range []string{".gzip", ".z", ".gz_", ".zs"} {
		cmd := "gzip"
		options := "-6"
		if ext == ".zs" {
			cmd, options = "zstd", "-q"
		}
		r := h.rotation("app.log", fmt.Sprintf("rotate 9\ncreate\ncompress\ncompresscmd /usr/bin/%s\ncompressoptions %s\ncompressext %s", cmd, options, ext))
		w.lines(500)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		if i == 1 {
			h.stop()
		}
		if i == 1 && h.rotated { // else there is no name by which anybody would find it
			w.lines(200)
		}
		h.must("rotate", w.again(r.try))
		w.lines(100)
		if i == 1 {
			h.start()
		}
		h.read(w)
		h.sleep(2 * time.Second)
	}
	h.arrived()
	h.quiet(h.calm)
}

// cronolog is 419: the link changes, and what it led to is compressed the day after.
func cronolog(h *host) {
	h.cfg.Globs = []string{h.path("access.log")}
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("2026", "**", "access*"))
	}
	var old *writer
	day := func(i int) string { return fmt.Sprintf("2026/11/%02d", i) }
	for i := range 6 {
		h.shell("mkdir -p " + day(i))
		w := h.create(day(i) + "/access.log")
		h.shell(fmt.Sprintf("ln -sfn %s/access.log access.log.new; mv -T access.log.new access.log", day(i)))
		if i == 0 {
			h.start()
		}
		w.lines(500)
		if old != nil {
			old.lines(20) // of a worker that has it open
			old.close()
		}
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		if i == 3 {
			h.stop()
			w.lines(100)
			h.start()
		}
		if i > 1 {
			h.shell(fmt.Sprintf("gzip %s/access.log", day(i-1)))
		}
		if i > 2 {
			h.shell("rm -r " + day(i-2))
		}
		h.arrived()
		old = w
	}
	h.quiet(h.calm)
	h.noRepeats()
}

// monthArchive is 420: members that were sent, one by one, and a last one that was not.
func monthArchive(h *host) {
	h.rules.doubt = true // of a joined archive some members were sent, and some were not
	w := h.begin(1000)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress")
	for i := range 5 {
		w.lines(500)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		if i == 2 {
			h.stop()
			w.lines(200)
		}
		h.must("rotate", w.again(r.try))
		w.lines(50)
		if i != 3 {
			h.shell("cat app.log.1.gz >>app.log-20261130.gz; rm app.log.1.gz")
		}
		if i == 2 {
			h.start()
		}
		h.arrived()
		h.sleep(2 * time.Second)
		if i == 3 {
			h.kill()
			h.shell("cat app.log.1.gz >>app.log-20261130.gz; rm app.log.1.gz")
			h.start()
			h.sleep(time.Second)
		}
	}
	h.arrived()
	h.quiet(h.calm)
}

// bundled is 421: what cannot be read is named, and nothing of it comes as lines.
func bundled(h *host) {
	w := h.begin(1000)
	for i, script := range []string{
		"tar cf app.log.1.tar app.log.1; rm app.log.1", "zip -q app.log.1.zip app.log.1; rm app.log.1",
		"tar czf app.log-2026.tar.gz app.log.1; rm app.log.1", "tar czf app.log-2027.tgz app.log.1; rm app.log.1",
		"lz4 -q app.log.1 app.log.3.lz4; rm app.log.1", "tar czf app.log-2028 app.log.1; rm app.log.1", "tar cf app.log-2029 app.log.1; rm app.log.1",
	} {
		w.lines(300)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		h.rename("app.log", "app.log.1")
		w.reopen()
		w.lines(50)
		h.sleep(500 * time.Millisecond)
		if i == 2 {
			h.arrived()
			h.sleep(time.Second)
			h.stop()
		}
		h.shell(script)
		if i == 2 {
			h.start()
		}
		h.arrived()
	}
	h.quiet(h.calm)
}

// excluded is 422: it is the file that is read, as long as it is open.
func excluded(h *host) {
	h.follow("app.log")
	h.with(`exclude: ["*.gz", "` + h.path("app.log.9") + `"]`)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress")
	w := h.create("app.log")
	h.start()
	for range 2 {
		h.block()
		for range 3 {
			met := h.logged("following file")
			w.lines(3000)
			h.sleep(time.Second)
			h.must("rotate", w.again(r.try))
			h.until("that the next file is held", h.wait, func() bool { return h.logged("following file") > met })
		}
		w.lines(100)
		h.sleep(time.Second)
		h.unblock()
		h.arrived()
		h.quiet(time.Second)
	}
	h.noRepeats()
}

// gzipKilled is 423: the same bytes lie there twice from then on, under numbers of their own.
func gzipKilled(h *host) {
	w := h.begin(1000)
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	for i := range 4 {
		w.lines(500)
		h.sleep(time.Second)
		if i == 2 {
			h.stop()
		}
		_ = w.again(r.try) // it complains of an archive that is there
		w.lines(100)
		if i > 0 {
			h.shell("if [ -f app.log.1 ]; then gzip -c app.log.1 >app.log.2.gz; cp -p app.log.1 app.log.1.dpkg-tmp; fi")
		}
		if i == 2 {
			h.start()
		}
		h.read(w)
		h.sleep(time.Second)
	}
	h.arrived()
	h.quiet(h.calm)
}

// copiedToOldDir is 424: the copies lie on another disk.
func copiedToOldDir(h *host) {
	h.mount("old", "-t", "tmpfs", "-o", "mode=755", "none")
	h.follow("app.log", filepath.Join("old", "app.log*"))
	h.with(`olddir: ["old"]`)
	r := h.rotation("app.log", "rotate 9\ncopytruncate\ndateext\ndateformat -%Y%m%d-%s\nolddir "+h.path("old")+"\ncompress")
	w := h.create("app.log")
	h.start()
	for i := range 4 {
		w.lines(1000)
		h.read(w)
		h.sleep(1200 * time.Millisecond)
		if i%2 == 1 {
			h.kill()
		} else {
			h.block()
		}
		w.lines(500)
		h.sleep(500 * time.Millisecond)
		w.emptied(r.try)
		w.lines(100 + 900*(i/2))
		h.unblock()
		if i%2 == 1 {
			h.start()
		}
		h.arrived()
	}
	h.rules.doubt = true
	h.quiet(h.calm)
}
