package file

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Rotated files may lie in another folder than their log: in the input's olddir, in one of the usual names, or where
// logrotate's configuration says.

// usualOldDirs are names of folders in which logs are put away.
var usualOldDirs = []string{"old", "olds", "archive", "archived", "archives", "rotated", "backup"}

// logrotateFiles is where logrotate is configured (logrotate(8)).
var logrotateFiles = []string{"/etc/logrotate.conf", "/etc/logrotate.d/*"}

// readOldDirsEvery is how often logrotate's configuration is read again.
const readOldDirsEvery = 5 * time.Minute

// oldDirs lists the folders that may hold rotated files of the logs in dir.
func (in *Input) oldDirs(cfg *Config, dir string) (all []string) {
	if now := in.now(); now.Sub(in.oldDirsAt) >= readOldDirsEvery {
		in.oldDirsAt, in.rotateds = now, readOldDirs()
	}
	for _, old := range slices.Concat(cfg.OldDir, usualOldDirs, in.rotateds) {
		if !filepath.IsAbs(old) {
			old = filepath.Join(dir, old)
		}
		if old == dir || slices.Contains(all, old) {
			continue
		}
		if in.folders[old] != nil {
			all = append(all, old)
		} else if st, err := os.Lstat(old); err == nil && st.IsDir() {
			all = append(all, old)
		}
	}
	return all
}

// readOldDirs returns what stands behind olddir in logrotate's configuration.
func readOldDirs() (all []string) {
	for _, pattern := range logrotateFiles {
		paths, _ := filepath.Glob(pattern) // a constant
		for _, path := range paths {
			f, err := os.Open(path)
			if err != nil {
				continue // who may not read it does without
			}
			for s := bufio.NewScanner(f); s.Scan(); {
				words := strings.Fields(s.Text())
				if len(words) > 1 && words[0] == "olddir" {
					if dir := strings.Trim(words[1], `"'`); !slices.Contains(all, dir) {
						all = append(all, dir)
					}
				}
			}
			_ = f.Close() // it was read
		}
	}
	return all
}
