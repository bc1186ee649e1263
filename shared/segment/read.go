package segment

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Damage is a stretch of a segment that holds no readable record.
type Damage struct {
	File   string // path of the segment
	Offset int64  // first byte
	Bytes  int64  // how many
	Torn   bool   // at the end of the last segment: an append that was cut off, or damage; else in the middle
}

// String tells the damage as "FILE: N bytes from byte OFFSET on".
func (d Damage) String() string {
	return fmt.Sprintf("%s: %d bytes from byte %d on", d.File, d.Bytes, d.Offset)
}

// Damage returns what Open and Read have found so far, each place once.
func (l *Log) Damage() []Damage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.damage)
}

func (l *Log) note(d Damage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := func(o Damage) bool { return o.File == d.File && o.Offset == d.Offset }
	if !slices.ContainsFunc(l.damage, same) {
		l.damage = append(l.damage, d)
	}
}

// Read calls fn for every record from lsn on, in order, that was on disk when it began. The bytes are fn's until it
// returns. Read ends with the first error of fn, as it is. Damage is passed over and added to what Damage returns.
func (l *Log) Read(from uint64, fn func(lsn uint64, rec []byte) error) error {
	l.mu.Lock()
	parts := slices.Clone(l.segments)
	l.mu.Unlock()
	for i, p := range parts {
		if i+1 < len(parts) && parts[i+1].first <= from {
			continue
		}
		if err := l.readPart(p, from, fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) readPart(p part, from uint64, fn func(lsn uint64, rec []byte) error) error {
	r, err := openReader(p)
	if errors.Is(err, fs.ErrNotExist) && !l.has(p.path) {
		return nil // cut meanwhile
	}
	if err != nil {
		return err
	}
	defer r.close()
	err = r.each(func(lsn uint64, rec []byte) error {
		if lsn < from {
			return nil
		}
		return fn(lsn, rec)
	})
	for _, d := range r.damage {
		l.note(d)
	}
	return err
}

// Last returns the newest good record that is on disk; lsn 0 if there is none. It may run beside Append and Sync.
func (l *Log) Last() (lsn uint64, rec []byte, err error) {
	l.mu.Lock()
	parts := slices.Clone(l.segments)
	l.mu.Unlock()
	for _, p := range slices.Backward(parts) {
		err := l.readPart(p, 0, func(n uint64, b []byte) error {
			lsn, rec = n, append(rec[:0], b...)
			return nil
		})
		if err != nil || lsn > 0 {
			return lsn, rec, err
		}
	}
	return 0, nil, nil
}

func (l *Log) has(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.segments, func(p part) bool { return p.path == path })
}

// reader reads one segment.
type reader struct {
	path   string
	file   *os.File
	size   int64 // bytes to read
	seed   uint32
	next   uint64 // the lsn that must come
	good   int64  // end of the last good record
	buf    []byte
	damage []Damage
	spoilt bool // its header is unreadable, and so is all of it
}

const readBuffer = 256 << 10

func openReader(p part) (*reader, error) {
	f, err := os.Open(p.path)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	r := &reader{path: p.path, file: f, size: p.end, next: p.first}
	if p.end < 0 {
		fi, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("stat segment: %w", err)
		}
		r.size = fi.Size()
	}
	var b [fileHeader]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, fmt.Errorf("read segment: %w", err)
	}
	var ok bool
	if r.seed, ok = parseHeader(b[:]); ok {
		r.good = fileHeader
	} else {
		r.spoilt = true
		r.damage = []Damage{{r.path, 0, r.size, false}}
	}
	return r, nil
}

func (r *reader) close() { r.file.Close() }

// verify reads all of the segment, and returns the lsn behind its last record and the byte where that ends.
func (r *reader) verify() (next uint64, good int64, err error) {
	err = r.each(func(uint64, []byte) error { return nil })
	r.tear(true)
	return r.next, r.good, err
}

// tear marks damage at the end of what was read as torn, if it is the last segment.
func (r *reader) tear(last bool) {
	if n := len(r.damage); last && n > 0 && !r.spoilt && r.good < r.size {
		r.damage[n-1].Torn = true
	}
}

// each calls fn for every good record. Damage between two of them, or behind the last, is noted.
func (r *reader) each(fn func(lsn uint64, rec []byte) error) error {
	if r.spoilt {
		return nil
	}
	for {
		if err := r.run(fn); err != nil {
			return err
		}
		if r.good >= r.size {
			return nil
		}
		at, lsn, err := r.find()
		if err != nil {
			return err
		}
		r.damage = append(r.damage, Damage{r.path, r.good, at - r.good, false})
		if at == r.size {
			return nil
		}
		r.good, r.next = at, lsn
	}
}

// run reads good records, one behind the other, until there is none.
func (r *reader) run(fn func(lsn uint64, rec []byte) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(r.file, r.good, r.size-r.good), readBuffer)
	b := make([]byte, recordHeader)
	for r.good+recordHeader <= r.size {
		if _, err := io.ReadFull(in, b); err != nil {
			return fmt.Errorf("read segment: %w", err)
		}
		h := parseHead(b)
		end := r.good + recordHeader + int64(h.length)
		if h.lsn != r.next || h.length > MaxRecord || end > r.size {
			return nil
		}
		r.buf = slices.Grow(r.buf[:0], int(h.length))[:h.length]
		if _, err := io.ReadFull(in, r.buf); err != nil {
			return fmt.Errorf("read segment: %w", err)
		}
		if checksum(r.seed, b, r.buf) != h.sum {
			return nil
		}
		r.good = end
		r.next++
		if err := fn(h.lsn, r.buf); err != nil {
			return err
		}
	}
	return nil
}

// findFactor bounds the work of find: it checksums at most so many times the bytes that it looks through.
const findFactor = 16

// find looks for the first good record behind damage at r.good, and returns where it begins and its lsn; r.size if
// there is none. A number counts only if so many records can have been in the bytes that are passed over.
func (r *reader) find() (at int64, lsn uint64, err error) {
	budget := findFactor * (r.size - r.good)
	in := bufio.NewReaderSize(io.NewSectionReader(r.file, r.good+1, r.size-r.good-1), readBuffer)
	for at = r.good + 1; at+recordHeader <= r.size && budget > 0; at++ {
		b, err := in.Peek(recordHeader)
		if err != nil {
			return 0, 0, fmt.Errorf("read segment: %w", err)
		}
		h := parseHead(b)
		passed := uint64(at-r.good)/recordHeader + 1
		if h.lsn >= r.next && h.lsn <= r.next+passed && h.length <= MaxRecord && at+recordHeader+int64(h.length) <= r.size {
			budget -= int64(h.length)
			ok, err := r.check(at, h, b)
			if err != nil || ok {
				return at, h.lsn, err
			}
		}
		_, _ = in.Discard(1) // it was peeked at
	}
	return r.size, 0, nil
}

func (r *reader) check(at int64, h head, b []byte) (bool, error) {
	r.buf = slices.Grow(r.buf[:0], int(h.length))[:h.length]
	if _, err := r.file.ReadAt(r.buf, at+recordHeader); err != nil {
		return false, fmt.Errorf("read segment: %w", err)
	}
	return checksum(r.seed, b, r.buf) == h.sum, nil
}
