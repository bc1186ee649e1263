package file

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What logrotate's configuration calls an olddir is looked at, wherever that is.
func TestReadOldDirs(t *testing.T) { // not beside others: it changes where logrotate is configured
	dir := t.TempDir()
	usually := logrotateFiles
	t.Cleanup(func() { logrotateFiles = usually })
	logrotateFiles = []string{filepath.Join(dir, "logrotate.conf"), filepath.Join(dir, "logrotate.d", "*")}
	must(t, os.Mkdir(filepath.Join(dir, "logrotate.d"), 0o755))
	write(t, filepath.Join(dir, "logrotate.conf"), "weekly\nolddir /srv/old\n# olddir /srv/comment\nnoolddir\n")
	write(t, filepath.Join(dir, "logrotate.d", "a"), "/var/log/a {\n\tolddir \"put\"\n\tolddir 'rotated'\n}\n")
	write(t, filepath.Join(dir, "logrotate.d", "b"), "/var/log/b {\n  olddir /srv/old\n  olddir\n}\n")
	if got, want := readOldDirs(), []string{"/srv/old", "put", "rotated"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	logrotateFiles = []string{filepath.Join(dir, "none")}
	if got := readOldDirs(); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// Folders that are there count, each once, and never the log's own.
func TestOldDirs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"old", "archive", "mine", "elsewhere/away"} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	write(t, filepath.Join(dir, "rotated"), "a file")
	in := &Input{now: time.Now, oldDirsAt: time.Now(), rotateds: []string{"archive", filepath.Join(dir, "elsewhere/away"), dir}}
	cfg := &Config{OldDir: []string{"mine", ".", "not there", "old"}}
	want := []string{"mine", "old", "archive", "elsewhere/away"}
	for i := range want {
		want[i] = filepath.Join(dir, want[i])
	}
	if got := in.oldDirs(cfg, dir); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
