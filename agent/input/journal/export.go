package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	readSize = 64 << 10
	maxName  = 256     // bytes of a field's name; journald allows 64
	maxField = 1 << 32 // bytes of a field; journald allows 768 MiB
)

// decoder reads the export format: lines of KEY=VALUE, or KEY, a line end, the size in 8 bytes (little endian), the value
// and a line end; an empty line ends an entry. Its memory does not depend on what it reads.
type decoder struct {
	src     io.Reader
	buf     []byte // [r, w) is read and not taken
	r, w    int
	taken   int64 // bytes before buf[r]
	message int   // bytes of a message that are kept
}

func newDecoder(src io.Reader, maxMessage int) *decoder {
	return &decoder{src: src, buf: make([]byte, readSize), message: maxMessage}
}

// malformedError says at which byte the stream stopped being of the export format.
type malformedError struct {
	at   int64
	what string
}

func (e *malformedError) Error() string { return fmt.Sprintf("byte %d: %s", e.at, e.what) }

func (d *decoder) malformed(format string, args ...any) error {
	return &malformedError{d.taken, fmt.Sprintf(format, args...)}
}

// next reads an entry. io.EOF is the end between two entries, io.ErrUnexpectedEOF the end within one, whose beginning is in
// e then.
func (d *decoder) next(e *entry) error {
	e.reset()
	for begun := false; ; {
		name, end, err := d.name()
		if err != nil && begun {
			return within(err)
		}
		if err != nil {
			return err
		}
		switch {
		case len(name) == 0 && end == '=':
			return d.malformed("a field without a name")
		case len(name) == 0 && !begun:
			d.take(1)
			continue
		case len(name) == 0 && e.at.number == 0:
			return d.malformed("an entry without a cursor")
		case len(name) == 0:
			d.take(1)
			return nil
		}
		begun = true
		f := fieldOf(name)
		if f == cursorField && e.at.number != 0 { // what is left of one that cannot be read: the empty line is missing
			e.damaged = true
			return nil
		}
		if err := d.field(e, f, name, end); err != nil {
			return within(err)
		}
	}
}

// within is an error in the middle of an entry.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// name finds the end of a field's name: = or a line end. It is valid until more is read, and not taken yet.
func (d *decoder) name() (name []byte, end byte, err error) {
	for at := d.r; ; {
		for ; at < d.w; at++ {
			switch c := d.buf[at]; {
			case c == '=' || c == '\n':
				return d.buf[d.r:at], c, nil
			case at-d.r >= maxName:
				return nil, 0, d.malformed("a field's name of more than %d bytes", maxName)
			case (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9'):
				return nil, 0, d.malformed("%q is no part of a field's name", c)
			}
		}
		scanned := at - d.r
		if err := d.fill(); err != nil && scanned > 0 {
			return nil, 0, within(err)
		} else if err != nil {
			return nil, 0, err
		}
		at = d.r + scanned
	}
}

// field takes a field: its name, and its value as far as it is kept.
func (d *decoder) field(e *entry, f field, name []byte, end byte) error {
	limit := d.limit(e, f)
	if f == unknown && len(name) > maxCustomName {
		limit = 0
	}
	var c custom
	if f == unknown && limit > 0 {
		c = custom{trusted: name[0] == '_'}
		c.name.first = len(e.buf)
		e.buf = append(e.buf, name...)
		c.name.end = len(e.buf)
	}
	d.take(len(name) + 1)
	first := len(e.buf)
	length, err := d.value(e, end, limit)
	if err != nil {
		e.buf = e.buf[:first]
		return err
	}
	value := span{first, len(e.buf)}
	switch {
	case f == ignored:
	case f == unknown && limit > 0:
		c.value = value
		e.more = append(e.more, c)
	case limit > 0:
		e.known[f] = value
	}
	switch {
	case f == message && limit > 0:
		e.length = length
	case length > limit && f != ignored || limit == 0 && f != ignored:
		e.cut = true
	}
	if f == cursorField {
		if e.at, err = parseCursor(e.bytes(value)); err != nil {
			return d.malformed("%.200q: %v", e.bytes(value), err)
		}
	}
	return nil
}

// limit returns how much of a field's value is kept.
func (d *decoder) limit(e *entry, f field) int {
	switch {
	case f == ignored, f != unknown && e.known[f].end != 0: // of one that comes twice, the first is kept
		return 0
	case f == unknown && len(e.more) == maxFields:
		return 0
	case f == unknown:
		return maxCustom
	case f == message:
		return d.message
	}
	return maxKnown
}

// value takes a value with the line end behind it, keeps at most limit bytes of it, and returns how long it was.
func (d *decoder) value(e *entry, end byte, limit int) (int, error) {
	if end == '=' {
		return d.line(e, limit)
	}
	for d.w-d.r < 8 {
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	size := binary.LittleEndian.Uint64(d.buf[d.r:])
	if size > maxField {
		return 0, d.malformed("a field of %d bytes", size)
	}
	d.take(8)
	for left := int(size); left > 0; {
		if d.r == d.w {
			if err := d.fill(); err != nil {
				return 0, err
			}
		}
		n := min(left, d.w-d.r)
		limit -= e.keep(d.buf[d.r:d.r+n], limit)
		d.take(n)
		left -= n
	}
	for d.r == d.w {
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	if d.buf[d.r] != '\n' {
		return 0, d.malformed("no line end behind a value of %d bytes", size)
	}
	d.take(1)
	return int(size), nil
}

// line takes a value that ends with its line.
func (d *decoder) line(e *entry, limit int) (length int, err error) {
	for {
		n := bytes.IndexByte(d.buf[d.r:d.w], '\n')
		found := n >= 0
		if !found {
			n = d.w - d.r
		}
		length += n
		limit -= e.keep(d.buf[d.r:d.r+n], limit)
		d.take(n)
		if found {
			d.take(1)
			return length, nil
		}
		if err := d.fill(); err != nil {
			return length, err
		}
	}
}

// keep copies what may be kept, and returns how much that was.
func (e *entry) keep(b []byte, limit int) int {
	n := min(len(b), limit)
	e.buf = append(e.buf, b[:n]...)
	return n
}

func (d *decoder) take(n int) {
	d.r += n
	d.taken += int64(n)
}

var errNoProgress = errors.New("nothing could be read")

// fill reads more. There is room: a name is shorter than the memory, and a value is taken as it comes.
func (d *decoder) fill() error {
	if d.r > 0 {
		d.w = copy(d.buf, d.buf[d.r:d.w])
		d.r = 0
	}
	for range 100 {
		n, err := d.src.Read(d.buf[d.w:])
		d.w += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errNoProgress
}
