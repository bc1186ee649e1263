package segment

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// flushBytes bounds what Append keeps in memory between two Syncs.
const flushBytes = 1 << 20

// Append adds a record and returns its lsn. It copies rec; the record is on disk only after the next Sync. After an
// error of a write or a sync every Append and Sync returns that error: what is in the file is then unknown until the
// log is opened again.
func (l *Log) Append(rec []byte) (uint64, error) {
	if l.err != nil {
		return 0, l.err
	}
	if len(rec) > MaxRecord {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(rec), MaxRecord)
	}
	grown := l.size + recordHeader + int64(len(rec))
	if grown > l.maxBytes && l.size > fileHeader {
		if err := l.roll(); err != nil {
			return 0, l.fail(err)
		}
		grown = l.size + recordHeader + int64(len(rec))
	}
	lsn := l.next
	l.buf = appendRecord(l.buf, l.seed, lsn, rec)
	l.size = grown
	l.next++
	if len(l.buf) >= flushBytes {
		return lsn, l.flush()
	}
	return lsn, nil
}

// Sync returns when every record that was appended is on disk.
func (l *Log) Sync() error {
	if l.err != nil {
		return l.err
	}
	l.mu.Lock()
	clean := l.segments[len(l.segments)-1].end == l.size
	l.mu.Unlock()
	if clean {
		return nil
	}
	if err := l.flush(); err != nil {
		return err
	}
	if err := l.bring(l.file, l.path, l.size, l.next); err != nil {
		return l.fail(err)
	}
	return nil
}

// bring brings a segment's file to the disk, up to size, where the record with the lsn next will begin. One at a time: the
// system tells of a failure once, and whoever comes after the one that was told would take what is lost for synced.
func (l *Log) bring(file File, path string, size int64, next uint64) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.unsure != nil {
		return l.unsure
	}
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // who closes it has synced it
		l.unsure = fmt.Errorf("sync segment: %w", err)
		return l.unsure
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := l.last(); last != nil && last.path == path && size > last.end {
		last.end, last.next = size, next
	}
	return nil
}

// SyncBeside hands every record that was appended to the operating system, and returns a function that brings them to the disk.
// That one may run beside everything else, Close included; what it returns is to be believed as what Sync returns, and after
// its error the log must be opened again.
func (l *Log) SyncBeside() (func() error, error) {
	if err := l.Flush(); err != nil {
		return nil, err
	}
	file, path, size, next := l.file, l.path, l.size, l.next
	return func() error { return l.bring(file, path, size, next) }, nil
}

// last returns the segment that grows. mu is held.
func (l *Log) last() *part {
	if n := len(l.segments); n > 0 {
		return &l.segments[n-1]
	}
	return nil
}

// Flush hands every record that was appended to the operating system: they survive the end of this process, but not
// that of the machine.
func (l *Log) Flush() error {
	if l.err != nil {
		return l.err
	}
	return l.flush()
}

// flush hands the buffer to the operating system.
func (l *Log) flush() error {
	if _, err := l.file.Write(l.buf); err != nil {
		return l.fail(fmt.Errorf("write segment: %w", err))
	}
	l.keepAhead()
	if cap(l.buf) > 8*flushBytes { // one large record must not keep its memory
		l.buf = nil
	}
	l.buf = l.buf[:0]
	return nil
}

func (l *Log) fail(err error) error {
	if l.err == nil {
		l.err = err
	}
	return err
}

// Roll ends the last segment, synced, and begins a new one, unless it is empty.
func (l *Log) Roll() error {
	if l.err != nil {
		return l.err
	}
	if l.size == fileHeader {
		return nil
	}
	if err := l.roll(); err != nil {
		return l.fail(err)
	}
	return nil
}

// roll ends the last segment and begins a new one.
func (l *Log) roll() error {
	if err := l.Sync(); err != nil {
		return err
	}
	old := l.file
	if err := l.begin(); err != nil {
		return err
	}
	if err := old.Close(); err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}

// begin makes an empty segment, named by the next lsn, and lets it grow.
func (l *Log) begin() error {
	path := filepath.Join(l.dir, nameOf(l.next))
	var salt [saltBytes]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return fmt.Errorf("draw salt: %w", err)
	}
	f, err := createSynced(l.disk, path, appendHeader(nil, salt))
	if err != nil {
		err = fmt.Errorf("begin segment: %w", err)
		if _, there := os.Lstat(path); there == nil { // then the one before must take no more
			l.doubt(err)
		}
		return err
	}
	l.mu.Lock()
	if last := l.last(); last != nil && last.end >= 0 {
		last.size, last.end = last.end, -1
	}
	l.segments = append(l.segments, part{path: path, first: l.next, end: fileHeader, next: l.next})
	l.mu.Unlock()
	l.file, l.path, l.seed, l.size = f, path, seedOf(salt), fileHeader
	l.kept = 0
	l.keepAhead()
	return nil
}

// createSynced makes a file that is there with all of content or not at all, even after a power cut.
func createSynced(d Disk, path string, content []byte) (File, error) {
	tmp := path + ".tmp"
	f, err := d.OpenFile(tmp, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = d.Rename(tmp, path)
	}
	if err == nil {
		err = d.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func syncDir(dir string) error { return OS{}.SyncDir(dir) }

// cutFile shortens a file to size, durably.
func cutFile(d Disk, path string, size int64) error {
	f, err := d.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open torn segment: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("cut torn segment: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync torn segment: %w", err)
	}
	return nil
}

// TruncateBefore removes the segments that hold nothing but records below lsn. Records from lsn on stay; older ones
// that share a segment with them may stay too.
func (l *Log) TruncateBefore(lsn uint64) error {
	if l.err != nil {
		return l.err
	}
	if lsn >= l.next && l.size > fileHeader { // the last one too: its number goes on in the name of an empty one
		if err := l.roll(); err != nil {
			return l.fail(err)
		}
	}
	return l.Release(lsn)
}

// Release is TruncateBefore but for the segment that grows, which it leaves alone. It may run beside everything else.
func (l *Log) Release(lsn uint64) error {
	l.mu.Lock()
	n := l.below(lsn)
	gone := l.segments[:n:n]
	l.segments = l.segments[n:]
	l.mu.Unlock()
	if n == 0 {
		return nil
	}
	for _, p := range gone {
		if err := l.disk.Remove(p.path); err != nil {
			return fmt.Errorf("remove segment: %w", err)
		}
	}
	if err := l.disk.SyncDir(l.dir); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	return nil
}

// below returns how many segments hold nothing but records below lsn; the last is none of them.
func (l *Log) below(lsn uint64) int {
	n := 0
	for n+1 < len(l.segments) && l.segments[n+1].first <= lsn {
		n++
	}
	return n
}

// Size returns the bytes of the segment that grows, with those that were not written yet.
func (l *Log) Size() int64 { return l.size }

// Bytes returns the size of all segments together.
func (l *Log) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := l.size
	for _, p := range l.segments[:len(l.segments)-1] {
		total += p.size
	}
	return total
}
