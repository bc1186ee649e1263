package file

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFollow(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 100))+"half")
	defer r.start(state, cfg)()
	r.want(numbered(0, 100)...)
	write(t, log, " a line\nnext")
	r.stays(append(numbered(0, 100), "half a line")...)
}

func TestRotate(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	defer r.start(state, cfg)()
	var all []string
	for i := range 8 {
		lines := numbered(100*i, 100*i+100)
		all = append(all, lines...)
		write(t, log, text(lines[:50]))
		w, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			r.want(all[:len(all)-50]...)
		}
		for n := i; n > 0; n-- {
			rename(t, fmt.Sprintf("%s.%d", log, n), fmt.Sprintf("%s.%d", log, n+1))
		}
		rename(t, log, log+".1")
		if _, err := w.WriteString(text(lines[50:])); err != nil { // a late writer
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.stays(all...)
	if r.raw != len(all) {
		t.Errorf("%d lines were sent for %d", r.raw, len(all))
	}
}

func TestGzipWhileFollowed(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = append(cfg.Paths, log+"*")
	r := newReceiver(t)
	defer r.start(state, cfg)()
	write(t, log, text(numbered(0, 1000)))
	r.want(numbered(0, 1000)...)
	rename(t, log, log+".1")
	write(t, log, text(numbered(1000, 1100)))
	gzipFile(t, log+".1")
	r.stays(numbered(0, 1100)...)
	if r.raw != 1100 {
		t.Errorf("%d lines were sent for 1100", r.raw)
	}
}

func TestGzipWhileDown(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 1000)...)
	time.Sleep(2 * usual.save)
	stop()
	write(t, log, text(numbered(1000, 1500))) // nobody saw these but the archive
	rename(t, log, log+".1")
	gzipFile(t, log+".1")
	rename(t, log+".1.gz", log+".2.gz")
	write(t, log, text(numbered(1500, 1700)))
	rename(t, log, log+".1") // born and rotated while down
	write(t, log, text(numbered(1700, 2000)))
	stop = r.start(state, cfg)
	r.stays(numbered(0, 2000)...)
	stop()
	if r.raw != 2000 {
		t.Errorf("%d lines were sent for 2000", r.raw)
	}
	stop = r.start(state, cfg)
	r.stays(numbered(0, 2000)...)
	stop()
	if r.raw != 2000 {
		t.Errorf("after a restart %d lines were sent for 2000", r.raw)
	}
}

func TestUnconfirmedIsSentAgainWithItsID(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	r.refuse = true
	write(t, log, text(numbered(0, 500)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 500)...)
	stop()
	r.refuse = false
	defer r.start(state, cfg)()
	r.stays(numbered(0, 500)...)
	if r.raw != 1000 {
		t.Errorf("%d lines were sent, want each of 500 twice", r.raw)
	}
}

func TestCopyTruncate(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 300)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 300)...)
	time.Sleep(2 * usual.save)
	copyTruncate := func(to string) {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		write(t, to, string(b))
		if err := os.Truncate(log, 0); err != nil {
			t.Fatal(err)
		}
	}
	copyTruncate(log + ".1")
	write(t, log, text(numbered(300, 400)))
	r.stays(numbered(0, 400)...)
	time.Sleep(2 * usual.save)
	stop()
	write(t, log, text(numbered(400, 500)))
	rename(t, log+".1", log+".2")
	copyTruncate(log + ".1") // with a tail that only the copy has
	write(t, log, text(numbered(500, 900)))
	defer r.start(state, cfg)()
	r.stays(numbered(0, 900)...)
	if r.raw != 900 {
		t.Errorf("%d lines were sent for 900", r.raw)
	}
}

func TestInodeReuse(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	defer r.start(state, cfg)()
	var all []string
	for i := range 10 {
		lines := numbered(1000*i, 1000*i+10+i)
		write(t, log, text(lines))
		all = append(all, lines...)
		r.want(all...)
		if err := os.Remove(log); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSameHeadIsNotSameFile(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	other := filepath.Join(filepath.Dir(log), "y.log")
	head := text(numbered(0, 300)) // over 4 KiB
	write(t, log, head+"of x\n")
	write(t, other, head+"of y\n")
	defer r.start(state, cfg)()
	twice := append(numbered(0, 300), numbered(0, 300)...)
	r.stays(append(twice, "of x", "of y")...)
}

func TestLinesOfAllKinds(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	long := strings.Repeat("x", 3*lookBack)
	write(t, log, "\n\r\na\x00b\x1b[31m\nC0 80: \xc0\x80\n"+long+"\nafter\n")
	defer r.start(state, cfg)()
	r.stays("", "\r", "a\x00b\x1b[31m", "C0 80: \ufffd\ufffd", long[:lookBack], "after")
}

func TestStartAtEnd(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Start = StartEnd
	r := newReceiver(t)
	old := text(numbered(0, 100))
	write(t, log, old+"half")
	defer r.start(state, cfg)()
	r.stays()
	write(t, log, " line\n")
	write(t, filepath.Join(filepath.Dir(log), "new.log"), "of a new file\n")
	r.stays("half line", "of a new file")
	if r.skipped != uint64(len(old)) {
		t.Errorf("skipped %d bytes, want %d", r.skipped, len(old))
	}
}

func TestWhatIsNotFollowed(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	dir := filepath.Dir(log)
	secret := filepath.Join(t.TempDir(), "shadow")
	write(t, secret, "secret\n")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "planted.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dir.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, log+".1", "long before the first start\n")
	past := time.Now().Add(-defaultBackfill - time.Hour)
	must(t, os.Chtimes(log+".1", past, past))
	write(t, filepath.Join(dir, "not.log"), "excluded\n")
	cfg.Exclude = []string{filepath.Join(dir, "not*")}
	r := newReceiver(t)
	defer r.start(state, cfg)()
	write(t, log, "yes\n")
	r.stays("yes")
}

func TestPartialLineOfADeletedFile(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	write(t, log, "whole\nhalf")
	rename(t, log, log+".1")
	gzipFile(t, log+".1")
	defer r.start(state, cfg)()
	r.stays("whole", "half")
	if !slices.Equal(r.finals, []uint64{10}) {
		t.Errorf("final sizes %v, want [10]", r.finals)
	}
}
