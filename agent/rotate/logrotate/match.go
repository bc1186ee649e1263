package logrotate

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

func inode(st fs.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

// matches is glob(3): a * or a ? does not stand for a slash, nor for the dot that a name begins with. A pattern that is not
// understood owns all of its folder.
func (r rule) matches(path string) bool {
	if r.pattern == path {
		return true
	}
	pattern := strings.ReplaceAll(r.pattern, "[!", "[^")
	ok, err := filepath.Match(pattern, path)
	if err != nil || strings.Contains(pattern, "[[") { // [[:digit:]] and its like
		fixed := r.pattern[:strings.IndexAny(r.pattern, `*?[\`)]
		return strings.HasPrefix(path, fixed[:strings.LastIndexByte(fixed, '/')+1])
	}
	return ok && !hidden(r.pattern, path)
}

// hidden reports whether a part of path begins with a dot for which the pattern has a wildcard.
func hidden(pattern, path string) bool {
	parts := strings.Split(path, "/")
	for i, p := range strings.Split(pattern, "/") {
		if i < len(parts) && strings.HasPrefix(parts[i], ".") && p != "" && strings.ContainsRune("*?[", rune(p[0])) {
			return true
		}
	}
	return false
}

// resolved returns the rule, and the same one for each place that links in its folder lead to.
func (r rule) resolved() []rule {
	all := []rule{r}
	dir, base := filepath.Split(r.pattern)
	dirs := []string{dir}
	if strings.ContainsAny(dir, `*?[\`) {
		dirs, _ = filepath.Glob(strings.ReplaceAll(strings.TrimSuffix(dir, "/"), "[!", "[^"))
	}
	for _, d := range dirs[:min(len(dirs), maxFiles)] {
		if real, err := filepath.EvalSymlinks(d); err == nil && real != filepath.Clean(d) {
			all = append(all, rule{filepath.Join(escape(real), base), r.by})
		}
	}
	return all
}

// escape makes a pattern that matches the path alone.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
