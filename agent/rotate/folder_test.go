package rotate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenFolder(t *testing.T) {
	base := t.TempDir()
	real := filepath.Join(base, "a", "real")
	if err := os.MkdirAll(real, 0o755); err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
	}
	link(real, "absolute")
	link("a/../a/real", "relative")
	link("absolute", "chain")
	link("loop", "loop")
	f := func(path string, want error) {
		t.Helper()
		d, err := openFolder(filepath.Join(base, path))
		if !errors.Is(err, want) {
			t.Errorf("openFolder(%s): %v, want %v", path, err, want)
		}
		if err == nil {
			if st, _ := os.Stat(real); !os.SameFile(st, mustStat(t, d)) {
				t.Errorf("%s led elsewhere", path)
			}
			d.close()
		}
	}
	f("a/real", nil)
	f("a/none", fs.ErrNotExist)
	if os.Getuid() != 0 {
		t.Log("not root: links of this user are followed by nobody")
		f("absolute", errRefused)
		return
	}
	f("absolute", nil)
	f("relative", nil)
	f("chain", nil)
	f("loop", unix.ELOOP)
	if err := os.Lchown(filepath.Join(base, "chain"), 4321, 4321); err != nil {
		t.Fatal(err)
	}
	f("chain", errRefused)
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	f("absolute", errRefused)
}

func mustStat(t *testing.T, d *folder) os.FileInfo {
	t.Helper()
	st, err := d.f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// What a name leads to is never followed, opened for long, or replaced.
func TestFolderIsCareful(t *testing.T) {
	d, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(d.in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "a")
	write("b", "b")
	if err := errors.Join(os.Symlink("a", d.in("link")), unix.Mkfifo(d.in("pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := d.move("a", "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("move onto a file: %v", err)
	}
	if err := d.move("a", "link"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("move onto a link: %v", err)
	}
	if err := d.moveByLink("a", "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("move onto a file, by a link: %v", err)
	}
	if err := errors.Join(d.moveByLink("a", "c"), d.moveByLink("c", "a")); err != nil {
		t.Error(err)
	}
	if _, err := d.create("link"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create through a link: %v", err)
	}
	if _, _, err := d.open("link"); err == nil {
		t.Error("a link was opened")
	}
	if _, _, err := d.open("pipe"); !errors.Is(err, errRefused) {
		t.Errorf("a pipe: %v", err)
	}
	if err := d.remove("none"); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
	if got := names(t, d.path); got != "a b link pipe" {
		t.Error(got)
	}
}

// A rename that was a link and an unlink may have been cut off in between.
func TestMoveOnce(t *testing.T) {
	d, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := errors.Join(os.WriteFile(d.in("a"), nil, 0o600), os.Link(d.in("a"), d.in("b"))); err != nil {
		t.Fatal(err)
	}
	st, err := d.look("a")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.moveOnce(move{"a", "b", st.handle}); err != nil {
			t.Error(err)
		}
	}
	if got := names(t, d.path); got != "b" {
		t.Error(got)
	}
	if err := d.moveOnce(move{"a", "c", st.handle}); !errors.Is(err, errForeign) {
		t.Error(err)
	}
}
