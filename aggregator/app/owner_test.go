package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// roots returns what of a folder is root's.
func roots(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid == 0 {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What root does to a state that lies still leaves nothing in it that the aggregator, which is another, cannot open.
func TestStateOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may write everywhere")
	}
	dir := t.TempDir()
	r := start(t, dir, "index: {elastic: {nodes: [\"http://127.0.0.1:1\"]}, engine: embedded}\n")
	if err := r.send(r.newHost("h").seal("one")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "b.tar")
	r.wantCLI(0, "backup: ", "backup", file)
	events := filepath.Join(dir, "events")
	r.wantCLI(0, "", "index", "export", "-o", events)
	r.stop()
	state := filepath.Join(dir, "state")
	for _, path := range roots(t, state) {
		if err := os.Lchown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"backup", filepath.Join(dir, "again.tar")}, {"index", "import", events}, {"reindex", "--from=embedded", "--to=elastic"},
	} {
		r.wantCLI(exitFailure, "sudo -u 'nobody' belfry", args...)
		if all := roots(t, state); len(all) > 0 {
			t.Errorf("belfry %q leaves root's %q", args, all)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "again.tar")); err == nil {
		t.Error("a backup that was refused is there")
	}

	// A restore may go where only root may make a folder; into one that is there, it is for whom that belongs to.
	state = filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(state, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(state, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	r.withState(state)
	if _, aside, err := r.belfry("restore", file); err != nil || strings.Contains(aside, "chown") {
		t.Errorf("%v: %s", err, aside)
	}
	if all := roots(t, state); len(all) > 0 {
		t.Errorf("root's is %q", all)
	}
	state = filepath.Join(t.TempDir(), "state")
	r.withState(state)
	if _, aside, err := r.belfry("restore", file); err != nil || !strings.Contains(aside, "chown -R USER: "+state) {
		t.Errorf("%v: %s", err, aside)
	}
}
