package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// oddPlaces are scenarios about containers, mirrors, mounts, and trees of folders.
var oddPlaces = []scenario{
	{number: 431, title: "kubelet: links to pods, rotation, restarts, and the pod is removed", once: true, takes: 40 * time.Second, play: kubelet},
	{number: 432, title: "docker: json-file with max-file, compressed, the container removed", once: true, takes: 30 * time.Second, play: jsonFile},
	{number: 433, title: "rsync --inplace from a host that rotates", takes: 30 * time.Second, play: inPlace},
	{number: 434, title: "one file is bind mounted, and rotated on the host", once: true, takes: 30 * time.Second, play: boundFile},
	{number: 435, title: "one folder by two bind mounts, one comes and goes", takes: 30 * time.Second, play: boundTwice},
	{number: 436, title: "** with a link to a parent, and trees that are moved in", once: true, takes: 30 * time.Second, play: deepTree},
	{number: 437, title: "a folder for each job, moved when it is done, then compressed", takes: 2 * time.Minute, play: jobFolders},
	{number: 438, title: "the agent is stopped in order again and again while files rotate", takes: 40 * time.Second, play: stoppedOften},
	{number: 439, title: "old files are cleaned away by age, while the agent is behind", takes: 30 * time.Second, play: cleanedAway},
}

// kubelet is 431: /var/log/containers has links to links.
func kubelet(h *host) {
	h.follow("none.log")
	h.another("containers/*.log", "format: cri")
	h.rules.disorder = true
	h.shell("mkdir -p containers pods/ns_pod_uid/app")
	pod := func(n int) string { return fmt.Sprintf("pods/ns_pod_uid/app/%d.log", n) }
	link := func(n int) {
		h.shell(fmt.Sprintf("ln -sfn %s containers/new; mv -T containers/new containers/pod_ns_app-%d.log", h.path(pod(n)), n))
	}
	var w *writer
	h.start()
	for n := range 3 {
		w = h.create(pod(n))
		link(n)
		for range 40 {
			criLine(w, "stdout", false)
		}
		h.sleep(time.Second)
		for i := range 2 {
			name := fmt.Sprintf("%s.20261123-12000%d", pod(n), i)
			if i == 1 && n == 1 {
				h.stop()
			}
			for range 20 {
				criLine(w, "stdout", true)
			}
			h.rename(pod(n), name)
			w.reopen()
			for range 20 {
				criLine(w, "stderr", false)
			}
			if i == 1 {
				h.shell(fmt.Sprintf("gzip -c %[1]s.20261123-120000 >%[1]s.20261123-120000.tmp; mv %[1]s.20261123-120000.tmp %[1]s.20261123-120000.gz; rm %[1]s.20261123-120000", pod(n)))
			}
			if i == 1 && n == 1 {
				h.start()
			}
			h.sleep(1500 * time.Millisecond)
		}
		if n > 0 { // the container before the last one is collected
			h.shell(fmt.Sprintf("rm containers/pod_ns_app-%d.log; rm -f %s*", n-1, pod(n-1)))
		}
	}
	h.block()
	for range 200 {
		criLine(w, "stdout", false)
	}
	h.sleep(2 * time.Second)
	h.shell("rm -r pods/ns_pod_uid; rm containers/*")
	h.sleep(time.Second)
	h.unblock()
	h.arrived()
}

// jsonFile is 432.
func jsonFile(h *host) {
	h.follow("none.log")
	h.another("containers/*/*-json.log", "format: docker-json")
	h.rules.disorder = true
	h.start()
	for n := range 2 {
		dir := fmt.Sprintf("containers/c%d", n)
		h.shell("mkdir -p " + dir)
		log := fmt.Sprintf("%s/c%d-json.log", dir, n)
		w := h.create(log)
		for i := range 5 {
			for range 100 {
				dockerLine(w)
			}
			h.sleep(900 * time.Millisecond)
			if i == 2 {
				h.freeze()
			}
			h.shell(fmt.Sprintf("[ -f %[1]s.1.gz ] && mv %[1]s.1.gz %[1]s.2.gz; mv %[1]s %[1]s.1; :", log))
			w.reopen()
			h.shell(fmt.Sprintf("gzip -c %[1]s.1 >%[1]s.1.gz && rm %[1]s.1", log))
			for range 50 {
				dockerLine(w)
			}
			if i == 2 {
				h.thaw()
			}
		}
		h.block()
		for range 100 {
			dockerLine(w)
		}
		h.sleep(2 * time.Second)
		w.close()
		h.shell("rm -r " + dir)
		h.sleep(time.Second)
		h.unblock()
		h.arrived()
	}
}

// inPlace is 433: no file is replaced, and each gets the bytes of another.
func inPlace(h *host) {
	h.follow("app.log")
	src := filepath.Join(h.dir, "source")
	h.must("make a folder", os.Mkdir(src, 0o755))
	w := h.create(filepath.Join(src, "app.log"))
	rsync := "rsync -a --inplace ../source/ ./"
	w.lines(1000)
	h.shell(rsync)
	h.start()
	h.read(w)
	h.sleep(time.Second)
	h.rules.doubt, h.rules.skipped.most = true, 1<<22
	for i := range 4 {
		w.lines(400)
		h.shell(rsync)
		h.read(w)
		h.sleep(time.Second)
		if i == 2 {
			h.stop()
		}
		w.lines(100)
		h.shell("cd ../source; [ -f app.log.1 ] && mv app.log.1 app.log.2; mv app.log app.log.1")
		w.reopen()
		w.lines(300 + 700*(i%2))
		h.shell(rsync)
		if i == 2 {
			h.start()
		}
		h.arrived()
		h.sleep(time.Second)
	}
	h.rules.again = 20_000 // what was moved to another file's place, without evidence
	h.say("%s: %d lines came by a second id, %d in doubt", h.label, h.record.count().second, h.record.count().doubtful)
}

// boundFile is 434: the container sees the old file until it is started anew.
func boundFile(h *host) {
	h.needRoot("mounting")
	host := filepath.Join(h.dir, "app.log")
	w := h.create(host)
	h.shell(": >app.log")
	at := h.path("app.log")
	bind := func() { h.run("mount", "--bind", host, at) }
	bind()
	h.cleanup(func() { _, _ = h.try("umount", "-l", at) })
	h.cfg.Globs = []string{at}
	h.start()
	for i := range 3 {
		w.lines(500)
		h.read(w)
		h.sleep(time.Second)
		h.must("rename", os.Rename(host, host+".1"))
		w.lines(100) // still seen
		h.sleep(time.Second)
		if i == 1 {
			h.must("remove", os.Remove(host+".1"))
			w.lines(100)
		}
		h.read(w)
		w.reopen()
		w.lines(200) // not seen yet
		h.sleep(time.Second)
		if i == 1 {
			h.stop()
		}
		h.run("umount", "-l", at) // the agent has it open
		bind()
		if i == 1 {
			h.start()
		}
		h.read(w)
	}
	h.noRepeats()
}

// boundTwice is 435: a file is one, however many ways lead to it.
func boundTwice(h *host) {
	h.needRoot("mounting")
	h.shell("mkdir one two")
	h.mount("one", "-t", "tmpfs", "-o", "mode=755", "none")
	bind := func() { h.run("mount", "--bind", h.path("one"), h.path("two")) }
	bind()
	h.cleanup(func() { _, _ = h.try("umount", "-l", h.path("two")) })
	h.follow("one/app.log")
	h.follow("two/app.log")
	w := h.create("one/app.log")
	r := h.rotation("one/app.log", "rotate 9\ncreate\ncompress\ndelaycompress")
	h.start()
	for i := range 4 {
		w.lines(500)
		h.read(w)
		h.sleep(time.Second)
		if i == 1 {
			h.stop()
		}
		if i%2 == 0 {
			h.run("umount", "-l", h.path("two"))
		} else {
			bind()
		}
		w.lines(100)
		h.must("rotate", w.again(r.try))
		w.lines(100)
		if i == 1 {
			h.start()
		}
		h.read(w)
		h.sleep(time.Second)
	}
	h.quiet(h.calm)
	h.noRepeats()
}

// deepTree is 436: a link is followed to no place where one was already.
func deepTree(h *host) {
	h.cfg.Globs = []string{h.path("**", "*.log*")}
	h.with(`exclude: ["` + h.path("**", "skip", "**") + `", "*.tmp"]`)
	h.start()
	deep := "a/b/c/d/e/f/g/h"
	h.shell("mkdir -p " + deep + " skip/x; ln -s ../../.. a/b/c/up; ln -s . a/self")
	w := h.create(deep + "/app.log")
	w.lines(300)
	h.read(w)
	h.must("write", os.WriteFile(h.path("skip", "x", "app.log"), []byte("nobody wants this\n"), 0o644))
	for i := range 3 {
		out := filepath.Join(h.dir, fmt.Sprintf("tree%d", i))
		h.must("make", os.MkdirAll(out+"/v/w/x", 0o755))
		v := h.create(out + "/v/w/x/in.log")
		v.lines(300)
		o := h.create(out + "/v/old.log.1")
		o.lines(100)
		h.must("move in", os.Rename(out, h.path(fmt.Sprintf("a/tree%d", i))))
		v.lines(100)
		h.arrived()
		if i == 1 {
			h.stop()
		}
		h.rename(fmt.Sprintf("a/tree%d", i), fmt.Sprintf("a/b/moved%d", i))
		v.lines(100)
		w.lines(100)
		if i == 1 {
			h.start()
		}
		h.arrived()
		h.sleep(time.Second)
	}
	h.rename("a", "z")
	w.lines(100)
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
}

// jobFolders is 437.
func jobFolders(h *host) {
	h.shell("mkdir jobs done")
	h.cfg.Globs = []string{h.path("jobs", "*", "out.log")}
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("done", "*", "out.log*"))
	}
	h.start()
	n := h.n(500, 200)
	for i := range n {
		job := fmt.Sprintf("job-%d", i)
		h.must("make", os.Mkdir(h.path("jobs", job), 0o755))
		w := h.create(filepath.Join("jobs", job, "out.log"))
		w.lines(3 + i%40)
		if i%3 == 0 {
			h.seen(w)
		}
		h.sleep(time.Duration(i%5) * 8 * time.Millisecond)
		if i%3 == 0 {
			h.rename("jobs/"+job, "done/"+job)
			w.lines(2)
		}
		w.close()
		if i == n/2 {
			h.kill()
			h.start()
		}
	}
	h.arrived()
	h.shell("for j in jobs/*; do mv $j done/; done; gzip done/*/out.log")
	h.quiet(h.calm)
	h.shell("cd done; for j in *; do mv $j/out.log.gz $j.out.log.gz; rmdir $j; done")
	h.quiet(h.calm)
}

// stoppedOften is 438.
func stoppedOften(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 30\ncreate\ncompress")
	c := h.rotation("other.log", "rotate 30\ncopytruncate\ncompress\ndelaycompress")
	h.cfg.Globs = append(h.cfg.Globs, h.path("other.log"))
	w, o := h.create("app.log"), h.create("other.log")
	h.start()
	end := w.flow(800)
	for i := range 10 {
		h.sleep(time.Duration(100+h.rnd.IntN(1500)) * time.Millisecond)
		o.lines(300)
		done := make(chan error, 1)
		go func() { done <- w.again(r.try) }()
		h.sleep(time.Duration(h.rnd.IntN(40)) * time.Millisecond)
		h.stop()
		h.must("rotate", <-done)
		if i%2 == 0 {
			o.emptied(c.try)
			o.lines(50)
		}
		h.start()
	}
	end()
	h.rules.doubt = true
	h.arrived()
}

// cleanedAway is 439, as tmpwatch, find -delete or systemd-tmpfiles do: what the agent holds stays readable.
func cleanedAway(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 99\ncreate")
	w := h.create("app.log")
	h.start()
	w.lines(100)
	h.read(w)
	for i := range 2 {
		h.block()
		for range 4 {
			w.lines(4000)
			h.sleep(700 * time.Millisecond)
			h.must("rotate", w.again(r.try))
		}
		h.sleep(time.Second)
		if i == 1 {
			h.stop()
			h.start() // what it had open it has to find again
			h.sleep(2 * time.Second)
		}
		h.shell("touch -d '40 days ago' app.log.*; find . -name 'app.log.*' -mtime +30 -delete")
		h.sleep(time.Second)
		h.unblock()
		h.arrived()
	}
}
