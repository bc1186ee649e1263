package glob

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const stranger = 65534 // nobody: a user and a group that are not root

// needRoot is for what only root can set up: files of several owners.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: files of several owners")
	}
}

// tree is a directory of root's to build in. What cannot be built ends the test.
type tree struct {
	t   testing.TB
	top string
}

func newTree(t testing.TB) tree {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return tree{t, top}
}

func (d tree) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d tree) path(name string) string { return filepath.Join(d.top, name) }

// dir makes a directory with its owner, group and mode.
func (d tree) dir(name string, uid, gid int, mode uint32) {
	d.t.Helper()
	d.must(os.MkdirAll(d.path(name), 0o755))
	d.must(os.Chown(d.path(name), uid, gid))
	d.must(unix.Chmod(d.path(name), mode))
}

func (d tree) file(name string) {
	d.t.Helper()
	d.must(os.MkdirAll(filepath.Dir(d.path(name)), 0o755))
	d.must(os.WriteFile(d.path(name), []byte(filepath.Base(name)), 0o644))
}

func (d tree) link(target, name string, uid int) {
	d.t.Helper()
	d.must(os.MkdirAll(filepath.Dir(d.path(name)), 0o755))
	d.must(os.Symlink(target, d.path(name)))
	if uid != 0 {
		d.must(os.Lchown(d.path(name), uid, uid))
	}
}

// eachKernel runs a test with openat2, and as where there is none or a filter forbids it.
func eachKernel(t *testing.T, f func(t *testing.T)) {
	t.Run("openat2", f)
	for name, errno := range map[string]error{"none": unix.ENOSYS, "forbidden": unix.EPERM} {
		t.Run(name, func(t *testing.T) {
			defer func() { openat2 = unix.Openat2 }()
			openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, errno }
			f(t)
		})
	}
}

func TestLinks(t *testing.T) {
	needRoot(t)
	eachKernel(t, testLinks)
}

func testLinks(t *testing.T) {
	d := newTree(t)
	d.file("secret")
	d.file("a/x")
	d.link("x", "a/l", 0)
	d.link("l", "a/ll", 0)
	d.link(d.path("a"), "b/abs", 0)
	d.link("../a", "b/rel", 0)
	d.link("abs/../a/ll", "b/up", 0) // abs/.. is where a lies, not b
	d.link("../../../../../../../../../../..", "b/root", 0)
	d.link("circle2", "a/circle1", 0)
	d.link("circle1", "a/circle2", 0)
	d.link("nowhere", "a/dangling", 0)
	d.link("../secret", "a/theirs", stranger)
	d.dir("user", stranger, stranger, 0o755)
	d.file("user/x")
	d.link("../secret", "user/roots", 0)
	d.link("../secret", "user/theirs", stranger)
	d.link("..", "user/parent", stranger)
	d.link("user", "touser", 0)
	d.link("user/theirs", "totheirs", 0)
	for name, mode := range map[string]uint32{"open": 0o777, "sticky": 0o1777, "group": 0o775} {
		d.file(name + "/x")
		d.link("../secret", name+"/l", 0)
		d.dir(name, 0, 0, mode)
	}
	d.must(os.Chown(d.path("group"), 0, stranger))
	d.link("x", "rootgroup/l", 0)
	d.file("rootgroup/x")
	d.dir("rootgroup", 0, 0, 0o775)

	f := func(name, want string, wantErr error) {
		t.Helper()
		path := name
		if !filepath.IsAbs(name) {
			path, want = d.top+"/"+name, d.path(want)
		}
		file, real, err := OpenRegular(path)
		resolved, resolveErr := Resolve(path)
		if !errors.Is(err, wantErr) || !errors.Is(resolveErr, wantErr) {
			t.Errorf("%s: %v; %v; want %v", name, err, resolveErr, wantErr)
			return
		}
		if err != nil {
			return
		}
		defer file.Close()
		if b, err := io.ReadAll(file); err != nil || string(b) != filepath.Base(want) || real != want || resolved != want {
			t.Errorf("%s: read %q, %v, as %s and %s; want %s", name, b, err, real, resolved, want)
		}
	}
	f("a/x", "a/x", nil)
	f("a//./x", "a/x", nil)
	f("b/../a/x", "a/x", nil)
	f("a/l", "a/x", nil)
	f("a/ll", "a/x", nil)
	f("b/abs/x", "a/x", nil)
	f("b/rel/ll", "a/x", nil)
	f("b/up", "a/x", nil)
	f("b/root"+d.top+"/a/l", "a/x", nil)
	f("user/x", "user/x", nil)
	f("touser/x", "user/x", nil)
	f("open/x", "open/x", nil)
	f("rootgroup/l", "rootgroup/x", nil)

	f("a/circle1", "", unix.ELOOP)
	f("a/dangling", "", fs.ErrNotExist)
	f("a/none", "", fs.ErrNotExist)
	f("a/x/", "", unix.ENOTDIR)
	f("a/x/.", "", unix.ENOTDIR)
	f("a/x/../x", "", unix.ENOTDIR)

	f("a/theirs", "", ErrUntrustedLink)
	f("user/roots", "", ErrUntrustedLink)
	f("user/theirs", "", ErrUntrustedLink)
	f("user/parent/secret", "", ErrUntrustedLink)
	f("touser/theirs", "", ErrUntrustedLink)
	f("totheirs", "", ErrUntrustedLink)
	f("open/l", "", ErrUntrustedLink)
	f("sticky/l", "", ErrUntrustedLink)
	f("group/l", "", ErrUntrustedLink)
	f("/proc/self/root"+d.path("secret"), "", ErrUntrustedLink)
	f("/proc/self/exe", "", ErrUntrustedLink)
	f("/proc/mounts", "", ErrUntrustedLink)
}

func TestAReasonNamesTheLink(t *testing.T) {
	needRoot(t)
	d := newTree(t)
	d.link("x", "user/l", 0)
	d.dir("user", stranger, stranger, 0o755)
	_, _, err := OpenRegular(d.path("user/l"))
	want := "open " + d.path("user/l") + ": untrusted link " + d.path("user/l") + ": its directory belongs to user 65534, not to root"
	if err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
}

// An open that waits would hang the test.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		d := newTree(t)
		d.must(unix.Mkfifo(d.path("fifo"), 0o666))
		d.must(os.Mkdir(d.path("dir"), 0o755))
		socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		d.must(err)
		defer unix.Close(socket)
		d.must(unix.Bind(socket, &unix.SockaddrUnix{Name: d.path("socket")}))
		at, err := OpenDir(d.top)
		d.must(err)
		defer at.Close()
		f := func(path string) {
			t.Helper()
			if file, _, err := OpenRegular(path); !errors.Is(err, ErrNotRegular) || file != nil {
				t.Errorf("%s: %v; want %v", path, err, ErrNotRegular)
			}
			if filepath.Dir(path) != d.top {
				return
			}
			if file, _, err := at.OpenRegular(filepath.Base(path)); !errors.Is(err, ErrNotRegular) || file != nil {
				t.Errorf("%s in its directory: %v; want %v", path, err, ErrNotRegular)
			}
			// As when it takes the place of a file behind the look at it.
			if file, err := openLeaf(at.fd, filepath.Base(path), path); !errors.Is(err, ErrNotRegular) || file != nil {
				t.Errorf("%s as a leaf: %v; want %v", path, err, ErrNotRegular)
			}
		}
		f(d.path("fifo"))
		f(d.path("dir"))
		f(d.path("socket"))
		f("/dev/null")
		f("/dev/tty")
		f("/")
		if _, _, err := OpenRegular("x"); err == nil {
			t.Error("a relative path was opened")
		}
	})
}

func TestALeaseDoesNotHoldTheAgent(t *testing.T) {
	d := newTree(t)
	d.file("x")
	f, err := os.OpenFile(d.path("x"), os.O_RDWR, 0)
	d.must(err)
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Logf("this file system has no leases: %v", err)
		return
	}
	if _, _, err := OpenRegular(d.path("x")); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("%v; want %v", err, unix.EAGAIN)
	}
}

func TestAccessTimeStays(t *testing.T) {
	d := newTree(t)
	d.file("x")
	long := unix.NsecToTimespec(1e18)
	d.must(unix.UtimesNanoAt(unix.AT_FDCWD, d.path("x"), []unix.Timespec{long, long}, 0))
	f, _, err := OpenRegular(d.path("x"))
	d.must(err)
	defer f.Close()
	if _, err := io.ReadAll(f); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	d.must(unix.Stat(d.path("x"), &st))
	if st.Atim != long {
		t.Errorf("read at %v; want %v", st.Atim, long)
	}
}

// A user swaps a file, and a directory, with a link to what he may not read, as fast as he can.
func TestNothingSlipsInBetween(t *testing.T) {
	needRoot(t)
	eachKernel(t, func(t *testing.T) {
		d := newTree(t)
		d.must(os.MkdirAll(d.path("secret"), 0o700))
		d.must(os.WriteFile(d.path("secret/x"), []byte("secret"), 0o600))
		d.file("user/x")
		d.file("user/d/x")
		d.link(d.path("secret/x"), "user/x2", stranger)
		d.link(d.path("secret"), "user/d2", stranger)
		d.dir("user", stranger, stranger, 0o755)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, name := range []string{"user/x", "user/d"} {
					if err := unix.Renameat2(unix.AT_FDCWD, d.path(name), unix.AT_FDCWD, d.path(name+"2"), unix.RENAME_EXCHANGE); err != nil {
						t.Error(err)
						return
					}
				}
			}
		}()
		defer func() { close(stop); <-stopped }()
		opened, refused := 0, 0
		look := func(f *os.File, real string, err error) {
			switch {
			case err == nil:
				if b, _ := io.ReadAll(f); string(b) != "x" {
					t.Fatalf("%s was read: %q", real, b)
				}
				opened++
				f.Close()
			case errors.Is(err, ErrUntrustedLink):
				refused++
			default:
				t.Fatal(err)
			}
		}
		for i := 0; i < 2000 || (opened == 0 || refused == 0) && i < 200_000; i++ {
			look(OpenRegular(d.path("user/x")))
			look(OpenRegular(d.path("user/d/x")))
			at, err := OpenDir(d.path("user/d"))
			if err != nil {
				look(nil, "", err)
				continue
			}
			look(at.OpenRegular("x"))
			at.Close()
		}
		t.Logf("opened %d times, refused %d times", opened, refused)
	})
}
