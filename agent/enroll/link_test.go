package enroll

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const nobody = 65534

// A link in the place of the folder, which the agent's user may plant, does not let root write where it leads to.
func TestLinkLeadsRootNowhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be led")
	}
	dir := t.TempDir()
	state, roots := filepath.Join(dir, "state"), filepath.Join(dir, "roots")
	text, err := json.Marshal(made(t, filepath.Join(dir, "ca"), "agent-web01", time.Hour))
	if err := errors.Join(err, os.Mkdir(state, 0o750), os.Mkdir(roots, 0o755), os.WriteFile(filepath.Join(roots, nextName), text, 0o644),
		os.Symlink(roots, In(state).dir), os.Chown(state, nobody, nobody), os.Lchown(In(state).dir, nobody, nobody),
		os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := In(state).Ship(); err == nil {
		t.Error("what is where the link leads to counts")
	}
	found, err := os.ReadDir(roots)
	if err != nil || len(found) != 1 {
		t.Errorf("in root's folder is %v, %v", found, err)
	}
}
