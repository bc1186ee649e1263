package file

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"belfry/agent/input/file/archive"
	"belfry/shared/batch"
)

// readRound gives each file that is due one turn. more is true if one of them had more to read than a turn takes: then
// the next round comes at once, but for the looks and the saves that are due in between.
func (in *Input) readRound(ctx context.Context) (more bool, err error) {
	in.noteCatching()
	for h, f := range in.open {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		now := in.now()
		if now.Before(f.due) || in.open[h] != f || f.needs > in.syncing.onDisk || in.waitsForOlder(f) {
			continue
		}
		f.in, f.ctx, f.now = in, ctx, now
		in.reading = f
		n, err := in.readOne(f)
		if err == nil {
			f.abandoned = false // the road was free in time
			in.limitHistory(f, n)
			more = more || n == len(in.buf) && !in.now().Before(f.due)
			err = in.schedule(h, f, n > 0) // which may have to wait for the road as well
		}
		err = in.fault(h, f, err)
		in.reading = nil
		if err != nil {
			return false, err
		}
	}
	return more, nil
}

func (in *Input) readOne(f *follower) (int, error) {
	grown, err := f.grown()
	if err != nil {
		return 0, err
	}
	if !grown {
		return 0, f.expire()
	}
	in.renewTick(f.ctx)
	n, err := f.turn(in.buf)
	f.turns++
	in.bytes.Add(n)
	return n, err
}

// expire ends an event whose time has come.
func (f *follower) expire() error {
	if at := f.lines.Deadline(); at.IsZero() || f.now.Before(at) || f.finished {
		return nil
	}
	f.in.renewTick(f.ctx)
	err := f.lines.Expire(f.now, f)
	f.noteHanded()
	return err
}

// fault deals with an error of one file. It returns those of the sink, which are not one file's.
func (in *Input) fault(h Handle, f *follower, err error) error {
	var sink *sinkError
	switch {
	case err == nil:
	case errors.As(err, &sink):
		return err
	case errors.Is(err, errAbandoned):
		in.abandon(h, f)
	case in.store.fault != nil: // nothing can be kept: reading goes on when that is over, and where it was
		in.rewind(h, f)
	case errors.Is(err, errChanged) && in.readLineAgain(h, f):
	case errors.Is(err, errChanged):
		in.log.Info("file is not what it was", "path", f.path, "err", err)
		in.cutOff(h, f)
	case errors.Is(err, archive.ErrTrailing):
		in.problem("behind the archive's end there is something else, which is not read", f.path, err)
		return in.fault(h, f, f.finish())
	case f.kind != archive.Plain && !isFileError(err):
		in.problem("archive is damaged, what can be read of it is sent", f.path, err)
		in.doubt(f.content, f.path, err.Error())
		return in.fault(h, f, f.finish())
	default:
		in.problem("file cannot be read", f.path, err)
		in.release(h, f)
		if e := in.present[h]; e != nil {
			in.unreadable(e, err)
		}
	}
	return nil
}

// rewind makes a plain file go on behind what was handed on: an error has ended its lines. It is not closed, for it may have no
// name any more.
func (in *Input) rewind(h Handle, f *follower) {
	f.noteHanded()
	st, err := statFile(f.file)
	if f.kind != archive.Plain || err != nil || in.openSource(f, st) != nil {
		in.release(h, f)
		return
	}
	f.finished = false
}

// cutOff ends a file that was truncated: its content seeks its tail in another one.
func (in *Input) cutOff(h Handle, f *follower) {
	c := f.content
	f.content.Length = max(c.Length, f.size) // so it is said to reach, and what is missing of it shows
	size := c.Length
	reader := f.lines
	in.keepDeleted(h, f)
	c.cut = true
	in.release(h, f)
	c.Length, c.Size, c.Mtime, c.reader = size, 0, 0, reader
}

// schedule says when to look at a file again, and lets go of one that has ended or rests.
func (in *Input) schedule(h Handle, f *follower, grew bool) error {
	now := f.now
	if grew {
		f.changed = now
		if !f.history {
			f.due = time.Time{}
		}
		if in.hungry && f.turns%hungryTurns == 0 && f.links > 0 && f.kind == archive.Plain {
			in.release(h, f) // others wait for its descriptor
		}
		return nil
	}
	quiet := now.Sub(f.changed)
	f.due = now.Add(in.pace.idle)
	if quiet < in.pace.busy {
		f.due = now.Add(in.pace.active)
	}
	if at := f.lines.Deadline(); !at.IsZero() && at.Before(f.due) {
		f.due = at
	}
	switch {
	case f.kind != archive.Plain:
		if f.finished && f.content.Cursor >= f.content.handed {
			in.end(h, f)
		}
	case f.links == 0:
		return in.scheduleDeleted(h, f, quiet)
	case f.sibling && quiet >= in.pace.partial && f.lines.Begin() < f.read() && f.size == f.read():
		return f.giveUpWaiting()
	case f.lines.Begin() < f.read(): // what waits for its line end may be deleted unseen
	case quiet >= in.pace.park && f.settled() && in.present[h] == nil:
		in.letGo(h, f)
	case in.hungry, quiet >= in.pace.park && f.settled():
		in.release(h, f)
	}
	return nil
}

// hungryTurns is how many turns a file has before others get its descriptor.
const hungryTurns = 8

// giveUpWaiting hands on the last line of a rotated file that has no end. That it ends here is kept: more may come.
func (f *follower) giveUpWaiting() error {
	f.in.renewTick(f.ctx)
	if err := f.lines.GiveUp(f); err != nil {
		return err
	}
	f.noteHanded()
	return nil
}

// end forgets a file whose content is read to its end and confirmed.
func (in *Input) end(h Handle, f *follower) {
	f.content.Ended = true
	in.release(h, f)
	in.shaken = true
}

// release closes a file. It is opened again when there is more to read in it.
func (in *Input) release(h Handle, f *follower) {
	c := f.content
	f.noteHanded()
	c.Size, c.Mtime, c.Length, c.Seen = f.size, f.mtime, max(f.lines.Begin(), c.Bound), in.now().Unix()
	if f.kind != archive.Plain {
		if st, err := statFile(f.file); err == nil {
			c.Size, c.Mtime = st.size, st.mtime
		}
		c.Length = max(c.Length, c.Top)
	} else if f.lines.Begin() < f.size {
		c.Size, c.Mtime = 0, 0
	}
	delete(in.open, h)
	in.revisit(h)
	in.moved[c] = true
	if f.size == c.next() && !c.cut {
		c.Coarsen() // all of it was read, and it is known by its end
	}
	if err := f.close(); err != nil {
		in.problem("file cannot be let go", f.path, err)
	}
}

// revisit makes the next look judge a file.
func (in *Input) revisit(h Handle) {
	if e := in.present[h]; e != nil {
		e.settled = false
	}
}

// applyConfirmed moves the cursors.
func (in *Input) applyConfirmed() {
	defer in.applyHeld()
	in.mu.Lock()
	confirmed := in.confirmed
	in.confirmed = nil
	in.mu.Unlock()
	for _, s := range confirmed {
		if c := in.store.contents[contentKey{s.ID, s.Epoch}]; c != nil { // else of another input's stream
			for _, r := range s.Ranges {
				in.confirm(c, r)
			}
		}
	}
}

// confirm notes that the receiver has a range; the cursor moves as far as there is no hole. The content's file may have
// been let go meanwhile. What was given up moves no cursor: it may be found yet.
func (in *Input) confirm(c *content, r batch.Range) {
	c.last = at(in.now())
	if c.Lost != nil && r.First >= c.Lost.From && r.Kind == c.Lost.Kind {
		c.Lost.Told = c.Lost.Told || r.End >= c.Lost.To
		in.moved[c] = true
		return
	}
	if r.First == 0 && r.End == c.Began && r.Kind == batch.Skipped {
		c.BeganTold, in.moved[c] = true, true
	}
	c.acked.add(r.First, r.End)
	if to := c.acked.advance(c.Cursor); to > c.Cursor {
		c.Cursor = to
		in.cursorMoved(c)
	}
}

// cursorMoved notes that a cursor is to be written: alone, if nothing else of the content has changed.
func (in *Input) cursorMoved(c *content) {
	if _, noted := in.moved[c]; !noted {
		in.moved[c] = false
	}
}

// save brings the cursors to the disk.
func (in *Input) save() error {
	any := len(in.moved) > 0
	for c, whole := range in.moved {
		if in.store.contents[c.key()] != c {
			continue
		}
		put := func() error { return in.store.put(c) }
		if !whole {
			put = func() error { return in.store.note(&change{Number: c.Number, Cursor: c.Cursor, Indexed: c.Indexed}) }
		}
		if err := put(); err != nil {
			return in.stateError(err)
		}
	}
	clear(in.moved)
	if in.last.Unix() > in.store.meta.Look+lookEvery || in.metaMoved {
		any, in.metaMoved = true, false
		in.store.meta.Look = in.last.Unix()
		if err := in.store.mark(); err != nil {
			return in.stateError(err)
		}
	}
	if !any {
		return nil
	}
	if now := in.now(); now.Sub(in.synced) >= in.pace.sync {
		return in.beginSync()
	}
	return in.stateError(in.store.flush())
}

// lookEvery is how many seconds pass before the time of the last complete look is written again.
const lookEvery = 5

func (in *Input) closeAll() {
	for h, f := range in.open {
		if err := f.close(); err != nil {
			in.problem("file cannot be closed", f.path, err)
		}
		delete(in.open, h)
	}
	for h := range in.kept {
		in.unkeep(h)
	}
}

// isFileError reports whether an error came from the file system.
func isFileError(err error) bool {
	var path *fs.PathError
	var no syscall.Errno
	return errors.As(err, &path) || errors.As(err, &no)
}
