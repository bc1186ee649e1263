package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/glob"
	"belfry/agent/input/file/ident"
	"belfry/shared/batch"
)

// meet follows a file that was found, or leaves it alone.
func (in *Input) meet(e *entry) (outcome, error) {
	if f := in.open[e.stat.handle]; f != nil {
		in.rename(f, e)
		return judged, nil
	}
	k := in.known(e)
	if k != nil {
		share(&k.Path, e.path)
		share(&k.Stem, e.live)
	}
	switch {
	case e.unreadable():
		in.warnOnce(e, "archive of a kind that is not read")
		return judged, nil
	case k != nil && k.Copy && !k.changed(e.stat) && !in.orphan(k):
		return judged, nil
	case k != nil && !k.Copy && in.rests(k, e):
		in.renameResting(k, e)
		return judged, nil
	case at(in.now()) < e.retry:
		return closed, nil
	}
	if !in.room() {
		in.hungry = true
		return waits, nil
	}
	return in.openAndJudge(e, k)
}

// share lets a text that is equal to another one take no memory of its own.
func share(s *string, with string) {
	if *s == with {
		*s = with
	}
}

func (in *Input) openAndJudge(e *entry, k *content) (outcome, error) {
	file, _, err := glob.OpenRegular(e.path)
	if err != nil {
		return in.unreadable(e, err), nil
	}
	st, err := statFile(file)
	if err == nil && st.handle != e.stat.handle {
		return waits, file.Close() // it has changed since the look
	}
	if err != nil {
		return in.unreadable(e, errors.Join(err, file.Close())), nil
	}
	if st.size != e.stat.size || st.mtime != e.stat.mtime {
		e.still = at(in.now())
	}
	e.stat = st
	if e.kind = archive.KindOfFile(e.path, file); e.unreadable() {
		in.warnOnce(e, "archive of a kind that is not read")
		return judged, file.Close()
	}
	e.sibling = e.sibling || e.kind != archive.Plain
	c := &candidate{entry: e, file: file, known: k}
	ready, err := in.examine(c)
	if err != nil {
		return in.unreadable(e, errors.Join(err, file.Close())), nil
	}
	switch {
	case !ready:
		return waits, in.keep(c)
	case e.unreadable():
		in.warnOnce(e, "archive of a kind that is not read")
		return judged, file.Close()
	}
	j := ident.Judge(c.seen)
	j.Doubt = j.Doubt || c.seen.Parts == ident.Partly
	in.log.Debug("judged", "path", e.path, "as", j.Verdict.String(), "why", j.Reason, "size", c.seen.Size)
	if j.Verdict == ident.Wait || j.Verdict == ident.New && in.postpone(c) {
		return waits, in.keep(c)
	}
	in.unkeep(st.handle)
	delete(in.surveys, st.handle)
	if err := in.act(j, c); err != nil {
		return waits, err
	}
	if c.again {
		return waits, nil
	}
	e.retry, e.pause = 0, 0
	delete(in.faults, e.path)
	return judged, nil
}

// unreadable notes that a file cannot be read, and when to try again.
func (in *Input) unreadable(e *entry, err error) outcome {
	if errors.Is(err, fs.ErrNotExist) {
		return waits // it is gone, or has another name now
	}
	in.problem("file cannot be read", e.path, err)
	e.pause = min(max(2*e.pause, in.pace.scan), in.pace.retry)
	e.retry = at(in.now().Add(e.pause))
	return closed
}

// problem tells a fault of one path once, until that path was read.
func (in *Input) problem(what, path string, err error) {
	in.problems.Inc()
	if in.faults[path] == "" {
		in.faults[path] = what + ": " + err.Error()
		in.log.Warn(what, "path", path, "err", err)
	}
}

func (in *Input) warnOnce(e *entry, what string) {
	if in.faults[e.path] == "" {
		in.faults[e.path] = what
		in.log.Warn(what, "path", e.path)
	}
}

// known returns the content that lies in a file, or what is known of a copy. A file system that was mounted again may have
// another device; the rest of the handle is the same.
func (in *Input) known(e *entry) *content {
	h := e.stat.handle
	if k := in.handles[h]; k != nil {
		return k
	}
	for k := in.inodes[h.Inode]; k != nil; k = k.sameInode {
		if k.File.Birth == h.Birth && in.handles[k.File] == k && in.present[k.File] == nil && in.open[k.File] == nil &&
			(h.Birth != 0 || k.Path == e.path) {
			delete(in.handles, k.File)
			k.File = h
			in.handles[h] = k
			in.moved[k] = true
			return k
		}
	}
	return nil
}

// rests reports whether a file that was read to its end has not changed since.
func (in *Input) rests(k *content, e *entry) bool {
	if k.Bound > 0 && k.next() >= k.Bound { // more than this copy has was read before
		if !k.Ended && k.Cursor >= k.Bound {
			k.Ended, in.moved[k] = true, true
		}
		return !k.changed(e.stat) || k.Size == 0
	}
	return k.Mtime != 0 && !k.changed(e.stat) && (k.Ended || k.next() >= k.Length)
}

// rename notes the name under which a followed file is found now. A second name beside the first one is none.
func (in *Input) rename(f *follower, e *entry) {
	if f.path == e.path {
		return
	}
	if st, err := statPath(f.path); err == nil && st.handle == e.stat.handle {
		return
	}
	in.log.Info("file has a new name", "from", f.path, "to", e.path)
	f.path, f.sibling, f.content.Path, in.moved[f.content] = e.path, e.sibling, e.path, true
	in.index(f.content)
}

// renameResting notes the name under which a file that is not open is found now: by it its archives are known.
func (in *Input) renameResting(k *content, e *entry) {
	if k.Path == e.path {
		return
	}
	if st, err := statPath(k.Path); err == nil && st.handle == e.stat.handle {
		return // a second name beside the first one
	}
	k.Path, in.moved[k] = e.path, true
	in.index(k)
}

// orphan reports whether a copy has more than what is followed: what it repeats is gone before all of it was read, or goes on
// in a copy that is shorter.
func (in *Input) orphan(k *content) bool {
	of := in.store.contents[contentKey{k.Of, k.OfEp}]
	return of != nil && k.Length > of.next() &&
		((!of.Ended || of.Lost != nil) && in.isGone(of) || of.Bound > 0 && k.Length > of.Bound)
}

// isGone reports whether a content lies in no file that is open or has a name that is looked at. Whether its file has a name
// elsewhere, seekLoose has asked the kernel.
func (in *Input) isGone(c *content) bool {
	if f := in.open[c.File]; f != nil && f.content == c {
		return false
	}
	return c.cut || in.present[c.File] == nil || in.handles[c.File] != c
}

// sameStem lists the contents that a file may hold, by its name: those of its live name, those whose present name would be a
// sibling of it, and those of a log that its name begins with.
func (in *Input) sameStem(e *entry) (all []*content) {
	own, _ := rotatedFrom(e.path)
	take := func(base string) {
		for _, c := range in.byBase[base] {
			if in.mayHold(c) && !slices.Contains(all, c) && (in.near(c, e) || extends(e.path, c.Stem)) {
				all = append(all, c)
			}
		}
	}
	if e.kind != archive.Plain {
		for _, c := range in.store.contents {
			if !c.Copy && e.packs(c.Stem) && in.mayHold(c) {
				all = append(all, c)
			}
		}
	}
	take(filepath.Base(e.live))
	take(filepath.Base(own))
	name := filepath.Base(e.path)
	for i := 1; i < len(name); i++ {
		if strings.IndexByte(separators, name[i]) >= 0 {
			take(name[:i])
		}
	}
	return all
}

// mayHold reports whether a content may be found in another file: what is superseded is sent in a new epoch, and what is
// forgotten is nobody's.
func (in *Input) mayHold(c *content) bool {
	return c.Top > 0 && (c.Lost == nil || c.Lost.Kind != batch.Skipped) && in.store.contents[c.key()] == c
}

// named reports whether a file's name alone says that it may hold a content.
func (c *content) named(e *entry) bool {
	own, _ := rotatedFrom(e.path)
	return slices.Contains(c.bases[:], filepath.Base(e.live)) || slices.Contains(c.bases[:], filepath.Base(own)) || extends(e.path, c.Stem)
}

// packs reports whether an archive may hold a log by a name that only begins like it, as "app-1.log.gz" does "app.log", in the
// same folder, or in one below or beside it.
func (e *entry) packs(live string) bool {
	if e.kind == archive.Plain || firstWord(live) != firstWord(e.path) {
		return false
	}
	from, to := filepath.Dir(live), filepath.Dir(e.path)
	return from == to || from == filepath.Dir(to) || filepath.Dir(from) == filepath.Dir(to)
}

// firstWord returns what stands before the first separator in the last part of a path.
func firstWord(path string) string {
	name := filepath.Base(path)
	if i := strings.IndexAny(name[1:], separators); i >= 0 {
		return name[:i+1]
	}
	return name
}

// index makes a content be found by its live name, and by the live name that its present one has.
func (in *Input) index(c *content) {
	if c.Copy {
		return
	}
	live, _ := rotatedFrom(c.Path)
	for i, base := range [...]string{filepath.Base(c.Stem), filepath.Base(live)} {
		if c.bases[i] != base {
			c.bases[i] = base
			if c.bases[0] != c.bases[1] || i == 0 {
				in.byBase[base] = append(in.byBase[base], c)
			}
		}
	}
}

// separators may stand behind a log's name in that of a copy.
const separators = "._-~ "

// extends reports whether a name is that of a log with something behind it, as somebody may call a copy: "app.log.before" or
// "app.log_2.gz".
func extends(path, live string) bool {
	rest, ok := strings.CutPrefix(path, live)
	return ok && rest != "" && strings.IndexByte(separators, rest[0]) >= 0 && !strings.ContainsRune(rest, '/')
}

// near reports whether a content may have come to a file's folder: from the same one, or from one beside, above or below it, or
// from one of the same name beside the one above, if the file has a rotated name and no live log of that name is there.
func (in *Input) near(c *content, e *entry) bool {
	from, to := filepath.Dir(c.Stem), filepath.Dir(e.path)
	if from == to || filepath.Dir(c.Path) == to || from == filepath.Dir(e.live) {
		return true
	}
	own, _ := rotatedFrom(e.path)
	if !e.sibling || in.stems[own] != nil {
		return false
	}
	above, over := filepath.Dir(from), filepath.Dir(to)
	return above == over || over == from || above == to ||
		filepath.Base(from) == filepath.Base(to) && filepath.Dir(above) == filepath.Dir(over) // "jobs/7" became "done/7"
}

// candidate is a file that is being judged.
type candidate struct {
	*entry
	file    *os.File
	known   *content // a content of this handle, or what is known of a copy
	seen    ident.Seen
	of      []*content     // the contents of seen.Matches
	own     ident.Evidence // of an archive: what was seen of it when it was read through
	damaged error          // of an archive: why it cannot be read to its end
	proven  uint64         // of a damaged archive: all before is as it was written
	reopen  []byte
	again   bool // it is to be judged once more
	busy    bool // somebody has it open for writing

	nameless bool // it was deleted while it waited
	loose    bool // its name begins with that of a log: it may be a copy, or one of its own
}

// unreadable reports whether an entry is an archive of a kind that this version cannot read.
func (e *entry) unreadable() bool { return e.kind != archive.Plain && !e.kind.Readable() }
