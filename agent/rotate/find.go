package rotate

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// match is a live file that a configuration names.
type match struct {
	path string
	cfg  int
	glob int
}

// find lists the live files, each once: the first configuration that names it has it. A glob does not take what is
// hidden, nor what has the name of a rotated file.
func find(cfgs []Config) []match {
	var all []match
	seen := map[string]bool{}
	for i, c := range cfgs {
		for j, pattern := range c.Paths {
			paths, _ := filepath.Glob(pattern) // the pattern was checked
			for _, p := range paths {
				p = filepath.Clean(p)
				if !seen[p] && takes(pattern, p) {
					seen[p] = true
					all = append(all, match{p, i, j})
				}
			}
		}
	}
	return all
}

func takes(pattern, path string) bool {
	if path == filepath.Clean(pattern) {
		return true
	}
	base := filepath.Base(path)
	if strings.HasPrefix(base, ".") && !strings.HasPrefix(filepath.Base(pattern), ".") {
		return false
	}
	if _, ok := stem(base); ok {
		return false
	}
	st, err := os.Lstat(path)
	return err != nil || !st.IsDir()
}

// findLeft lists the live files that are not there, but of which rotated ones are left: the writer does not run, or has not
// made its new file yet.
func findLeft(cfgs []Config) []match {
	var all []match
	seen := map[string]bool{}
	for i, c := range cfgs {
		for j, pattern := range c.Paths {
			paths, _ := filepath.Glob(pattern + `[.\-]*`) // the pattern was checked
			for _, p := range paths {
				s, ok := stem(filepath.Base(p))
				p = filepath.Join(filepath.Dir(p), s)
				if ok && !seen[p] && like(pattern, p) && takes(pattern, p) {
					seen[p] = true
					all = append(all, match{p, i, j})
				}
			}
		}
	}
	return all
}

func like(pattern, path string) bool {
	ok, err := filepath.Match(filepath.Clean(pattern), path)
	return ok && err == nil
}

// scan brings the families up to what lies there.
func (r *Rotator) scan() {
	found := find(r.cfgs)
	r.mu.Lock()
	defer r.mu.Unlock()
	here := map[string]bool{}
	for _, m := range found {
		here[m.path] = true
		r.add(m)
	}
	for path, f := range r.families {
		if !here[path] && f.rotated == 0 {
			delete(r.families, path)
		}
	}
}

// scanLeft adds the families that have no live file.
func (r *Rotator) scanLeft() {
	found := findLeft(r.cfgs)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range found {
		r.add(m)
	}
}

func (r *Rotator) add(m match) {
	if r.families[m.path] == nil {
		r.families[m.path] = &family{path: m.path, dir: filepath.Dir(m.path), base: filepath.Base(m.path),
			cfg: &r.cfgs[m.cfg], key: fmt.Sprintf("rotate[%d]", m.cfg), first: r.now(), notes: map[string]string{}}
	}
}

// all returns the families, in the order of their paths.
func (r *Rotator) all() []*family {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.families), func(a, b *family) int { return strings.Compare(a.path, b.path) })
}

// due reports whether a live file is to be rotated now.
func (r *Rotator) due(f *family) bool {
	st, err := statAt(unix.AT_FDCWD, f.path)
	if err != nil || r.now().Before(f.retry) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.refuse(f, err)
		}
		return false
	}
	r.mu.Lock()
	f.size = st.size
	r.mu.Unlock()
	if st.size < f.cfg.least() {
		return false
	}
	begun := st.begun()
	if begun.IsZero() { // the file system does not say
		begun = f.first
	}
	return f.cfg.Size > 0 && st.size >= int64(f.cfg.Size) ||
		f.cfg.Age > 0 && r.now().Sub(begun) >= time.Duration(f.cfg.Age)
}

// refuse tells once why a file is not rotated, and tries again later.
func (r *Rotator) refuse(f *family, err error) {
	f.retry = r.now().Add(retryLate)
	err = helped(err)
	r.mu.Lock()
	news := f.fault != err.Error()
	f.fault = err.Error()
	r.mu.Unlock()
	if news {
		r.count.errors.Inc()
		r.log.Warn("file is not rotated", "path", f.path, "err", err)
	}
}

// rotates tells that a file is rotated again.
func (r *Rotator) rotates(f *family) {
	r.mu.Lock()
	was := f.fault
	f.fault, f.last, f.first = "", r.now(), r.now()
	r.mu.Unlock()
	if was != "" {
		r.log.Info("file is rotated again", "path", f.path, "was", was)
	}
}

// logrotated says which line of logrotate's configuration owns a live file, or the file that it would be a rotated one of.
func (r *Rotator) logrotated(path string) error {
	by, owned := r.owners.Owned(path)
	if s, ok := stem(filepath.Base(path)); ok && !owned {
		by, owned = r.owners.Owned(filepath.Join(filepath.Dir(path), s))
	}
	if owned {
		return fmt.Errorf("%w: logrotate owns it (%s)", errRefused, by)
	}
	return nil
}

// check looks whether a live file may be rotated, and returns its open directory.
func (r *Rotator) check(f *family) (*folder, stat, error) {
	if err := r.logrotated(f.path); err != nil {
		return nil, stat{}, err
	}
	d, err := openFolder(f.dir)
	if err != nil {
		return nil, stat{}, err
	}
	st, err := d.look(f.base)
	if err == nil {
		err = plain(f.path, st)
	}
	if err == nil {
		err = d.safe(st.uid)
	}
	if err == nil {
		err = lacking(d, f.base, st, f.cfg)
	}
	if err == nil && d.has(newName(f.base)) {
		err = fmt.Errorf("%s: %w, and it is not of this agent's making", d.in(newName(f.base)), fs.ErrExist)
	}
	if err != nil {
		d.close()
		return nil, stat{}, err
	}
	return d, st, nil
}
