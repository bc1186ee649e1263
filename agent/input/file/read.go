package file

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"belfry/shared/batch"
)

// readRound gives each file that is due one turn. more is true if one of them had more to read than a turn takes: then
// the next round comes at once, but for the looks and the saves that are due in between.
func (in *Input) readRound(ctx context.Context, buf []byte) (more bool, err error) {
	for h, f := range in.open {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		now := in.now()
		if now.Before(f.due) {
			continue
		}
		n, err := in.readOne(ctx, f, buf)
		if err != nil {
			if err := in.fault(ctx, h, f, err); err != nil {
				return false, err
			}
			continue
		}
		more = more || n == len(buf)
		if err := in.schedule(ctx, h, f, n > 0, now); err != nil {
			return false, err
		}
	}
	return more, nil
}

func (in *Input) readOne(ctx context.Context, f *follower, buf []byte) (int, error) {
	grown, err := f.grown()
	if err != nil || !grown {
		return 0, err
	}
	n, err := f.turn(ctx, in, buf)
	in.bytes.Add(n)
	if n > 0 {
		delete(in.faults, f.path)
	}
	return n, err
}

// fault deals with an error of one file. It returns those of the sink and of the state, which are not one file's.
func (in *Input) fault(ctx context.Context, h Handle, f *follower, err error) error {
	switch {
	case errors.Is(err, errChanged):
		in.log.Info("file is not what it was", "path", f.path, "err", err)
		in.release(h, f, true)
	case isFileError(err):
		in.problem("file cannot be read", f.path, err)
		f.due = in.now().Add(pollIdle)
		if f.settled() { // else what is not confirmed would be sent again each time
			in.release(h, f, true)
		}
	case errors.Is(err, errDamaged):
		in.problem("archive is damaged, what can be read of it is sent", f.path, err)
		return f.finish(ctx, in)
	default:
		return err
	}
	return nil
}

// schedule says when to look at a file again, and lets go of one that has ended or rests.
func (in *Input) schedule(ctx context.Context, h Handle, f *follower, grew bool, now time.Time) error {
	if grew {
		f.changed = now
		f.due = time.Time{}
		return nil
	}
	quiet := now.Sub(f.changed)
	f.due = now.Add(pollIdle)
	if quiet < activeFor {
		f.due = now.Add(pollActive)
	}
	switch {
	case f.archive:
		if f.finished && f.content.Cursor >= f.read {
			in.end(h, f)
		}
	case f.links == 0 && quiet >= holdDeleted && f.settled():
		return in.endDeleted(ctx, h, f)
	case quiet >= parkAfter && f.settled() && f.read == f.line: // what waits for its line end may be deleted unseen
		in.release(h, f, false)
	}
	return nil
}

// endDeleted lets go of a file that has no name any more, when all of it is confirmed. A last line without end goes
// first: nobody can lengthen it now.
func (in *Input) endDeleted(ctx context.Context, h Handle, f *follower) error {
	if !f.finished {
		return f.finish(ctx, in)
	}
	in.end(h, f)
	return nil
}

// end forgets a file whose content is read to its end and confirmed.
func (in *Input) end(h Handle, f *follower) {
	f.content.Ended = true
	in.release(h, f, false)
}

// release closes a file. With again, it is opened at the next look even if it does not change.
func (in *Input) release(h Handle, f *follower, again bool) {
	c := f.content
	c.Size, c.Mtime, c.Length, c.Seen = f.size, f.mtime, f.line, in.now().Unix()
	if f.cut > f.read {
		c.Length = f.cut // so it is said to reach, and what is missing of it shows
	}
	if f.archive {
		if st, err := statFile(f.file); err == nil {
			c.Size, c.Mtime = st.size, st.mtime
		}
	}
	if again {
		c.Size, c.Mtime = 0, 0
	}
	delete(in.open, h)
	if err := errors.Join(in.store.put(c), f.close()); err != nil {
		in.problem("file cannot be let go", f.path, err)
	}
}

// applyConfirmed moves the cursors.
func (in *Input) applyConfirmed() {
	defer in.applyHeld()
	in.mu.Lock()
	confirmed := in.confirmed
	in.confirmed = nil
	in.mu.Unlock()
	if len(confirmed) == 0 {
		return
	}
	for _, s := range confirmed {
		c := in.store.contents[contentKey{s.ID, s.Epoch}]
		if c == nil {
			continue // of another input's stream
		}
		for _, r := range s.Ranges {
			in.confirm(c, r)
		}
	}
}

// confirm notes that the receiver has a range; the cursor moves as far as there is no hole. The content's file may have
// been let go meanwhile.
func (in *Input) confirm(c *content, r batch.Range) {
	c.acked.add(r.First, r.End)
	if to := c.acked.advance(c.Cursor); to > c.Cursor {
		c.Cursor = to
		in.moved[c] = true
	}
}

// save brings the cursors to the disk.
func (in *Input) save() error {
	any := len(in.moved) > 0
	for c := range in.moved {
		if err := in.store.put(c); err != nil {
			return err
		}
	}
	clear(in.moved)
	now := in.now()
	if in.last.Unix() > in.store.lastLook+lookEvery {
		any = true
		if err := in.store.look(in.last); err != nil {
			return err
		}
		in.store.lastLook = in.last.Unix()
	}
	if !any {
		return nil
	}
	return in.store.sync(now)
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
}

// isFileError reports whether an error came from the file system.
func isFileError(err error) bool {
	var path *fs.PathError
	var no syscall.Errno
	return errors.As(err, &path) || errors.As(err, &no)
}
