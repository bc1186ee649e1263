package owner

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

const nobody = 65534

// What root makes as the owner of a folder is the owner's, and what the owner may not write is not written.
func TestAs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir := t.TempDir()
	theirs, mine := filepath.Join(dir, "theirs"), filepath.Join(dir, "mine")
	if err := errors.Join(os.Mkdir(theirs, 0o700), os.Mkdir(mine, 0o700), os.Chown(theirs, nobody, nobody),
		os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(theirs, "x")
	err := As(theirs, func() error {
		if os.WriteFile(filepath.Join(mine, "x"), nil, 0o600) == nil {
			t.Error("wrote into root's folder")
		}
		return os.WriteFile(file, nil, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(file)
	if err != nil || st.Sys().(*syscall.Stat_t).Uid != nobody || st.Sys().(*syscall.Stat_t).Gid != nobody {
		t.Errorf("%v, %v", st, err)
	}
	if os.Geteuid() != 0 || os.WriteFile(filepath.Join(mine, "x"), nil, 0o600) != nil {
		t.Error("not root again")
	}
	own := filepath.Join(mine, "y")
	if err := errors.Join(os.WriteFile(own, nil, 0o600), Give(own, theirs)); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(own); err != nil || st.Sys().(*syscall.Stat_t).Uid != nobody {
		t.Errorf("not given: %v, %v", st, err)
	}
	if want := errors.New("because"); !errors.Is(As(theirs, func() error { return want }), want) {
		t.Error("the error is lost")
	}
}
