package file

import (
	"os"

	"golang.org/x/sys/unix"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/ident"
)

// maxKept is how many files are held open while they wait to be judged.
const maxKept = 64

// keep holds a plain file open until it is judged: it may be renamed again and again, and be deleted, before that.
func (in *Input) keep(c *candidate) error {
	h := c.stat.handle
	if in.kept[h] != nil || len(in.kept) >= min(maxKept, in.maxOpen/2) || c.kind != archive.Plain {
		return c.file.Close()
	}
	in.kept[h] = c
	return nil
}

// keepDeleted holds a file on that has other bytes now, and no name: nobody could open it again.
func (in *Input) keepDeleted(h Handle, f *follower) {
	st, err := statFile(f.file)
	if err != nil || st.links > 0 || st.size == 0 || in.kept[h] != nil {
		return
	}
	fd, err := unix.FcntlInt(f.file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		in.problem("file cannot be held", f.path, err)
		return
	}
	e := &entry{path: f.path, live: f.content.Stem, cfg: f.cfg, kind: f.kind, sibling: f.sibling, matched: true, stat: st, still: at(in.now())}
	in.kept[h] = &candidate{entry: e, file: os.NewFile(uintptr(fd), f.path)}
}

// unkeep lets go of a file that is judged.
func (in *Input) unkeep(h Handle) {
	if c := in.kept[h]; c != nil {
		delete(in.kept, h)
		if err := c.file.Close(); err != nil {
			in.problem("file cannot be closed", c.path, err)
		}
	}
}

// judgeKept judges the files that have lost their names while they waited: nobody can copy to them any more.
func (in *Input) judgeKept() error {
	for h, c := range in.kept {
		if in.present[h] != nil || !in.room() || in.beginning(c.live) {
			continue
		}
		st, err := statFile(c.file)
		if err != nil || in.open[h] != nil {
			in.unkeep(h) // there is nothing to be had of it
			continue
		}
		gone := &candidate{entry: &entry{}, file: c.file}
		*gone.entry = *c.entry
		gone.stat, gone.matched, gone.nameless = st, true, true
		if k := in.handles[h]; k != nil && !k.Copy {
			gone.known = k
		}
		if ready, err := in.examine(gone); err != nil || !ready {
			in.unkeep(h) // likewise
			continue
		}
		j := ident.Judge(gone.seen)
		in.log.Debug("judged without a name", "path", c.path, "as", j.Verdict.String(), "why", j.Reason)
		if j.Verdict == ident.Wait { // for a deleted file that is read before it
			continue
		}
		delete(in.kept, h)
		if err := in.act(j, gone); err != nil {
			return err
		}
	}
	return nil
}
