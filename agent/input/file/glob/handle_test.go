package glob

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// eachFileSystem runs a test on the file system of temporary files, and in memory.
func eachFileSystem(t *testing.T, f func(t *testing.T, d tree)) {
	t.Run("disk", func(t *testing.T) { f(t, newTree(t)) })
	t.Run("memory", func(t *testing.T) {
		top, err := os.MkdirTemp("/dev/shm", "glob")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(top)
		f(t, tree{t, top})
	})
}

// take makes a file and returns its handle and inode.
func (d tree) take(name string) (h []byte, ino uint64) {
	d.t.Helper()
	d.file(name)
	f, _, err := OpenRegular(d.path(name))
	d.must(err)
	defer f.Close()
	h, err = HandleOf(f)
	d.must(err)
	again, err := HandleOf(f)
	d.must(err)
	if string(again) != string(h) {
		d.t.Errorf("handle %x, then %x", h, again)
	}
	return h, d.inode(name)
}

func (d tree) inode(name string) uint64 {
	d.t.Helper()
	var st unix.Stat_t
	d.must(unix.Lstat(d.path(name), &st))
	return st.Ino
}

func TestHandle(t *testing.T) {
	needRoot(t)
	eachFileSystem(t, func(t *testing.T, d tree) {
		at, err := OpenDir(d.top)
		d.must(err)
		defer at.Close()
		f := func(what string, h []byte, want string, wantErr error) {
			t.Helper()
			file, err := OpenByHandle(at.File(), h)
			if !errors.Is(err, wantErr) {
				t.Errorf("%s: %v; want %v", what, err, wantErr)
			}
			if err != nil {
				return
			}
			defer file.Close()
			if b, err := io.ReadAll(file); err != nil || string(b) != want {
				t.Errorf("%s: read %q, %v; want %q", what, b, err, want)
			}
		}
		h, _ := d.take("x")
		f("in its place", h, "x", nil)
		d.must(os.Mkdir(d.path("sub"), 0o755))
		d.must(os.Rename(d.path("x"), d.path("sub/y")))
		f("renamed", h, "x", nil)
		if file, err := OpenByHandle(at.File(), h); err != nil || file.Name() != d.path("sub/y") {
			t.Errorf("its name now: %v, %v", file, err)
		} else {
			file.Close()
		}

		hold(t, d.path("sub/y"), func() {
			d.must(os.Remove(d.path("sub/y")))
			d.file("x")
			f("deleted, but held open by another process", h, "x", nil)
		})
		f("let go", h, "", ErrGone)

		reused := 0
		for i := range 50 {
			h, ino := d.take("a")
			d.must(os.Remove(d.path("a")))
			d.file("b")
			if d.inode("b") == ino {
				reused++
			}
			f(fmt.Sprintf("deleted, round %d", i), h, "", ErrGone)
			d.must(os.Remove(d.path("b")))
		}
		t.Logf("the inode was used again %d times of 50", reused)

		f("cut", h[:handleHead], "", errNotHandle)
		f("too long", make([]byte, maxHandle+1), "", errNotHandle)
		f("of another file system", append([]byte{1, 2, 3, 4}, h[4:]...), "", ErrNoHandle)
	})
}

// hold has another process hold a file open while f runs.
func hold(t *testing.T, path string, f func()) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat") // until its input ends
	cmd.ExtraFiles = []*os.File{file}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	f()
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestNoHandleWhereItCannotBeTrusted(t *testing.T) {
	f, _, err := OpenRegular("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if h, err := HandleOf(f); !errors.Is(err, ErrNoHandle) {
		t.Errorf("%x, %v; want %v", h, err, ErrNoHandle)
	}
}

// A cgroup gives handles, too, but to nothing that lasts.
func TestTrustedFileSystems(t *testing.T) {
	f := func(path string, want bool) {
		t.Helper()
		file, err := os.Open(path)
		if err != nil {
			t.Logf("not on this machine: %v", err)
			return
		}
		defer file.Close()
		if _, err := HandleOf(file); errors.Is(err, ErrNoHandle) == want {
			t.Errorf("%s: %v; trusted is to be %v", path, err, want)
		}
	}
	f("/dev/shm", true)
	f("/sys/fs/cgroup/cgroup.procs", false)
	f("/sys/fs/cgroup/unified/cgroup.procs", false)
	if trusted(unix.FUSE_SUPER_MAGIC) || trusted(unix.OVERLAYFS_SUPER_MAGIC) || !trusted(unix.XFS_SUPER_MAGIC) {
		t.Error("FUSE and overlay are not to be trusted, XFS is")
	}
}

// The file holds a handle as it was written by the first version: state on disk must stay readable.
func TestOldHandle(t *testing.T) {
	text, err := os.ReadFile("testdata/handle.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	fs, h, err := parseHandle(b)
	if err != nil || fs != unix.EXT4_SUPER_MAGIC || h.Type() != 1 || hex.EncodeToString(h.Bytes()) != "b2c50300d1e7f10b" {
		t.Errorf("file system %#x, type %d, bytes %x, %v", fs, h.Type(), h.Bytes(), err)
	}
}

func FuzzParseHandle(f *testing.F) {
	f.Add([]byte("\x53\xef\x00\x00\x01\x00\x00\x00\xb2\xc5\x03\x00\xd1\xe7\xf1\x0b"))
	f.Add(make([]byte, maxHandle+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs, h, err := parseHandle(b)
		if err == nil && (fs < 0 || h.Size() != len(b)-handleHead) {
			t.Errorf("%x: file system %d, %d bytes", b, fs, h.Size())
		}
	})
}

const asStranger = "BELFRY_TEST_AS_STRANGER"

// What is different for one who is not root is tried by a process of nobody's.
func TestUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv(asStranger) != "" {
		testUnprivileged(t, os.Getenv(asStranger))
		return
	}
	d := newTree(t)
	for dir := d.top; len(dir) > len(os.TempDir()); dir = dir[:strings.LastIndexByte(dir, '/')] {
		d.must(os.Chmod(dir, 0o755))
	}
	d.file("public")
	d.file("closed/x")
	d.dir("closed", 0, 0, 0o700)
	d.file("through/in/x")
	d.dir("through", 0, 0, 0o711)
	d.file("theirs/x")
	d.dir("theirs", stranger, stranger, 0o755)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUnprivileged$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), asStranger+"="+d.top)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestUnprivileged") {
		t.Errorf("%v\n%s", err, out)
	}
}

// testUnprivileged works on what root has set up, or, without root, on less.
func testUnprivileged(t *testing.T, top string) {
	own := newTree(t)
	own.file("x")
	own.link("x", "l", 0)
	if _, _, err := OpenRegular(own.path("l")); !errors.Is(err, ErrUntrustedLink) {
		t.Errorf("a link of one's own: %v", err)
	}
	f, _, err := OpenRegular(own.path("x"))
	own.must(err)
	defer f.Close()
	if h, err := HandleOf(f); err != nil {
		t.Error(err)
	} else if _, err := OpenByHandle(f, h); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("by handle: %v; want %v", err, ErrNotAllowed)
	}
	if top == "" {
		return
	}
	if f, _, err := OpenRegular(top + "/public"); err != nil { // O_NOATIME is not for him
		t.Error(err)
	} else {
		f.Close()
	}
	if _, _, err := OpenRegular(top + "/closed/x"); !errors.Is(err, unix.EACCES) {
		t.Errorf("closed: %v", err)
	}
	d := tree{t, top}
	found := compile(t, d.under("/*/* /through/in/* /closed/x /theirs/** /closed/*/y"), "").Dirs()
	if got := strings.ReplaceAll(strings.Join(found.Dirs, " "), top, ""); got != "/closed /theirs /through /through/in" {
		t.Errorf("found %s", got)
	}
	if len(found.Faults) != 1 || !errors.Is(found.Faults[0].Err, unix.EACCES) || found.Faults[0].Path != d.path("closed") {
		t.Errorf("faults %v", found.Faults)
	}
	through, err := OpenDir(d.path("through"))
	d.must(err)
	defer through.Close()
	var st unix.Statx_t
	err = through.Each(func([]byte, uint64, uint8) bool { return true })
	if !errors.Is(err, unix.EACCES) || through.Stat([]byte("in"), &st) != nil {
		t.Errorf("a directory that may only be entered: %v; one in it: %v", err, through.Stat([]byte("in"), &st))
	}
}
