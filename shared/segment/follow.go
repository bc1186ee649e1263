package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// Follower reads the records of a log, in order, as they come to the disk. It keeps its place and its file, so that a call
// costs what a record costs. It is for one goroutine, and may run beside everything that the log does but Open.
type Follower struct {
	log  *Log
	at   uint64  // the next record has at least this lsn
	in   *reader // the segment that it is in; nil before the first
	part part    // the same, as it was last seen
	buf  []byte  // bytes of its file
	from int64   // where in the file buf begins
}

// Follow returns a follower that begins with the first record from lsn on.
func (l *Log) Follow(lsn uint64) *Follower { return &Follower{log: l, at: max(lsn, 1)} }

// At returns an lsn that no later record is below.
func (f *Follower) At() uint64 { return f.at }

// Close lets go of its file.
func (f *Follower) Close() {
	if f.in != nil {
		f.in.close()
		f.in = nil
	}
}

// LetGo closes the segment that was read last, if that has come to its end: while it is open its room on the disk is taken,
// even if it was removed. What Next has returned stays valid.
func (f *Follower) LetGo() {
	if f.in != nil && f.in.good >= f.in.size {
		_, _ = f.advance() // an error comes again with Next
	}
}

// Next returns the next record that is on the disk; ok is false while there is none. rec is valid until the next call.
// Damage is passed over and added to what Damage returns; so is the rest of a segment that cannot be read.
func (f *Follower) Next() (lsn uint64, rec []byte, ok bool, err error) {
	for {
		if f.in == nil || f.in.good >= f.in.size {
			if more, err := f.advance(); err != nil || !more {
				return 0, nil, false, err
			}
			continue
		}
		lsn, rec, ok, err := f.record()
		if err != nil && !unreadable(err) {
			return 0, nil, false, err
		}
		if !ok {
			if err := f.pass(err != nil); err != nil {
				return 0, nil, false, err
			}
			continue
		}
		if lsn >= f.at {
			f.at = lsn + 1
			return lsn, rec, true, nil
		}
	}
}

// advance finds more to read: behind what was read of this segment, or in the next one.
func (f *Follower) advance() (more bool, err error) {
	p, final, ok := f.place()
	if !ok {
		return false, nil
	}
	if f.in == nil || p.first != f.part.first {
		return f.open(p)
	}
	size := p.end
	if final {
		fi, err := f.in.file.Stat()
		if err != nil {
			return false, fmt.Errorf("stat segment: %w", err)
		}
		size = fi.Size()
	}
	more = size > f.in.size
	f.part, f.in.size = p, size
	if final && !more { // all of it was read: the next one is there
		f.Close()
		f.at = max(f.at, f.part.first+1)
		return true, nil
	}
	return more, nil
}

// place returns the segment to read from, and whether it grows no more.
func (f *Follower) place() (p part, final, ok bool) {
	l := f.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.in != nil {
		i := slices.IndexFunc(l.segments, func(p part) bool { return p.first == f.part.first })
		if i < 0 { // cut meanwhile, but its file is open
			return f.part, true, true
		}
		return l.segments[i], i+1 < len(l.segments), true
	}
	i := 0
	for i+1 < len(l.segments) && (l.segments[i+1].first <= f.at || l.segments[i].first <= f.part.first) {
		i++
	}
	if l.segments[i].first <= f.part.first {
		return p, false, false
	}
	return l.segments[i], i+1 < len(l.segments), true
}

// open begins to read a segment.
func (f *Follower) open(p part) (more bool, err error) {
	r, err := openReader(p)
	if errors.Is(err, fs.ErrNotExist) && !f.log.has(p.path) {
		return true, nil // cut meanwhile: look again
	}
	if err != nil {
		return false, err
	}
	for _, d := range r.damage { // all of it
		f.log.note(d)
		r.good = r.size
	}
	f.Close()
	f.in, f.part, f.from, f.buf = r, p, 0, f.buf[:0]
	f.at = max(f.at, p.first)
	return true, nil
}

// record reads the record that begins behind the last good one; ok is false if there is none.
func (f *Follower) record() (lsn uint64, rec []byte, ok bool, err error) {
	r := f.in
	if r.good+recordHeader > r.size {
		return 0, nil, false, nil
	}
	b, err := f.bytes(r.good, recordHeader)
	if err != nil {
		return 0, nil, false, err
	}
	h := parseHead(b)
	end := r.good + recordHeader + int64(h.length)
	if h.lsn != r.next || h.length > MaxRecord || end > r.size {
		return 0, nil, false, nil
	}
	if b, err = f.bytes(r.good, int(end-r.good)); err != nil {
		return 0, nil, false, err
	}
	rec = b[recordHeader:]
	if checksum(r.seed, b, rec) != h.sum {
		return 0, nil, false, nil
	}
	r.good = end
	r.next++
	return h.lsn, rec, true, nil
}

// bytes returns n bytes of the file from at on. What is on the disk does not change, so the buffer stays true.
func (f *Follower) bytes(at int64, n int) ([]byte, error) {
	if i := at - f.from; i >= 0 && i+int64(n) <= int64(len(f.buf)) {
		return f.buf[i : i+int64(n)], nil
	}
	size := min(max(int64(n), readBuffer), f.in.size-at)
	if cap(f.buf) > readBuffer && size <= readBuffer { // one large record must not keep its memory
		f.buf = nil
	}
	f.buf = slices.Grow(f.buf[:0], int(size))[:size]
	f.from = at
	if got, err := f.in.file.ReadAt(f.buf, at); int64(got) < size {
		f.buf = f.buf[:0]
		return nil, fmt.Errorf("read segment: %w", err)
	}
	return f.buf[:n], nil
}

// pass goes over damage, to the next good record if there is one; over all that is there if the disk gives it no more.
func (f *Follower) pass(all bool) error {
	r := f.in
	at, lsn := r.size, uint64(0)
	if !all {
		var err error
		if at, lsn, err = r.find(); err != nil {
			if !unreadable(err) {
				return err
			}
			at = r.size
		}
	}
	f.log.note(Damage{r.path, r.good, at - r.good, false})
	if at == r.size { // what comes behind is known: the log counts on
		lsn = max(f.part.next, r.next)
		f.at = max(f.at, lsn)
	}
	r.good, r.next = at, lsn
	return nil
}

// unreadable says that a file does not give its bytes, and will not at a second try: a bad place of the disk, or a file that
// somebody has cut.
func unreadable(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
