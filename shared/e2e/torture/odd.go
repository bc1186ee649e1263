package main

import (
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// odd are scenarios about names that lead elsewhere, or to what is no file.
var odd = []scenario{
	{number: 22, title: "current -> A switched to B, while A goes on", short: true, takes: 40 * time.Second, play: switchedLink},
	{number: 34, title: "pipes, devices, sockets and directories by the name of logs", once: true, short: true, takes: 40 * time.Second, play: noFiles},
	{number: 202, title: "a link of somebody else's to a file that is not his", once: true, takes: 20 * time.Second, play: plantedLink},
	{number: 203, title: "names with blanks, line ends and bytes that are no text", once: true, short: true, takes: 30 * time.Second, play: oddNames},
}

// switchedLink is 22: A is read to its end, whatever is written to it after the switch, and B from its beginning.
func switchedLink(h *host) {
	h.follow("current")
	h.must("make a directory", os.Mkdir(h.path("all"), 0o755))
	a := h.create("all/A")
	h.must("link", os.Symlink("all/A", h.path("current")))
	a.lines(h.n(50_000, 5_000))
	h.start()
	h.seen(a)
	b := h.create("all/B")
	b.lines(h.n(20_000, 2_000))
	h.must("link", os.Symlink("all/B", h.path("next")))
	h.rename("next", "current")
	end := a.flow(500)
	h.sleep(h.d(10*time.Second, 4*time.Second))
	end()
	b.lines(1000)
	h.read(a)
}

// noFiles is 34: nobody opens them, and the file beside them is read.
func noFiles(h *host) {
	h.needRoot("making devices")
	h.cfg.Globs = []string{h.path("*.log")}
	if h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path("*.log*"))
	}
	h.must("make a pipe", syscall.Mkfifo(h.path("pipe.log"), 0o644))
	h.must("make a device", syscall.Mknod(h.path("zero.log"), syscall.S_IFCHR|0o644, 1<<8|5))
	h.must("make a device", syscall.Mknod(h.path("disk.log"), syscall.S_IFBLK|0o644, 7<<8|255))
	h.must("make a directory", os.Mkdir(h.path("folder.log"), 0o755))
	h.must("link", os.Symlink("loop.log", h.path("loop.log")))
	h.must("link", os.Symlink("nowhere", h.path("dangling.log")))
	h.must("link", os.Symlink("pipe.log", h.path("topipe.log")))
	l, err := net.Listen("unix", h.path("sock.log"))
	h.must("listen", err)
	h.cleanup(func() { l.Close() })
	w := h.create("app.log")
	w.lines(h.n(10_000, 1_000))
	h.start()
	h.read(w)
	h.must("make a pipe", syscall.Mkfifo(h.path("late.log"), 0o644))
	w.lines(1000)
	h.read(w)
	if n := h.holds(); n > 1 {
		h.complain("%d files are open, and one is a log", n)
	}
}

// plantedLink is 202: a link in a directory that somebody else may write is not followed, for it could lead anywhere.
func plantedLink(h *host) {
	h.needRoot("giving files away")
	h.cfg.Globs = []string{h.path("app.log"), h.path("his", "*.log")}
	h.must("make a directory", os.Mkdir(h.path("his"), 0o755))
	secret := h.path("secret")
	h.must("write", os.WriteFile(secret, []byte("root:secret\n"), 0o600))
	h.must("link", os.Symlink(secret, h.path("his", "x.log")))
	h.must("give away", os.Lchown(h.path("his", "x.log"), 65534, 65534))
	h.must("give away", os.Chown(h.path("his"), 65534, 65534))
	w := h.create("app.log")
	w.lines(1000)
	h.start()
	h.read(w) // any other text that arrives is a fault
}

// oddNames is 203: each is read, and none makes an event that is no JSON.
func oddNames(h *host) {
	h.follow("app")
	h.cfg.Globs = []string{h.path("app*")}
	for _, name := range []string{
		"app with blanks.log", "app\nline.log", "app\"quoted\\.log", "app\xff\xfe.log", "app'; rm -rf x;'.log", "app$(id).log",
		"app" + strings.Repeat("x", 240) + ".log", "app[1].log", "app*.log", "appé.log", "app.log.1.2.3",
	} {
		h.create(name).lines(h.n(1_000, 200))
	}
	h.start()
}
