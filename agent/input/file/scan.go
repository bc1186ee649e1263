package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// candidate is a regular file that was found under a name.
type candidate struct {
	path    string
	live    string // the live name that it belongs to; path itself, if it is no sibling
	sibling bool
	matched bool // a glob names it; else it is only looked at as a sibling
	cfg     *Config
	stat    stat
}

// find lists all files that the globs name, and the rotated siblings of those that are followed.
func (in *Input) find() []*candidate {
	found := make(map[string]*candidate)
	stems := make(map[string]*Config)
	for i := range in.cfgs {
		cfg := &in.cfgs[i]
		for _, pattern := range cfg.Paths {
			paths, _ := filepath.Glob(pattern) // the pattern was checked; what cannot be read is not there
			for _, p := range paths {
				if found[p] == nil && !cfg.Excludes(p) {
					if c := in.look(p, cfg, true); c != nil {
						found[p] = c
						stems[c.live] = cfg
					}
				}
			}
		}
	}
	for _, c := range in.store.contents {
		if cfg := in.configOf(c); cfg != nil && !c.Copy && stems[c.Stem] == nil {
			stems[c.Stem] = cfg
		}
	}
	in.findSiblings(stems, found)
	all := make([]*candidate, 0, len(found))
	for _, c := range found {
		all = append(all, c)
	}
	slices.SortFunc(all, older)
	return all
}

// older puts rotated files before live ones, and the longest unchanged first.
func older(a, b *candidate) int {
	if a.sibling != b.sibling {
		if a.sibling {
			return -1
		}
		return 1
	}
	if a.stat.mtime != b.stat.mtime {
		if a.stat.mtime < b.stat.mtime {
			return -1
		}
		return 1
	}
	return strings.Compare(b.path, a.path) // of two rotated at once, the higher number is older
}

// configOf returns the input that a content's live name belongs to.
func (in *Input) configOf(c *content) *Config {
	for i := range in.cfgs {
		cfg := &in.cfgs[i]
		for _, p := range cfg.Paths {
			if ok, _ := filepath.Match(p, c.Stem); ok && !cfg.Excludes(c.Stem) {
				return cfg
			}
		}
	}
	return nil
}

func (in *Input) findSiblings(stems map[string]*Config, found map[string]*candidate) {
	dirs := make(map[string]bool)
	for stem := range stems {
		dirs[filepath.Dir(stem)] = true
	}
	for dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it may be gone; the next look tells
		}
		for _, e := range entries {
			p := filepath.Join(dir, e.Name())
			live, rotated := rotatedFrom(p)
			if cfg := stems[live]; rotated && cfg != nil && found[p] == nil && !cfg.Excludes(p) {
				if c := in.look(p, cfg, false); c != nil {
					found[p] = c
				}
			}
		}
	}
}

// look stats a name. It returns nil for what is not a regular file, or is not to be followed.
func (in *Input) look(path string, cfg *Config, matched bool) *candidate {
	st, err := statPath(path)
	if err != nil {
		return nil
	}
	real := path
	if !st.regular {
		if real = followLink(path); real == "" {
			return nil
		}
		if st, err = statPath(real); err != nil || !st.regular {
			return nil
		}
	}
	live, sibling := rotatedFrom(path)
	return &candidate{path: real, live: live, sibling: sibling, matched: matched, cfg: cfg, stat: st}
}

// followLink resolves a symbolic link that only root could have made: root owns it, and nobody else may write its
// directory. One planted in a user's directory must never ship /etc/shadow. It returns "" for any other.
func followLink(path string) string {
	var link, dir unix.Stat_t
	if unix.Lstat(path, &link) != nil || link.Mode&unix.S_IFMT != unix.S_IFLNK || link.Uid != 0 {
		return ""
	}
	if unix.Stat(filepath.Dir(path), &dir) != nil || dir.Uid != 0 || dir.Mode&0o022 != 0 {
		return ""
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return real
}

// openRegular opens a file for reading without ever waiting, and only if it is the one that was looked at.
func openRegular(path string, want Handle) (*os.File, stat, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, stat{}, fmt.Errorf("open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	st, err := statFile(f)
	if err == nil && (!st.regular || st.handle != want) {
		err = fmt.Errorf("open %s: it changed while it was opened", path)
	}
	if err != nil {
		return nil, stat{}, errors.Join(err, f.Close())
	}
	return f, st, nil
}

func isGzip(path string) bool { return strings.HasSuffix(path, ".gz") }
