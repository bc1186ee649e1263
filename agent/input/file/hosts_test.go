package file

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"belfry/shared/segment"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A file that always has more must not keep the others, nor the cursors, waiting.
func TestBusyFileStarvesNobody(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, "first\n")
	stop := r.start(state, cfg)
	r.sees("first")
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		for n := 0; err == nil; n++ {
			select {
			case <-quit:
				if err := f.Close(); err != nil {
					t.Error(err)
				}
				return
			default:
				_, err = fmt.Fprintln(f, "busy", n)
			}
		}
		t.Error(err)
	}()
	write(t, filepath.Join(filepath.Dir(log), "y.log"), "of another file\n")
	r.sees("of another file")
	close(quit)
	<-done
	stop()
}

func TestStopLeavesNothingToSendAgain(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	for i := range 5 {
		lines := numbered(100*i, 100*i+100)
		write(t, log, text(lines))
		stop := r.start(state, cfg)
		r.sees(lines...)
		stop()
	}
	if r.raw != 500 {
		t.Errorf("%d lines were sent for 500", r.raw)
	}
}

// What the receiver takes after the input has ended, in any order, moves the cursor too.
func TestConfirmedAfterRun(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	r.refuse = true
	write(t, log, text(numbered(0, 3)))
	in := r.open(state, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	r.want(numbered(0, 3)...)
	cancel()
	must(t, <-done)
	for _, c := range slices.Backward(r.withheld) {
		in.Confirmed(c)
	}
	must(t, in.Close())
	defer r.start(state, cfg)()
	r.stays(numbered(0, 3)...)
	if r.sent() != 3 {
		t.Errorf("%d lines were sent for 3", r.sent())
	}
}

// A file that may not be read must not make the agent take every look for its first: then it would skip new files.
func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Start = StartEnd
	r := newReceiver(t)
	r.unpriv = true
	dir := filepath.Dir(log)
	secret := filepath.Join(dir, "secret.log")
	write(t, secret, "one\n")
	must(t, os.Chmod(secret, 0))
	defer r.start(state, cfg)()
	r.stays()
	write(t, log, "of a new file\n")
	write(t, log+".1", "rotated, and named by no glob\n")
	r.stays("of a new file", "rotated, and named by no glob")
	must(t, os.Chmod(secret, 0o644))
	r.stays("of a new file", "rotated, and named by no glob", "one")
}

func TestDamagedArchives(t *testing.T) {
	t.Parallel()
	f := func(name string, want int, spoil func([]byte) []byte) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, state, cfg := host(t)
			cfg.Paths = []string{log + "*"}
			r := newReceiver(t)
			z := gzipped(t, text(numbered(0, 20_000)))
			write(t, log+".2.gz", string(spoil(z)))
			old := time.Now().Add(-time.Hour)
			must(t, os.Chtimes(log+".2.gz", old, old))
			write(t, log, "living\n")
			stop := r.start(state, cfg)
			r.sees("living")
			for end := time.Now().Add(patience); r.seen("line 0") < want && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(2 * usual.scan)
			write(t, log, "still living\n")
			r.sees("still living")
			stop()
			n := r.sent()
			if r.seen("line 0") < want {
				t.Errorf("%s: %d lines, want at least %d", name, r.seen("line 0"), want)
			}
			stop = r.start(state, cfg)
			time.Sleep(2 * usual.scan)
			stop()
			if r.sent() != n {
				t.Errorf("%s: after a restart %d lines were sent again\n%s", name, r.sent()-n, r.log.String())
			}
		})
	}
	f("cut", 5_000, func(z []byte) []byte { return z[:len(z)/2] })
	f("wrong checksum", 20_000, func(z []byte) []byte { z[len(z)-8] ^= 1; return z })
	f("wrong bits", 5_000, func(z []byte) []byte {
		binary.LittleEndian.PutUint64(z[len(z)/2:], ^binary.LittleEndian.Uint64(z[len(z)/2:]))
		return z
	})
	f("no archive", 0, func([]byte) []byte { return []byte("plain text\n") })
	f("empty", 0, func([]byte) []byte { return nil })
}

// A half-written archive beside the file that it was to replace is no new content.
func TestTornArchiveOfALivingFile(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	write(t, log, text(numbered(0, 2000)))
	defer r.start(state, cfg)()
	r.want(numbered(0, 2000)...)
	z := gzipped(t, text(numbered(0, 2000)))
	write(t, log+".1.gz", string(z[:len(z)/2]))
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(log+".1.gz", old, old))
	r.stays(numbered(0, 2000)...)
}

func TestArchiveWrittenAnewInPlace(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	write(t, log+".gz", string(gzipped(t, text(numbered(0, 1000)))))
	stop := r.start(state, cfg)
	r.want(numbered(0, 1000)...)
	time.Sleep(2 * usual.save)
	stop()
	must(t, os.Truncate(log+".gz", 0))
	write(t, log+".gz", string(gzipped(t, text(numbered(1000, 3000)))))
	defer r.start(state, cfg)()
	r.stays(numbered(0, 3000)...)
}

// A program that compresses to a name that is there writes over what that name held: what the archive holds now is known by
// its bytes, and so is what it holds the next time.
func TestArchiveWrittenOverByAnother(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	packOver := func(from, to int) {
		must(t, os.Truncate(log+".1.gz", 0))
		write(t, log+".1.gz", string(gzipped(t, text(numbered(from, to)))))
		must(t, os.Remove(log))
	}
	write(t, log+".1.gz", string(gzipped(t, text(numbered(0, 1000)))))
	write(t, log, text(numbered(1000, 2000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 2000)...)
	stop()
	packOver(1000, 2100) // of which 100 were not read
	stop = r.start(state, cfg)
	r.stays(numbered(0, 2100)...)
	stop()
	must(t, os.Truncate(log+".1.gz", 0)) // by what nobody has seen
	write(t, log+".1.gz", string(gzipped(t, text(numbered(2100, 3000)))))
	stop = r.start(state, cfg)
	r.stays(numbered(0, 3000)...)
	stop()
	must(t, os.Truncate(log+".1.gz", 0))
	write(t, log+".1.gz", string(gzipped(t, text(numbered(3000, 3500)))))
	defer r.start(state, cfg)()
	r.stays(numbered(0, 3500)...)
}

// As log4j's $${date:yyyy-MM}/app-%d{MM-dd-yyyy}-%i.log.gz: neither the folder nor the name is the log's.
func TestArchiveInAFolderBelow(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	below := filepath.Join(filepath.Dir(log), "2026-11")
	must(t, os.Mkdir(below, 0o755))
	stem := strings.TrimSuffix(filepath.Base(log), ".log")
	cfg.Paths = []string{log, filepath.Join(below, "*.log.gz")}
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 1000)...)
	stop()
	write(t, filepath.Join(below, stem+"-11-23-2026-1.log.gz"), string(gzipped(t, text(numbered(0, 1200)))))
	must(t, os.Remove(log))
	defer r.start(state, cfg)()
	r.stays(numbered(0, 1200)...)
}

// What the state forgot was begun under ids that are taken.
func TestEpochsOfARestoredState(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 1000)...)
	stop()
	kept := filepath.Join(t.TempDir(), "kept")
	must(t, os.CopyFS(kept, os.DirFS(state)))
	for turn := range 2 { // the receiver tells if one id is that of two lines
		from := 1000 + 500*turn
		must(t, os.Truncate(log, 0))
		write(t, log, text(numbered(from, from+500)))
		stop = r.start(state, cfg)
		r.want(numbered(0, from+500)...)
		stop()
		must(t, os.RemoveAll(state))
		must(t, os.CopyFS(state, os.DirFS(kept)))
	}
}

// Some compress a log and leave it its name, or give it one that tells nothing.
func TestArchiveWithoutAnEnding(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log, filepath.Join(filepath.Dir(log), "@*")}
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 1000)...)
	at := filepath.Join(filepath.Dir(log), "@400000005f.s")
	rename(t, log, at)
	write(t, log, text(numbered(1000, 1010)))
	r.want(numbered(0, 1010)...)
	must(t, os.Remove(at))
	write(t, at, string(gzipped(t, text(numbered(0, 1000)))))
	write(t, filepath.Join(filepath.Dir(log), "@300000005f.u"), string(gzipped(t, text(numbered(2000, 2100)))))
	r.want(append(numbered(0, 1010), numbered(2000, 2100)...)...)
	stop()
	defer r.start(state, cfg)()
	r.stays(append(numbered(0, 1010), numbered(2000, 2100)...)...)
}

// A log whose name begins with that of another, and goes on, is a log of its own.
func TestLogWhoseNameExtendsAnother(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	defer r.start(state, cfg)()
	r.want(numbered(0, 1000)...)
	write(t, log+".err", text(numbered(1000, 1100)))
	r.sees(numbered(1000, 1100)...)
}

func TestStartAtEndPassesOverArchives(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths, cfg.Start = []string{log + "*"}, StartEnd
	r := newReceiver(t)
	write(t, log+".1.gz", string(gzipped(t, text(numbered(0, 1000)))))
	write(t, log, strings.Repeat("x", 2*lookBack))
	defer r.start(state, cfg)()
	r.stays()
	write(t, log, "\nnew\n")
	r.stays("", "new")
}

func TestStartAtEndOfUTF16(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Start = StartEnd
	wide := func(s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	}
	r := newReceiver(t)
	write(t, log, "\xff\xfe"+wide("old\nhalf"))
	defer r.start(state, cfg)()
	r.stays()
	write(t, log, wide(" a line\nnew\n"))
	r.stays("half a line", "new")
}

// A writer without O_APPEND goes on at its old offset: the file begins with as many NULs.
func TestHoleIsJumped(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	w, err := os.Create(log)
	must(t, err)
	_, err = w.WriteString(text(numbered(0, 40_000)))
	must(t, err)
	stop := r.start(state, cfg)
	r.want(numbered(0, 40_000)...)
	must(t, os.Truncate(log, 0))
	time.Sleep(2 * usual.idle)
	_, err = w.WriteString(text(numbered(40_000, 40_100)) + "few\n\x00\x00\x00 NULs\n")
	must(t, err)
	must(t, w.Close())
	all := append(numbered(0, 40_100), "few", "\x00\x00\x00 NULs")
	r.stays(all...)
	if want := uint64(len(text(numbered(0, 40_000)))); r.skipped != want {
		t.Errorf("%d bytes skipped, want %d", r.skipped, want)
	}
	stop()
	defer r.start(state, cfg)()
	r.stays(all...)
}

// What was sent before midnight and not confirmed goes to the same day after it.
func TestDayOfWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	r.refuse = true
	write(t, log, text(numbered(0, 100)))
	for day := range 3 {
		r.later = time.Duration(day) * 24 * time.Hour
		stop := r.start(state, cfg)
		write(t, log, text(numbered(100+100*day, 200+100*day)))
		r.want(numbered(0, 200+100*day)...)
		stop()
	}
	days := make(map[string]int)
	for _, placed := range r.byID {
		days[placed[:len(time.DateOnly)]]++
	}
	if len(days) < 3 {
		t.Errorf("lines of three days went to %v", days)
	}
}

// A log with a date in its name is no sibling that will settle: it grows all day.
func TestBusyLogWithADateInItsName(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + ".*"}
	r := newReceiver(t)
	write(t, log+".20261122", text(numbered(0, 500)))
	defer r.start(state, cfg)()
	r.sees(numbered(0, 500)...)
	for n := 0; r.seen("today") < 3; n++ {
		write(t, log+".20261123", fmt.Sprintf("today %s %d\n", strings.Repeat("x", 200), n))
		time.Sleep(usual.settle / 5)
		if n > 100 {
			t.Fatal("is not read while it grows")
		}
	}
}

// The file system's clock may be ahead.
func TestSiblingFromTheFuture(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	write(t, log+".1", "from the future\n")
	next := time.Now().Add(time.Hour)
	must(t, os.Chtimes(log+".1", next, next))
	defer r.start(state, cfg)()
	r.stays("from the future")
}

func TestSecondName(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, "one\n")
	must(t, os.Link(log, filepath.Join(filepath.Dir(log), "y.log")))
	defer r.start(state, cfg)()
	r.stays("one")
	if n := r.logged("new name"); n > 0 {
		t.Errorf("the two names took turns, %d times", n)
	}
}

// A small file that is made anew each day with the same bytes is another one each day.
func TestSameBytesAgain(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	for day := range 3 {
		write(t, log, "OK\n")
		stop := r.start(state, cfg)
		r.want(slices.Repeat([]string{"OK"}, day+1)...)
		time.Sleep(2 * usual.save)
		stop()
		must(t, os.Remove(log))
	}
}

// The road is down, the log is copied, grows a little more, and is cut: the copy has less than what was read. What only
// the copy has goes on from there.
func TestCopyShorterThanWhatWasRead(t *testing.T) {
	t.Parallel()
	f := func(name, glob string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, state, cfg := host(t)
			cfg.Paths = []string{log + glob}
			r := newReceiver(t)
			write(t, log, text(numbered(0, 1000)))
			stop := r.start(state, cfg)
			r.want(numbered(0, 1000)...)
			time.Sleep(2 * usual.save)
			r.set(func() { r.refuse = true })
			write(t, log, text(numbered(1000, 1100)))
			r.want(numbered(0, 1100)...)
			write(t, log+".1", text(numbered(0, 1100)))
			time.Sleep(2*usual.scan + usual.settle)
			write(t, log, text(numbered(1100, 1200)))
			r.want(numbered(0, 1200)...)
			must(t, os.Truncate(log, 0))
			r.stays(numbered(0, 1200)...)
			stop()
			r.refuse, r.raw = false, 0
			stop = r.start(state, cfg)
			r.stays(numbered(0, 1200)...)
			stop()
			if r.raw != 100 {
				t.Errorf("%d lines were sent again, want the 100 that are in the copy", r.raw)
			}
			stop = r.start(state, cfg)
			r.stays(numbered(0, 1200)...)
			stop()
		})
	}
	f("alone", "")
	f("with siblings", "*")
}

func TestTruncatedWhileDown(t *testing.T) {
	t.Parallel()
	f := func(name string, before, after int) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, state, cfg := host(t)
			r := newReceiver(t)
			write(t, log, text(numbered(0, before)))
			stop := r.start(state, cfg)
			r.want(numbered(0, before)...)
			stop()
			must(t, os.Truncate(log, 0))
			write(t, log, text(numbered(before, after)))
			defer r.start(state, cfg)()
			r.stays(numbered(0, after)...)
		})
	}
	f("shorter", 1000, 1100)
	f("as long", 1000, 2000)
	f("longer", 1000, 9000)
}

func TestLinksPipesAndFolders(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	dir := filepath.Dir(log)
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe.log"), 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "dir.log"), 0o755))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.log")))
	must(t, os.Symlink("dir.log", filepath.Join(dir, "todir.log")))
	must(t, os.Symlink("app-1", filepath.Join(dir, "current.log")))
	write(t, filepath.Join(dir, "app-1"), "one\n")
	write(t, log, "yes\n")
	want := []string{"yes"}
	if os.Getuid() == 0 { // else the links are a user's
		want = append(want, "one", "two", "three")
	}
	r := newReceiver(t)
	defer r.start(state, cfg)()
	r.sees(want[:min(len(want), 2)]...)
	write(t, filepath.Join(dir, "app-2"), "two\n")
	must(t, os.Symlink("app-2", filepath.Join(dir, "next")))
	rename(t, filepath.Join(dir, "next"), filepath.Join(dir, "current.log"))
	write(t, filepath.Join(dir, "app-1"), "three\n")
	r.stays(want...)
}

func TestFolderThatComesLaterAndGoes(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{filepath.Join(filepath.Dir(log), "*", "*.log")}
	sub := filepath.Join(filepath.Dir(log), "later")
	r := newReceiver(t)
	defer r.start(state, cfg)()
	for i := range 2 {
		must(t, os.Mkdir(sub, 0o755))
		write(t, filepath.Join(sub, "x.log"), fmt.Sprintln("one", i))
		r.sees(fmt.Sprint("one ", i))
		rename(t, sub, sub+fmt.Sprint(i))
		write(t, filepath.Join(sub+fmt.Sprint(i), "x.log"), fmt.Sprintln("two", i))
		r.sees(fmt.Sprint("two ", i))
		must(t, os.RemoveAll(sub+fmt.Sprint(i)))
	}
	r.stays("one 0", "two 0", "one 1", "two 1")
}

func TestDeletedFileThatIsStillWritten(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	w, err := os.Create(log)
	must(t, err)
	defer r.start(state, cfg)()
	var want []string
	for i := range 3 {
		want = append(want, fmt.Sprint("line ", i))
		_, err := fmt.Fprintln(w, "line", i)
		must(t, err)
		r.want(want...)
		if i == 0 {
			must(t, os.Remove(log))
		}
		time.Sleep(usual.scan)
	}
	_, err = w.WriteString("no end")
	must(t, err)
	must(t, w.Close())
	r.want(append(want, "no end")...)
}

func TestState(t *testing.T) {
	t.Parallel()
	f := func(record, want string) {
		t.Helper()
		log, state, cfg := host(t)
		l, err := segment.Open(state, segment.Config{})
		must(t, err)
		_, err = l.Append([]byte(record))
		must(t, err)
		must(t, l.Close())
		write(t, log, "a line\n")
		r := newReceiver(t)
		_, err = r.tryOpen(state, cfg)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), state) {
			t.Errorf("%s: %v, want %q", record, err, want)
		}
		if err := CheckState(state); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), state) {
			t.Errorf("the check of %s: %v, want %q", record, err, want)
		}
	}
	for _, dir := range []string{"state-v1", "state-v2", "none"} {
		if err := CheckState(filepath.Join("testdata", dir)); err != nil {
			t.Errorf("the check of %s: %v", dir, err)
		}
	}
	f(`{"v":3,"content":{"future":true}}`, "version 3, this program knows 2")
	f(`{"v":`, "record 1: unexpected end")
}
