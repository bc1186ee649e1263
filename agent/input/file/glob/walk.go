package glob

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	maxDepth  = 64      // names from the root: deeper is a tree that grew by itself
	maxDirs   = 100_000 // that a pattern leads to: each costs three system calls
	maxFaults = 100     // that are told one by one: a user can make as many as he likes
)

// ErrBound says that a walk ended before it was through.
var ErrBound = errors.New("bound of the walk reached")

// Fault is a directory that was not looked at, and why: it cannot be read, or a link is not trusted.
type Fault struct {
	Path string
	Err  error
}

// Found is what a walk found.
type Found struct {
	Dirs   []string // as the patterns name them, in order; trusted links may be among the names
	Faults []Fault  // the first 100
	More   int      // faults beyond these
}

// Dirs returns the directories, there now, in which a name could match: In tells which. A tree that is excluded is not
// entered, nor is one of the kernel's (/proc, /sys) unless a pattern spells its name. A directory that several links
// lead to is named once for each pattern, by its real name if the pattern finds that too; so a circle of links ends.
// What is not there is no fault. Whether a directory can be read, OpenDir and Each tell. Beyond 64 levels, or 100,000 directories for one pattern, it stops, and says so by
// ErrBound.
func (s *Set) Dirs() Found { return s.walk(maxDirs) }

func (s *Set) walk(bound int) Found {
	w := &walker{set: s, bound: bound, seen: make(map[visit]bool), counted: make([]int, len(s.trees))}
	var all []state
	for i := range s.trees {
		all = append(all, state{i, 0})
	}
	w.dirs = []place{{path: "/", real: "/", states: all}}
	for w.next() {
	}
	slices.Sort(w.found.Dirs)
	w.found.Dirs = slices.Compact(w.found.Dirs)
	return w.found
}

// state says that the names up to a directory fit the first at segments of a tree.
type state struct{ tree, at int }

// place is a directory that is to be entered.
type place struct {
	path, real string
	states     []state
	depth      int
	dev        uint64 // of the directory that it lies in
	listed     bool   // found by a listing, not by its name in a pattern
}

// visit is what needs no second look.
type visit struct {
	dev, ino uint64
	state    state
}

// walker follows all patterns at a time: each directory is listed once, whatever number of ** leads to it.
type walker struct {
	set     *Set
	found   Found
	dirs    []place // to be entered, in this order
	links   []place // entered when no directory is left, so that real names come first
	seen    map[visit]bool
	counted []int // directories of each tree
	bound   int   // of counted
}

// next enters one place. It returns false when there is none left.
func (w *walker) next() bool {
	from := &w.dirs
	if len(*from) == 0 {
		from = &w.links
	}
	if len(*from) == 0 {
		return false
	}
	p := (*from)[0]
	*from = (*from)[1:]
	if err := w.enter(p); err != nil {
		w.fault(p.path, err)
	}
	return true
}

// enter opens a directory, and looks at what lies in it.
func (w *walker) enter(p place) error {
	d, err := OpenDir(p.real)
	if err != nil {
		return err
	}
	defer d.Close()
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return err
	}
	if p.listed && st.Dev != p.dev && ofKernel(d.fd) {
		return nil
	}
	p.real, p.dev = d.Real(), st.Dev
	p.states = w.fresh(&p, st.Ino)
	if slices.ContainsFunc(p.states, func(s state) bool { return w.segment(s) == nil }) {
		w.found.Dirs = append(w.found.Dirs, p.path)
	}
	w.spell(&p)
	return w.list(d, &p)
}

// segment returns what a state asks of the next name; nil if it is at its end.
func (w *walker) segment(s state) *segment {
	if tree := w.set.trees[s.tree]; s.at < len(tree) {
		return &tree[s.at]
	}
	return nil
}

// fresh adds to the states of a directory those behind a ** that takes no name, and leaves out those that it has been in.
func (w *walker) fresh(p *place, ino uint64) []state {
	var all []state
	for _, s := range p.states {
		for v := (visit{p.dev, ino, s}); !w.seen[v]; v.state.at++ {
			w.seen[v] = true
			all = append(all, v.state)
			if g := w.segment(v.state); g == nil || g.kind != deep {
				break
			}
		}
	}
	return all
}

// count counts a place for each of its trees, and takes away the states of those that are at their bound: whoever makes
// more directories than that where one pattern looks must not hide those of another. It returns whether any is left.
func (w *walker) count(p *place) bool {
	last := -1 // the states of a tree follow each other
	p.states = slices.DeleteFunc(p.states, func(s state) bool {
		if s.tree != last {
			last = s.tree
			w.counted[last]++
			if w.counted[last] == w.bound+1 {
				err := fmt.Errorf("%w: %d directories, the rest is left out", ErrBound, w.bound)
				w.found.Faults = append(w.found.Faults, Fault{p.path, err}) // once a tree, however many others there are
			}
		}
		return w.counted[last] > w.bound
	})
	return len(p.states) > 0
}

// spell goes to the directories that a pattern names without a wildcard: there is no need to list anything for them, and
// they may lie where nothing can be listed.
func (w *walker) spell(p *place) {
	done := make(map[string]bool)
	for _, s := range p.states {
		if g := w.segment(s); g != nil && g.kind == literal && !done[g.prefix] {
			done[g.prefix] = true
			w.dirs = w.push(w.dirs, p, g.prefix, false)
		}
	}
}

// list goes to the directories that a wildcard finds.
func (w *walker) list(d *Dir, p *place) error {
	if !slices.ContainsFunc(p.states, func(s state) bool { return w.segment(s) != nil && w.segment(s).kind != literal }) {
		return nil
	}
	return d.Each(func(name []byte, _ uint64, typ uint8) bool {
		var st unix.Statx_t
		if typ == unix.DT_UNKNOWN && d.Stat(name, &st) == nil {
			typ = uint8(st.Mode & unix.S_IFMT >> 12) // as DT_ is made
		}
		if typ == unix.DT_DIR {
			w.dirs = w.push(w.dirs, p, string(name), true)
		}
		if typ == unix.DT_LNK && isDir(d.fd, string(name)) {
			w.links = w.push(w.links, p, string(name), true)
		}
		return true
	})
}

// isDir tells whether a link leads to a directory. Most lead to files, and need not be judged.
func isDir(dir int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(dir, name, &st, 0) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// push puts a directory on a list, if a pattern leads there and none excludes it: of the states those that spell its
// name, or those that found it by a wildcard.
func (w *walker) push(to []place, p *place, name string, listed bool) []place {
	next := place{path: join(p.path, name), real: join(p.real, name), depth: p.depth + 1, dev: p.dev, listed: listed}
	for _, s := range p.states {
		g := w.segment(s)
		if g == nil || (g.kind == literal) == listed || !g.match(name) {
			continue
		}
		if g.kind != deep {
			s.at++
		}
		next.states = append(next.states, s)
	}
	if len(next.states) == 0 || w.set.excludesTree(next.path) || !w.count(&next) {
		return to
	}
	if next.depth > maxDepth {
		w.fault(next.path, fmt.Errorf("%w: %d levels, what is below is left out", ErrBound, maxDepth))
		return to
	}
	return append(to, next)
}

// fault takes down why a place was not looked at. That nothing is there is none.
func (w *walker) fault(path string, err error) {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
	case slices.ContainsFunc(w.found.Faults, func(f Fault) bool { return f.Path == path }):
	case len(w.found.Faults) >= maxFaults:
		w.found.More++
	default:
		w.found.Faults = append(w.found.Faults, Fault{path, err})
	}
}

// ofKernel tells the file systems that hold no files, but views of the kernel.
func ofKernel(fd int) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return false
	}
	switch int64(uint32(st.Type)) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC,
		unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.SELINUX_MAGIC:
		return true
	}
	return false
}
