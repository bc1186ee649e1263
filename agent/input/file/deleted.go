package file

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/glob"
	"belfry/shared/batch"
)

// scheduleDeleted lets go of a file without a name when nobody else has it open, and all of it is confirmed.
func (in *Input) scheduleDeleted(h Handle, f *follower, quiet time.Duration) error {
	switch {
	case f.finished:
		if f.content.Cursor >= f.content.handed {
			in.end(h, f)
		}
		return nil
	case f.size > f.read() || quiet < in.pace.settle || !f.settled():
		return nil
	case f.now.Sub(f.probed) < in.pace.settle+min(quiet/8, in.pace.hold):
		return nil
	}
	f.probed = f.now
	switch open, known := in.openElsewhere(f); {
	case open && quiet >= in.pace.park:
		in.letGo(h, f)
		return nil
	case open, !known && quiet < in.pace.hold:
		return nil
	}
	in.renewTick(f.ctx)
	return f.finish() // a last line without end goes: nobody can lengthen it now
}

// letGo closes a file that no look finds, but is still there: it is deleted, and its writer has it open but does not write to it,
// or it was renamed out of sight. The kernel is asked for it now and then.
func (in *Input) letGo(h Handle, f *follower) {
	c := f.content
	reader := f.lines
	in.release(h, f)
	c.Size, c.Mtime, c.gone = f.size, f.mtime, at(in.now())
	if reader.Begin() < reader.At() {
		c.reader = reader
	}
	in.absent[c] = true
}

// visitAbsent looks whether deleted files were written to that were let go, or are gone for good.
func (in *Input) visitAbsent() {
	now := in.now()
	if len(in.absent) == 0 || now.Sub(in.visited) < in.pace.idle {
		return
	}
	in.visited = now
	for c := range in.absent {
		if !in.isGone(c) { // it has a name again
			delete(in.absent, c)
			continue
		}
		file, st, err := in.byHandle(c)
		switch {
		case err != nil:
			delete(in.absent, c)
			c.gone = at(now)
		case !c.changed(st):
			_ = file.Close() // it was only looked at
		default:
			delete(in.absent, c)
			in.adopt(c, c.Path, file, st)
		}
	}
}

// openElsewhere reports whether another process has a deleted file open: this one lets go of it, and asks the kernel for it.
// known is false if the kernel cannot tell.
func (in *Input) openElsewhere(f *follower) (open, known bool) {
	if len(f.content.Reopen) == 0 {
		return false, false
	}
	mount, err := os.Open(nearest(filepath.Dir(f.content.Path)))
	if err != nil {
		return false, false
	}
	defer mount.Close()
	again, err := glob.OpenByHandle(mount, f.content.Reopen)
	if err != nil { // it is open here, so this must work if anything does
		in.noReopen(err)
		return false, false
	}
	if err := errors.Join(again.Close(), f.file.Close()); err != nil {
		in.problem("file cannot be closed", f.path, err)
	}
	file, err := glob.OpenByHandle(mount, f.content.Reopen)
	if err != nil {
		f.file = mount // what is closed later in its place
		if null, err := os.Open(os.DevNull); err == nil {
			f.file = null
		}
		return false, true
	}
	f.file = file
	if p, ok := f.src.(*plain); ok {
		p.f = file
	}
	return true, true
}

// noReopen tells once that files cannot be found by their handles.
func (in *Input) noReopen(err error) {
	if errors.Is(err, glob.ErrGone) || in.toldNoReopen {
		return
	}
	in.toldNoReopen = true
	in.log.Info("files that were renamed out of sight cannot be found by their handles here", "err", err)
}

// guardDisks gives up deleted files that are not read yet when their disk is nearly full: the host comes first. What is
// given up is counted exactly.
func (in *Input) guardDisks() {
	now := in.now()
	if now.Sub(in.guarded) < in.pace.guard {
		return
	}
	in.guarded = now
	var worst *follower
	var at Handle
	for h, f := range in.open {
		if f.finished || f.abandoned || f.kind != archive.Plain {
			continue
		}
		st, err := statFile(f.file)
		if err != nil || st.links > 0 || st.size <= f.lines.Begin() || usedPercent(f.file) < f.cfg.Hold.percent() {
			continue
		}
		f.size = st.size
		if worst == nil || f.size > worst.size {
			worst, at = f, h
		}
	}
	switch worst {
	case nil:
	case in.reading: // it waits for the road at this moment
		worst.abandoned = true
	default:
		in.abandon(at, worst)
	}
}

// errAbandoned ends the reading of a file that is given up.
var errAbandoned = errors.New("file is given up")

// abandon gives a deleted file up, unless another process has it open: then nothing would be won.
func (in *Input) abandon(h Handle, f *follower) {
	f.abandoned = false
	if open, _ := in.openElsewhere(f); open {
		in.rewind(h, f)
		return
	}
	c := f.content
	c.Top = max(c.Top, f.size)
	in.release(h, f)
	in.log.Warn("disk is nearly full, a deleted file is given up", "path", f.path, "bytes", f.size-c.next())
	in.abandonedBytes.AddInt64(int64(f.size - c.next()))
	in.giveUp(c, batch.Dropped, "the disk was nearly full, and its file was deleted")
}

// usedPercent returns how full the file's disk is, for users.
func usedPercent(f *os.File) int {
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) != nil || fs.Blocks == 0 {
		return 0
	}
	return int(100 - 100*fs.Bavail/fs.Blocks)
}
