package file

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/glob"
)

// entry is a name that was found, as of the last look at its folder.
type entry struct {
	path    string // of the file itself, behind links
	live    string // the live name that it belongs to; path itself, if it is no sibling
	cfg     *Config
	kind    archive.Kind
	sibling bool // it has a rotated name, or is an archive
	matched bool // a glob names it; else it is only looked at as a sibling
	link    bool // its name is a symbolic link
	early   bool // it was there at the very first look
	settled bool // it was judged: there is nothing to do until it changes
	foreign bool // nobody wants it
	gen     uint32
	stat    stat
	still   instant // since when it has been as it is, by this clock
	retry   instant // it could not be read: not before
	pause   time.Duration
}

// folder is a directory that is looked at.
type folder struct {
	path    string
	entries map[string]*entry // by name
	hosts   []string          // folders whose rotated files it may hold: itself, and those that it is the olddir of
	gen     uint32
	stale   bool // the names that nobody wanted are to be asked for again
	hot     hot
}

// scan looks at all folders, and begins or ends to follow what they hold.
func (in *Input) scan() error {
	began := time.Now()
	in.findFolders()
	for _, d := range in.folders {
		in.list(d)
	}
	took := time.Since(began) // to look; what is found then is no measure
	worst, err := in.judgeAll()
	if err != nil {
		return err
	}
	in.seekLoose(worst)
	now := in.now()
	if in.store.meta.First == 0 {
		in.store.meta.First = now.Unix()
		in.metaMoved = true
	}
	if worst == judged {
		in.last = now
	}
	in.scanned = now
	share := time.Duration(cheap)
	if in.unwatched > 0 { // nothing wakes for what happens there
		share /= 4
	}
	in.nextScan = now.Add(min(max(in.pace.scan, share*took), in.pace.rarely))
	if worst == waits || in.seeking {
		in.nextScan = minTime(in.nextScan, now.Add(min(max(in.pace.scan, cheap/10*took), in.pace.rarely)))
	}
	if in.hungry {
		in.nextScan = now.Add(in.pace.active)
	}
	return nil
}

// findFolders keeps the list of folders up to date: those of the globs, of what is followed, and the olddirs of both.
func (in *Input) findFolders() {
	in.folderGen++
	for i := range in.cfgs {
		found := in.cfgs[i].set.Dirs()
		for _, f := range found.Faults {
			in.problem("folder cannot be read", f.Path, f.Err)
		}
		for _, dir := range found.Dirs {
			in.folder(dir, dir)
			for _, old := range in.oldDirs(&in.cfgs[i], dir) {
				in.folder(old, dir)
			}
		}
	}
	for dir := range in.stemDirs {
		in.folder(dir, dir)
	}
	for path, d := range in.folders {
		if d.gen != in.folderGen {
			for _, e := range d.entries {
				in.vanish(e)
			}
			delete(in.folders, path)
			delete(in.touched, path)
			in.unwatch(d)
			in.cool(d)
		}
	}
}

// folder notes a directory, which may hold rotated files of host.
func (in *Input) folder(path, host string) {
	d := in.folders[path]
	if d == nil {
		d = &folder{path: path, entries: make(map[string]*entry)}
		in.folders[path] = d
	}
	d.gen = in.folderGen
	if !slices.Contains(d.hosts, host) {
		d.hosts = append(d.hosts, host)
		in.forgetForeign(d)
	}
	in.watch(d)
}

// forgetForeign makes the next look ask again for the names that nobody wanted.
func (in *Input) forgetForeign(d *folder) {
	for name, e := range d.entries {
		if e.foreign {
			delete(d.entries, name)
		}
	}
}

// list looks at all names of one folder, and gathers those that must be judged.
func (in *Input) list(d *folder) {
	began := time.Now()
	d.hot.looked = in.now()
	defer func() { d.hot.cost = time.Since(began) }()
	dir, err := glob.OpenDir(d.path)
	if err != nil {
		if !isGoneError(err) {
			in.problem("folder cannot be read", d.path, err)
			return // what is in it may be there as before
		}
		in.empty(d)
		return
	}
	defer dir.Close()
	in.gen++
	err = dir.Each(func(name []byte, _ uint64, typ uint8) bool {
		in.visit(d, dir, name, typ)
		return true
	})
	if err != nil {
		in.problem("folder cannot be read", d.path, err)
		return // what was not seen may be there
	}
	delete(in.faults, d.path)
	for name, e := range d.entries {
		if e.gen != in.gen {
			delete(d.entries, name)
			in.vanish(e)
		}
	}
}

// isGoneError reports whether an error says that a name is not there. Any other is one of the file system: a server that does
// not answer, rights that were taken away.
func isGoneError(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

func (in *Input) empty(d *folder) {
	for name, e := range d.entries {
		delete(d.entries, name)
		in.vanish(e)
	}
}

// vanish notes that a name is not there any more.
func (in *Input) vanish(e *entry) {
	if e.foreign {
		return
	}
	if in.present[e.stat.handle] == e {
		delete(in.present, e.stat.handle)
		if k := in.handles[e.stat.handle]; k != nil {
			k.Seen, in.moved[k] = in.now().Unix(), true
		}
		in.shaken = true
	}
	delete(in.faults, e.path)
}

// visit looks at one name.
func (in *Input) visit(d *folder, dir *glob.Dir, name []byte, typ uint8) {
	e := d.entries[string(name)]
	if e == nil {
		path := filepath.Join(d.path, string(name))
		e = in.meetName(d, path, typ)
		d.entries[path[len(path)-len(name):]] = e // which needs no memory of its own
	}
	e.gen = in.gen
	if e.foreign {
		return
	}
	st, err := in.statEntry(d, dir, e, name, typ)
	if err != nil && !e.link && !isGoneError(err) {
		in.problem("file cannot be looked at", e.path, err)
		return
	}
	if err != nil || !st.regular {
		in.vanish(e)
		e.stat, e.settled = stat{}, false
		return
	}
	if st.handle != e.stat.handle {
		in.vanish(e)
		e.settled, e.retry, e.pause = false, 0, 0
	}
	if st.handle != e.stat.handle || st.size != e.stat.size || st.mtime != e.stat.mtime {
		e.still, e.settled = at(in.now()), false
	}
	if st.ctime != e.stat.ctime {
		e.retry = 0
	}
	e.stat = st
	in.present[st.handle] = e
	if !e.settled {
		in.todo = append(in.todo, e)
	}
}

func (in *Input) statEntry(d *folder, dir *glob.Dir, e *entry, name []byte, typ uint8) (stat, error) {
	if typ == unix.DT_LNK || e.link {
		real, err := glob.Resolve(filepath.Join(d.path, string(name)))
		if err != nil {
			return stat{}, err
		}
		e.link = true
		if real != e.path {
			in.vanish(e)
			e.path, e.stat = real, stat{}
		}
		return statPath(real)
	}
	if err := dir.Stat(name, &in.statx); err != nil {
		return stat{}, err
	}
	return fromStatx(&in.statx), nil
}

// meetName finds out whether a name is wanted, and whose it is.
func (in *Input) meetName(d *folder, path string, typ uint8) *entry {
	e := &entry{path: path, live: path, kind: archive.KindOf(path), link: typ == unix.DT_LNK, early: in.store.meta.First == 0}
	if typ == unix.DT_DIR {
		e.foreign = true
		return e
	}
	for i := range in.cfgs {
		if in.cfgs[i].set.Match(path) {
			e.cfg, e.matched = &in.cfgs[i], true
			break
		}
	}
	live, cfg, sibling := in.siblingOf(d, path)
	switch {
	case sibling && (e.matched || cfg != nil && !cfg.set.Excludes(path)):
		e.sibling, e.live = true, live
		if e.cfg == nil {
			e.cfg = cfg
		}
	case !e.matched:
		e.foreign = true
	default:
		in.stem(path, e.cfg)
	}
	return e
}

// siblingOf says to which live name a rotated one belongs, and which input that is of. Of a name that is rotated but belongs
// to nobody that is known there is no input.
func (in *Input) siblingOf(d *folder, path string) (live string, cfg *Config, ok bool) {
	first, rotated := rotatedFrom(path)
	second, ending := beforeEnding(path)
	for _, host := range d.hosts {
		for _, l := range []string{first, second} {
			if l == "" || l == path {
				continue
			}
			at := filepath.Join(host, filepath.Base(l))
			if cfg := in.stems[at]; cfg != nil && at != path {
				return at, cfg, true
			}
		}
	}
	if ending && !rotated {
		return path, nil, false // a log with a date in its name, like any other
	}
	return first, nil, rotated
}

// stem notes a live name. What was passed over beside it may be its own.
func (in *Input) stem(live string, cfg *Config) {
	if in.stems[live] != nil {
		return
	}
	in.stems[live] = cfg
	dir := filepath.Dir(live)
	in.stemDirs[dir] = true
	for _, d := range in.folders {
		if slices.Contains(d.hosts, dir) {
			d.stale, in.relook = true, true
		}
	}
}

// older puts what is known first, then rotated files before live ones, and the longest unchanged first.
func (in *Input) older(a, b *entry) int {
	rank := func(e *entry) int {
		k := in.handles[e.stat.handle]
		switch {
		case k != nil && !k.Copy:
			return 0
		case e.sibling:
			return 1
		}
		return 2
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(a.stat.mtime, b.stat.mtime),
		strings.Compare(b.path, a.path), // of two rotated at once, the higher number is older
	)
}

// judgeAll judges what has changed. It returns the worst that became of one of them.
func (in *Input) judgeAll() (outcome, error) {
	if in.relook { // a live name came: what was not wanted beside it may be now
		in.relook = false
		for _, d := range in.folders { // all of them first: what is listed may mark others again
			if d.stale {
				d.stale = false
				in.forgetForeign(d)
			}
		}
		for _, d := range in.folders {
			in.list(d)
		}
	}
	if in.shaken {
		in.reopenGone()
	}
	if err := in.judgeKept(); err != nil {
		return waits, err
	}
	if in.shaken {
		in.shake()
	}
	todo := in.todo
	in.todo = nil
	slices.SortStableFunc(todo, in.older)
	worst := judged
	in.olderWaits, in.hungry = false, false
	for i, e := range todo {
		if i > 0 && e == todo[i-1] || in.present[e.stat.handle] == nil {
			continue
		}
		o, err := in.meet(e)
		if err != nil {
			return worst, err
		}
		e.settled = o == judged
		in.olderWaits = in.olderWaits || o == waits && e.sibling && e.early
		worst = max(worst, o)
	}
	in.todo = todo[:0]
	clear(todo)
	in.noteAwaited()
	return worst, nil
}

// shake makes copies be judged again whose original may be gone.
func (in *Input) shake() {
	in.shaken = false
	queued := make(map[*entry]bool, len(in.todo))
	for _, e := range in.todo {
		queued[e] = true
	}
	for h, e := range in.present {
		if k := in.handles[h]; k != nil && k.Copy && !queued[e] && in.orphan(k) {
			e.settled = false
			in.todo = append(in.todo, e)
		}
	}
}

// outcome is what became of one file in a look at all.
type outcome uint8

const (
	judged outcome = iota // it is followed, or left alone
	closed                // it cannot be opened; it may be one day
	waits                 // it is not settled yet
)
