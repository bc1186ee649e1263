package file

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/glob"
	"belfry/agent/input/file/ident"
)

// examine gathers what Judge needs to know of a file that is not followed now. It is not ready while an archive is read
// through, which others must not wait for.
func (in *Input) examine(c *candidate) (ready bool, err error) {
	c.seen = ident.Seen{Sibling: c.sibling, Size: c.stat.size}
	if c.reopen, err = glob.HandleOf(c.file); err != nil {
		c.reopen = nil // it is known by inode and birth alone
	}
	packed := c.kind != archive.Plain
	k := c.known
	if k != nil && len(k.Reopen) > 0 && len(c.reopen) > 0 && !slices.Equal(k.Reopen, c.reopen) {
		k, c.known = nil, nil // the inode was given again within one tick of the clock
	}
	switch {
	case k == nil:
	case packed && k.Top == 0 && k.next() == 0: // it was empty, and taken for a log
		c.known = nil
	case k.Copy: // it changed, or what it repeats is gone
		c.known = nil
	case !packed || k.Top == 0 || !k.changed(c.stat):
		return true, in.examineKnown(c, k, packed)
	}
	others := in.sameStem(c.entry)
	c.loose = !c.sibling && slices.ContainsFunc(others, func(o *content) bool { return extends(c.path, o.Stem) })
	c.seen.Sibling = c.sibling || c.loose
	if c.known != nil && !slices.Contains(others, c.known) { // an archive that was written anew, or lengthened
		others = append(others, c.known)
	}
	if !in.cutOffChanged(others) {
		return false, nil
	}
	if c.seen.Moving = in.moving(c, packed, others); c.seen.Moving {
		return true, nil
	}
	if packed {
		return in.examineArchive(c, others)
	}
	return true, in.examinePlain(c, others)
}

// cutOffChanged ends the following of files that were truncated and not looked at since: what they held may be in the one that
// is judged. It returns false if one of them is being read at this moment.
func (in *Input) cutOffChanged(others []*content) bool {
	for _, o := range others {
		f := in.open[o.File]
		if f == nil || f.content != o || f.finished || f.intact() {
			continue
		}
		if f == in.reading {
			return false
		}
		in.log.Info("file is not what it was", "path", f.path)
		in.cutOff(o.File, f)
	}
	return true
}

// examineKnown compares a file with the content that lay in it.
func (in *Input) examineKnown(c *candidate, k *content, packed bool) error {
	c.seen.Known, c.seen.Top = true, k.Top
	if packed {
		c.seen.Like, c.seen.Size = ident.Likeness{Equal: true}, max(k.Top, k.Length)
		return nil
	}
	c.seen.Rebooted = k.Boot < in.store.meta.Boots
	var err error
	if c.seen.Like, err = k.Like(c.file, c.stat.size); err != nil || c.seen.Like.Equal {
		return err
	}
	if c.seen.Rebooted {
		c.seen.Holds = k.LastHolding(c.file, c.stat.size, c.stat.size) > 0
		return nil
	}
	if at, ok := k.lastLine(c.file, c.stat.size); ok {
		if err = k.takeBack(c.file, at); err == nil {
			c.seen.Top = k.Top
			c.seen.Like, err = k.Like(c.file, c.stat.size)
		}
	}
	return err
}

// moving reports whether a rotated file is still changing, or may yet turn out to be a copy. Where the kernel tells that
// somebody writes to it, it is waited for longer: who copies may have stalled.
func (in *Input) moving(c *candidate, packed bool, others []*content) bool {
	if !c.seen.Sibling {
		return false
	}
	if c.nameless {
		c.seen.Still = true
		return false
	}
	age := in.now().Sub(c.since())
	wait := in.pace.settle
	busy, known := writing(c.file)
	if known && busy {
		wait *= stillAfter
	}
	c.busy = busy && known
	c.seen.Still = age > stillAfter*in.pace.settle
	return age <= wait && (packed || in.mayBeCopy(c, others)) || in.beginning(c.live) || c.live != c.path && in.notMet(c.live) || in.unseen(c.entry)
}

// unseen reports whether a file is followed that the one that is judged may be a copy of, and nothing of what it holds was
// seen yet: it was empty when it was found, and has another name, or none, by now.
func (in *Input) unseen(e *entry) bool {
	for _, f := range in.open {
		if c := f.content; c.Top == 0 && f.kind == archive.Plain && (c.named(e) || e.packs(c.Stem)) {
			if st, err := statFile(f.file); err == nil && st.size > 0 {
				return true
			}
		}
	}
	return false
}

// notMet reports whether a living file is there, and is to be followed as soon as it is met: its copies are known by it.
func (in *Input) notMet(live string) bool {
	st, err := statPath(live)
	if err != nil || st.size == 0 || in.handles[st.handle] != nil {
		return false
	}
	e := in.present[st.handle]
	return e != nil && e.matched && !e.settled && e.retry == 0 && !in.hungry
}

// stillAfter is how many times as long a file is waited for that begins like a living one, but is shorter than it was when the
// file was made: who copies may have stalled.
const stillAfter = 10

// mayBeCopy reports whether a rotated file that is growing may be on its way to become a copy of a known content, or of
// the living file. One that begins otherwise, or is longer, is a log with a date in its name.
func (in *Input) mayBeCopy(c *candidate, others []*content) bool {
	if st, err := statPath(c.live); err == nil && st.size > 0 && in.open[st.handle] == nil {
		if k := in.handles[st.handle]; k == nil || k.changed(st) {
			return true
		}
	}
	head := headOf(c.file, c.stat.size)
	return slices.ContainsFunc(others, func(o *content) bool {
		return o.HeadLike(head, c.stat.size) && c.stat.size <= max(in.sizeOf(o), o.reach())
	})
}

// sizeOf returns how long the file is in which a content lies; 0 if it has no name.
func (in *Input) sizeOf(o *content) uint64 {
	if e := in.present[o.File]; e != nil {
		if st, err := statPath(e.path); err == nil && st.handle == o.File {
			return st.size // it may have grown since the look
		}
	}
	return 0
}

// headOf reads the first bytes of a file of size bytes; of what cannot be read there are none.
func headOf(r io.ReaderAt, size uint64) []byte {
	head := make([]byte, min(size, ident.HeadSize))
	n, _ := r.ReadAt(head, 0)
	return head[:n]
}

// beginning reports whether a living file is followed, but how it begins is not known yet, or not any more. Until then
// nobody can tell its copies.
func (in *Input) beginning(live string) bool {
	st, err := statPath(live)
	if err != nil || st.size == 0 {
		return false
	}
	f := in.open[st.handle]
	return f != nil && f.kind == archive.Plain && (f.content.Top == 0 || !f.intact())
}

// knownHead is headOf up to the first hole: that may be filled yet.
func knownHead(r io.ReaderAt, size uint64) []byte {
	head := headOf(r, size)
	if i := bytes.Index(head, hole); i >= 0 {
		return head[:i]
	}
	return head
}

func (in *Input) examinePlain(c *candidate, others []*content) error {
	c.seen.Nothing = c.stat.size == 0
	if c.seen.Nothing {
		return nil
	}
	head := headOf(c.file, c.stat.size)
	for _, o := range others {
		if !o.HeadLike(head, c.stat.size) {
			continue
		}
		like, err := o.Like(c.file, c.stat.size)
		if err != nil {
			return err
		}
		in.compare(c, o, like)
	}
	return nil
}

// compare adds what is to be known of one content that the file may hold.
func (in *Input) compare(c *candidate, o *content, like ident.Likeness) {
	if !like.Equal {
		return
	}
	m := ident.Match{
		Likeness: like, Cursor: o.next(), Top: o.Top, Before: o.SizeBefore(c.stat.made()),
		OwnName: c.path == o.Path || c.path == o.Stem && isBackup(o.Path),
		Distant: filepath.Dir(c.path) != filepath.Dir(o.Path) && filepath.Dir(c.path) != filepath.Dir(o.Stem) || !o.named(c.entry),
		Older:   c.stat.handle.Birth != 0 && c.stat.handle.Birth < o.File.Birth,
	}
	in.locate(c, o, &m)
	c.seen.Matches, c.of = append(c.seen.Matches, m), append(c.of, o)
}

// locate says where the content is now, and compares its file with the one that is judged.
func (in *Input) locate(c *candidate, o *content, m *ident.Match) {
	f := in.open[o.File]
	switch {
	case f != nil && f.content == o && f.kind == archive.Plain:
		st, err := statFile(f.file)
		if err != nil {
			return
		}
		m.Where, m.Size = ident.Living, st.size
		if st.links == 0 {
			m.Where = ident.Deleted
		}
		m.SameEnd, m.Copied, m.Backup = c.sameEnd(f.file, st.size), f.sibling, c.path == o.Stem && isBackup(f.path)
	case f != nil && f.content == o || !in.isGone(o):
		m.Where = ident.Living
		if e := in.present[o.File]; e != nil {
			m.Copied, m.Backup = e.sibling, c.path == o.Stem && isBackup(e.path)
		}
		if e := in.present[o.File]; e != nil && e.kind == archive.Plain {
			m.Size = e.stat.size
			file, _, err := glob.OpenRegular(e.path)
			if err != nil {
				return
			}
			defer file.Close()
			if archive.KindOfFile(e.path, file) == archive.Plain {
				m.SameEnd = c.sameEnd(file, m.Size)
				return
			}
		}
		m.Size, m.SameEnd = max(o.Top, o.Length), m.Sure(c.seen.Size) // an archive was read through: its marks have told
	}
}

// sameEnd reports whether the other file has the same bytes where the shorter of both ends.
func (c *candidate) sameEnd(other *os.File, size uint64) bool {
	at := min(size, c.seen.Size)
	n := min(at, ident.MarkSize)
	b := make([]byte, n)
	if _, err := other.ReadAt(b, int64(at-n)); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	if c.kind != archive.Plain {
		if at < c.seen.Size {
			return true // its marks have told, up to the last one
		}
		for _, m := range slices.Backward(c.own.Marks) {
			if m.Off == at {
				return m.Hash == ident.Sum(b)
			}
		}
		return false
	}
	have := make([]byte, n)
	_, err := c.file.ReadAt(have, int64(at-n))
	return (err == nil || errors.Is(err, io.EOF)) && slices.Equal(have, b)
}
