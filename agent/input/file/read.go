package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// readAll gives each file that is due its turns, until none has more.
func (in *Input) readAll(ctx context.Context, buf []byte) error {
	for more := true; more && ctx.Err() == nil; {
		more = false
		for h, f := range in.open {
			now := in.now()
			if now.Before(f.due) {
				continue
			}
			n, err := in.readOne(ctx, f, buf)
			if err != nil && !in.recoverable(err) {
				return err
			}
			if err != nil {
				in.problem("file is not followed any more", f.path, err)
				in.release(h, f, errors.Is(err, errChanged))
				continue
			}
			more = more || n > 0
			if err := in.schedule(ctx, h, f, n > 0, now); err != nil {
				return err
			}
		}
		in.applyConfirmed()
	}
	return ctx.Err()
}

// recoverable reports whether an error is one file's, not the sink's or the state's.
func (in *Input) recoverable(err error) bool {
	return errors.Is(err, errChanged) || errors.Is(err, io.ErrUnexpectedEOF) || isFileError(err)
}

func (in *Input) readOne(ctx context.Context, f *follower, buf []byte) (int, error) {
	grown, err := f.grown()
	if err != nil || !grown {
		return 0, err
	}
	n, err := f.turn(ctx, in, buf)
	in.bytes.Add(n)
	return n, err
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
		if f.finished && f.content.Cursor == f.read {
			in.end(h, f)
		}
	case f.links == 0 && quiet >= holdDeleted && f.settled():
		return in.endDeleted(ctx, h, f)
	case quiet >= parkAfter && f.settled():
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

// release closes a file. A content that was overwritten has no file any more.
func (in *Input) release(h Handle, f *follower, overwritten bool) {
	c := f.content
	c.Size, c.Mtime, c.Length, c.Seen = f.size, f.mtime, f.line, in.now().Unix()
	if f.archive {
		if st, err := statFile(f.file); err == nil {
			c.Size, c.Mtime = st.size, st.mtime
		}
	}
	if overwritten {
		c.Size, c.Mtime = 0, 0
	}
	delete(in.open, h)
	if err := errors.Join(in.store.put(c), f.close()); err != nil {
		in.problem("file cannot be let go", f.path, err)
	}
}

// applyConfirmed moves the cursors.
func (in *Input) applyConfirmed() {
	in.mu.Lock()
	confirmed := in.confirmed
	in.confirmed = nil
	in.mu.Unlock()
	if len(confirmed) == 0 {
		return
	}
	byKey := make(map[contentKey]*follower, len(in.open))
	for _, f := range in.open {
		byKey[f.content.key()] = f
	}
	for _, s := range confirmed {
		f := byKey[contentKey{s.ID, s.Epoch}]
		for _, r := range s.Ranges {
			if f != nil {
				f.confirm(r)
			} else if c := in.store.contents[contentKey{s.ID, s.Epoch}]; c != nil && c.Cursor == r.First {
				c.Cursor = r.End // of a file that was overwritten or let go meanwhile
				in.late = append(in.late, c)
			}
		}
	}
}

// save brings the cursors to the disk.
func (in *Input) save() error {
	any := false
	for _, f := range in.open {
		if f.dirty {
			f.dirty, any = false, true
			if err := in.store.put(f.content); err != nil {
				return err
			}
		}
	}
	for _, c := range in.late {
		any = true
		if err := in.store.put(c); err != nil {
			return err
		}
	}
	in.late = in.late[:0]
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
