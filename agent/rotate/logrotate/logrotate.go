// Package logrotate knows which log files logrotate's configuration owns, so that nobody else rotates them.
//
// It reads what logrotate(8) reads: the main file, what that includes, and the folder of the packages, whether it is
// included or not (a timer may name it). It understands as much of the language as tells the paths: quotes, several
// names before one brace, scripts, include, olddir, tabooext and taboopat. Where it must guess it says "owned": a file that
// nobody rotates can be seen, one that two rotate loses lines.
//
// An Owners is safe for concurrent use.
package logrotate

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// mains are where distributions keep the main file and the folder of the packages.
var mains = []struct{ file, folder string }{
	{"/etc/logrotate.conf", "/etc/logrotate.d"},
	{"/usr/etc/logrotate.conf", "/usr/etc/logrotate.d"},
}

// Bounds of what is read: no configuration that is meant comes near them.
const (
	maxFile  = 1 << 20 // bytes of one file
	maxFiles = 4096
	maxDepth = 16 // as logrotate's own
)

// Owners are the paths of one configuration. It is read again when a file or a folder of it has changed.
type Owners struct {
	root string

	mu    sync.Mutex
	seen  map[string]stamp // what was read, and how it looked
	rules []rule
	fault string // why not all could be read
}

// rule is one pattern of a section.
type rule struct {
	pattern string
	by      string // FILE:LINE
}

// stamp tells whether a file or a folder has changed.
type stamp struct {
	size   int64
	mtime  time.Time
	inode  uint64
	absent bool
}

// Open returns the owners that the configuration below root tells: "/" for that of this machine. It reads nothing yet,
// and never fails: what cannot be read makes every path owned.
func Open(root string) *Owners { return &Owners{root: root} }

// Owned reports whether logrotate rotates path, or puts rotated files where it lies; by says where that is written. If
// a part of the configuration cannot be read, every path is owned, and by says why.
func (o *Owners) Owned(path string) (by string, owned bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed() {
		o.read()
	}
	path = filepath.Clean(path)
	names := []string{path}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		names = append(names, filepath.Join(dir, filepath.Base(path)))
	}
	for _, r := range o.rules {
		if slices.ContainsFunc(names, r.matches) {
			return r.by, true
		}
	}
	return o.fault, o.fault != ""
}

func (o *Owners) changed() bool {
	if o.seen == nil {
		return true
	}
	for path, was := range o.seen {
		if look(path) != was {
			return true
		}
	}
	return false
}

func look(path string) stamp {
	st, err := os.Stat(path)
	if err != nil {
		return stamp{absent: true}
	}
	return stamp{size: st.Size(), mtime: st.ModTime(), inode: inode(st)}
}

// read reads all of it anew.
func (o *Owners) read() {
	o.seen, o.rules, o.fault = map[string]stamp{}, nil, ""
	for _, m := range mains {
		g := global{taboo: slices.Clone(tabooAtFirst)}
		o.file(m.file, &g, 0)
		o.folder(m.folder, &g, 0)
	}
}

// place is where a path of the configuration lies: below the root.
func (o *Owners) place(path string) string { return filepath.Join(o.root, path) }

// note remembers how a file looks, and reports whether it is new.
func (o *Owners) note(path string) bool {
	if _, ok := o.seen[path]; ok {
		return false
	}
	o.seen[path] = look(path)
	return true
}

func (o *Owners) fail(err error) {
	if o.fault == "" {
		o.fault = fmt.Sprintf("logrotate's configuration cannot be read: %v", err)
	}
}

// file reads one file, and what it includes.
func (o *Owners) file(path string, g *global, depth int) {
	if depth > maxDepth || len(o.seen) >= maxFiles || !o.note(o.place(path)) {
		return
	}
	text, err := readBounded(o.place(path))
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		o.fail(err)
		return
	}
	p := parser{name: path, global: g, include: func(path string) { o.include(path, g, depth+1) }}
	p.parse(string(text))
	for _, r := range p.rules {
		o.rules = append(o.rules, r.resolved()...)
	}
}

func (o *Owners) include(path string, g *global, depth int) {
	if !filepath.IsAbs(path) {
		return // logrotate looks in the folder that it was started in
	}
	if st, err := os.Stat(o.place(path)); err == nil && st.IsDir() {
		o.folder(path, g, depth)
		return
	}
	o.file(path, g, depth)
}

// folder reads the files of a folder, but for those with a taboo name.
func (o *Owners) folder(path string, g *global, depth int) {
	if depth > maxDepth {
		return
	}
	o.note(o.place(path)) // read again all the same: another place may have changed what is taboo
	entries, err := os.ReadDir(o.place(path))
	if err != nil && !os.IsNotExist(err) {
		o.fail(err)
	}
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if st, err := os.Stat(o.place(name)); err == nil && st.Mode().IsRegular() && !g.isTaboo(e.Name()) {
			o.file(name, g, depth+1)
		}
	}
}

func readBounded(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() { // a pipe would block
		return nil, fmt.Errorf("read %s: %w", path, fs.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("read %s: more than %d bytes", path, maxFile)
	}
	return text, err
}

// global is what one file sets for those that are read after it.
type global struct {
	taboo  []string // patterns of names that are left out of a folder
	olddir string
}

// tabooAtFirst is what every version of logrotate that is about leaves out; newer ones leave out more.
var tabooAtFirst = []string{
	"*,v", "*.cfsaved", "*.disabled", "*.dpkg-dist", "*.dpkg-new", "*.dpkg-old", "*.rhn-cfg-tmp-*", "*.rpmnew",
	"*.rpmorig", "*.rpmsave", "*.swp", "*.ucf-dist", "*.ucf-new", "*.ucf-old", "*~",
}

func (g *global) isTaboo(name string) bool {
	return slices.ContainsFunc(g.taboo, func(p string) bool {
		ok, err := filepath.Match(p, name)
		return ok && err == nil
	})
}

// changeTaboo takes the words behind tabooext or taboopat: a + adds to what there is.
func (g *global) changeTaboo(words []string, prefix string) {
	list, more := strings.CutPrefix(strings.Join(words, ","), "+")
	if !more {
		g.taboo = nil
	}
	for _, w := range strings.Split(list, ",") {
		if w != "" && len(g.taboo) < maxFiles {
			g.taboo = append(g.taboo, prefix+w)
		}
	}
}
