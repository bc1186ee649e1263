package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/e2e/stack"
)

// archives are scenarios about compressed files.
var archives = []scenario{
	{number: 7, title: "rotated and compressed while the agent is far behind", alone: true, takes: 2 * time.Minute, play: compressedBehind},
	{number: 8, title: "all read, rotated, then compressed", short: true, takes: 40 * time.Second, play: compressedAfter},
	{number: 9, title: "SIGKILL in the middle of a 2 GB archive", once: true, alone: true, takes: 4 * time.Minute, play: killedInArchive},
	{number: 10, title: "a slow gzip", short: true, takes: 2 * time.Minute, play: slowGzip},
	{number: 11, title: "archives that are torn, flipped, of a wrong length", once: true, short: true, takes: time.Minute, play: damaged},
	{number: 13, title: "zst, bz2 and xz", short: true, takes: 40 * time.Second, play: otherPackers},
	{number: 14, title: "a bomb of 10 GB of zeros", once: true, alone: true, takes: 2 * time.Minute, play: bomb},
	{number: 107, title: "compressed while far behind, and the agent is killed", short: true, takes: time.Minute, play: compressedBehindKilled},
}

const wide = 400 // of a payload, where it is about bytes

// compressedBehind is 7: the content goes on in the descriptor that is held, or in the archive.
func compressedBehind(h *host) {
	h.behindGzip(1 << 30)
	h.unblock()
}

// behindGzip rotates and compresses a file of which the agent has sent next to nothing; its road stays blocked.
func (h *host) behindGzip(size int64) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate\ncompress\ncompressoptions -1")
	w := h.createAs("app.log", wide, os.O_APPEND)
	h.start()
	w.lines(100)
	h.read(w)
	h.block()
	w.bytes(size)
	h.sleep(2 * time.Second)
	r.now()
	w.reopen()
	w.lines(100)
	h.sleep(time.Second)
}

// compressedBehindKilled goes on in the archive: no descriptor survives the agent.
func compressedBehindKilled(h *host) {
	h.behindGzip(int64(h.n(256<<20, 24<<20)))
	h.kill()
	h.unblock()
	h.start()
	half := h.truth.lines() / 2
	h.until("half of it", 2*time.Minute, func() bool { return h.record.count().distinct > half })
	h.kill()
	h.start()
}

// compressedAfter is 8: what was read before comes no second time, not even as a repeat.
func compressedAfter(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate")
	w := h.create("app.log")
	h.start()
	w.lines(h.n(100_000, 10_000))
	h.read(w)
	r.now()
	w.reopen()
	w.lines(100)
	h.read(w)
	h.sleep(h.d(5*time.Second, 2*time.Second))
	h.gzip("app.log.1")
	h.quiet(h.calm)
	h.noRepeats()
}

// outside writes lines to a file that is not among the logs, and returns its path: what it is made into, moves there.
func (h *host) outside(name string, width int, size int64) string {
	path := filepath.Join(h.dir, name)
	w := h.createAs(path, width, os.O_APPEND)
	w.bytes(size)
	w.close()
	return path
}

// unlimited lets an agent that knows a rate of backfill read as fast as it can.
func (h *host) unlimited() {
	h.optional("backfill: 30d")
	h.optional("backfill_rate: 0")
}

// resumeWithin is how long an agent may take to find its place in an archive again, with its start.
const resumeWithin = 3 * time.Second

// killedInArchive is 9.
func killedInArchive(h *host) {
	h.follow("app.log")
	h.unlimited()
	plain := h.outside("big", wide, int64(h.n(2<<30, 64<<20)))
	h.run("gzip", "-1", plain)
	h.must("move", os.Rename(plain+".gz", h.path("app.log.1.gz")))
	h.start()
	half := h.truth.lines() / 2
	h.until("half of it", 5*time.Minute, func() bool { return h.record.count().distinct > half })
	h.kill()
	h.quiet(3 * time.Second) // what was on its way
	before, begin := h.record.count().distinct, time.Now()
	h.start()
	h.until("more of it", time.Minute, func() bool { return h.record.count().distinct > before })
	took := time.Since(begin)
	h.say("%s: %v from the start of the agent to the first new line", h.label, took.Round(10*time.Millisecond))
	if took > resumeWithin {
		h.complain("the agent took %v to go on in the archive", took.Round(10*time.Millisecond))
	}
}

// slowly writes files in many pieces, all at the same pace.
func (h *host) slowly(length time.Duration, archives map[string][]byte) {
	const pieces = 100
	files := map[string]*os.File{}
	for path := range archives {
		f, err := os.Create(path)
		h.must("write slowly", err)
		defer f.Close()
		files[path] = f
	}
	for i := range pieces {
		for path, text := range archives {
			_, err := files[path].Write(text[len(text)*i/pieces : len(text)*(i+1)/pieces])
			h.must("write slowly", err)
		}
		h.sleep(length / pieces)
	}
}

// zipped is what gzip makes of a file, which stays.
func (h *host) zipped(path string) []byte { return []byte(h.run("gzip", "-c", path)) }

// slowGzip is 10: an archive appears beside the file of which the agent had not read all; in variant a, another of a
// content that it does not know.
func slowGzip(h *host) {
	h.follow("app.log")
	r := h.rotation("app.log", "rotate 9\ncreate")
	w := h.createAs("app.log", wide, os.O_APPEND)
	h.start()
	w.lines(100)
	h.read(w)
	h.block()
	w.bytes(int64(h.n(64<<20, 8<<20)))
	r.now()
	w.reopen()
	h.sleep(time.Second)
	length := h.d(60*time.Second, 6*time.Second)
	archives := map[string][]byte{h.path("app.log.1.gz"): h.zipped(h.path("app.log.1"))}
	if h.rotated {
		archives[h.path("app.log-20260101.gz")] = h.zipped(h.outside("other", wide, int64(h.n(32<<20, 4<<20))))
	}
	time.AfterFunc(length/2, h.unblock)
	h.slowly(length, archives)
	h.remove("app.log.1")
	w.lines(100)
	h.arrived()
	if n := h.logged(".gz", "level=WARN") + h.logged(".gz", "level=ERROR"); n > 4 {
		h.complain("the agent's log holds %d warnings and errors about archives", n)
	}
}

// flateWindow is how much of what is before a fault a decompressor may keep for itself, in bytes.
const flateWindow = 64 << 10

// damages are what happens to archives. The last four bytes are the length of what is in it.
var damages = []struct {
	name  string
	spoil func([]byte) []byte
}{
	{"torn", func(b []byte) []byte { return b[:len(b)*7/10] }},
	{"flipped", func(b []byte) []byte { b[len(b)/2] ^= 0x10; return b }},
	{"length", func(b []byte) []byte { b[len(b)-2] ^= 0xff; return b }},
}

// damaged is 11: what is before the damage arrives; of what is behind it, nobody knows how much that is.
func damaged(h *host) {
	h.follow("app.log")
	h.unlimited()
	h.rules.unknown = true
	// What is read behind a flipped byte and before the checksum must be told to be suspect.
	h.rules.stray = func(_ string, tags []string) bool {
		return strings.Contains(strings.Join(tags, " "), "suspect") || strings.Contains(strings.Join(tags, " "), "doubt")
	}
	h.rules.doubt = true
	for _, d := range damages {
		name, spoil := d.name, d.spoil
		plain := h.outside(name, 100, int64(h.n(16<<20, 2<<20)))
		h.run("gzip", plain)
		text, err := os.ReadFile(plain + ".gz")
		h.must("read", err)
		path := h.path("app.log-" + name + ".gz")
		h.must("write", os.WriteFile(path, spoil(text), 0o644))
		whole, _ := h.try("gzip", "-dc", path) // it says what is wrong, and gives what it can
		h.must("look at what is whole", h.excuseBehind(name, []byte(whole)))
	}
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.arrived()
	h.quiet(h.calm)
	h.noRepeats()
	before := h.cpu()
	h.sleep(4 * time.Second)
	if busy := h.cpu() - before; busy > time.Second {
		h.complain("the agent took %v of a processor in 4 s, and there is nothing to do", busy)
	}
	for _, d := range damages {
		if n := len(h.record.told("app.log-" + d.name)); n != 1 {
			h.complain("of the archive %q the agent told %d times that it is damaged", d.name, n)
		}
	}
}

// excuseBehind excuses the lines of the last file number from a while before the first that gzip could not give.
func (h *host) excuseBehind(name string, whole []byte) error {
	n := h.truth.numbers[len(h.truth.numbers)-1]
	good := 0
	for line := range bytes.Lines(whole[:max(0, len(whole)-flateWindow)]) {
		if _, m, ok := readLine(bytes.TrimSuffix(line, []byte{'\n'})); !ok || m.seq != good {
			break
		}
		good++
	}
	if good == 0 {
		return fmt.Errorf("nothing of %s is whole", name)
	}
	h.truth.excuseFrom(n, good)
	return nil
}

// packers compress a file, which is gone then.
var packers = []struct{ program, end string }{{"zstd", ".zst"}, {"bzip2", ".bz2"}, {"xz", ".xz"}}

// otherPackers is 13. What the agent has read in the file comes no second time from the archive, and what it cannot
// unpack, it names once.
func otherPackers(h *host) {
	h.follow("app.log")
	for _, p := range packers {
		h.follow("app" + p.end + ".log")
	}
	h.unlimited()
	h.start()
	unread := map[string]*number{} // by the end of the archive's name
	for _, p := range packers {
		name := "app" + p.end + ".log"
		options := "-1"
		if p.program == "zstd" {
			options = "-1 -q --rm" // it keeps the file otherwise
		}
		r := h.rotation(name, fmt.Sprintf("rotate 9\ncreate\ncompress\ncompresscmd %s\ncompressext %s\ncompressoptions %s",
			stack.Find(p.program), p.end, options))
		w := h.create(name)
		w.lines(h.n(50_000, 5_000))
		h.read(w)
		r.now()
		w.reopen()
		w.lines(10)
		h.read(w)
		if h.rotated {
			plain := h.outside("other-"+p.program, 100, int64(h.n(8<<20, 1<<20)))
			unread[p.end] = h.truth.numbers[len(h.truth.numbers)-1]
			h.run(p.program, append(strings.Fields(options), plain)...)
			h.must("move", os.Rename(plain+p.end, h.path("app.log-20260101"+p.end)))
		}
	}
	h.arrivedOr(unread)
	h.quiet(h.calm)
	h.noRepeats()
}

// arrivedOr waits for all, and then excuses those of the numbers of which nothing came: each must have been named by
// the agent's log, and not again and again.
func (h *host) arrivedOr(numbers map[string]*number) {
	h.arrived()
	for end, n := range numbers {
		if h.record.of(h.truth.host, n.n) > 0 {
			continue
		}
		if warned := h.logged("app.log-20260101" + end); warned < 1 || warned > 2 {
			h.complain("of an archive that it does not read (%s) the agent spoke %d times", end, warned)
		}
		h.truth.excuseFrom(n, 0)
	}
}

// bomb is 14: ten members of a gigabyte each, not one line end.
func bomb(h *host) {
	h.follow("app.log")
	h.unlimited()
	members, size := 10, h.n(1024, 64)
	h.shell(fmt.Sprintf("head -c %dM /dev/zero | gzip >../member.gz; for i in {1..%d}; do cat ../member.gz; done >../bomb.gz", size, members))
	w := h.create("app.log")
	h.start()
	w.lines(1000)
	h.read(w)
	before := h.peak()
	all := uint64(members) * uint64(size) << 20
	h.rules.skipped = bounds{0, all} // a hole of NULs is jumped, or a long line is cut: either is right
	h.rules.stray = func(text string, _ []string) bool {
		return strings.Trim(text, "\x00") == "" || strings.HasPrefix(text, "\x00")
	}
	h.must("move", os.Rename(filepath.Join(h.dir, "bomb.gz"), h.path("app.log.1.gz")))
	for range 10 {
		w.lines(100)
		begin := time.Now()
		h.read(w)
		if took := time.Since(begin); took > 10*time.Second {
			h.complain("a live file waited %v for the bomb", took.Round(time.Millisecond))
		}
		h.sleep(time.Second)
	}
	h.confirmed()
	after := h.peak()
	h.say("%s: the agent had at most %d MiB before and %d MiB with the bomb", h.label, before>>20, after>>20)
	if after > 128<<20 {
		h.complain("the agent took %d MiB of memory", after>>20)
	}
}
