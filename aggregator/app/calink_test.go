package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A link in the place of the authority's folder, which the aggregator's user may plant, does not let root write where it
// leads to.
func TestAuthorityIsNoLink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be led")
	}
	dir := t.TempDir()
	state, led := filepath.Join(dir, "state"), filepath.Join(dir, "led")
	config := filepath.Join(dir, "aggregator.yaml")
	link := filepath.Join(state, "ca")
	if err := errors.Join(os.Mkdir(state, 0o750), os.Mkdir(led, 0o755), os.Symlink(led, link), os.Chown(state, nobody, nobody),
		os.Lchown(link, nobody, nobody), os.WriteFile(config, []byte("state: "+state+"\n"), 0o644),
		os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := belfry(t, "--config", config, "ca", "init"); err == nil {
		t.Error("an authority was made where the link leads to")
	}
	found, err := os.ReadDir(led)
	if err != nil || len(found) > 0 {
		t.Errorf("in root's folder is %v, %v", found, err)
	}
}
