package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/flate"
)

// turn is the work, in bytes of file and content, that one Read may do for nothing before it gives way.
const turn = 1 << 20

// Reader reads the content of one archive.
type Reader struct {
	src  *source
	body body

	kind     Kind
	mtime    uint32 // of the first member, in seconds since 1970
	content  uint64 // decoded so far, what was passed over included
	verified uint64
	from     uint64 // the content before it is passed over
	err      error

	every uint64
	next  uint64 // the content from which on a point is due
	save  func(Point)

	ended func(uint64) // told of the content at the right end of each member or frame, if anybody asks
}

// body decodes one kind of archive. It moves content and verified of its Reader on.
type body interface {
	// read decodes into buf, which is not empty. It may return 0 and no error when it has passed what holds no content.
	// Its errors have their place; io.EOF stands alone.
	read(buf []byte) (int, error)
	close()
}

// Open begins to read an archive of size bytes. It reads no more than the first header: what is no archive of this kind
// is ErrForeign at once, and an empty file or the beginning of a header is ErrUnfinished. The file stays the caller's.
func Open(r io.ReaderAt, size int64, k Kind) (*Reader, error) {
	return Resume(r, size, Point{Kind: k}, 0)
}

// Resume begins behind a point, or at the beginning with the zero Point of a Kind, and passes over what lies before the
// byte at of the content. A point of another file is ErrOtherFile: begin without one then. The way to at is decoded by
// the first calls of Read, 1 MiB each. The file may have grown since the point was taken.
func Resume(r io.ReaderAt, size int64, p Point, at uint64) (*Reader, error) {
	if !p.Kind.Readable() {
		return nil, fmt.Errorf("%w: of kind %s", ErrRefused, p.Kind)
	}
	if at < p.Content {
		return nil, fmt.Errorf("resume at byte %d of the content with a point at %d", at, p.Content)
	}
	if err := p.check(r, size); err != nil {
		return nil, err
	}
	d := &Reader{src: openSource(r, p.File, size), kind: p.Kind, mtime: p.mtime,
		content: p.Content, verified: p.verified, from: at}
	if p.Kind == Zstd {
		d.body = newFrames(d)
	} else {
		d.body = newMembers(d, p)
	}
	if p.File > 0 {
		return d, nil
	}
	return d, d.look()
}

// look reads the first header, without passing it.
func (d *Reader) look() error {
	b, err := d.src.Peek(10)
	magic := kinds[d.kind].magic
	switch begins := b[:min(len(b), len(magic))]; {
	case d.src.rest.err != nil:
		return d.fault(err)
	case len(b) == 0:
		return d.wrong(ErrUnfinished, errors.New("the file is empty"))
	case Sniff(b) == d.kind:
	case len(b) < 4 && (string(begins) == magic[:len(begins)] || d.kind == Zstd && isSkippable(b)):
		return d.fault(io.ErrUnexpectedEOF)
	default:
		return d.wrong(ErrForeign, fmt.Errorf("want %s, found %s", d.kind, found(b)))
	}
	if d.kind == Gzip && len(b) == 10 {
		d.mtime = mtimeOf(b)
	}
	return nil
}

// found names what a file begins with.
func found(first []byte) string {
	if k := Sniff(first); k != Plain {
		return k.String()
	}
	if len(first) > 0 && len(bytes.Trim(first, "\x00")) == 0 {
		return "NULs"
	}
	return "something else"
}

// Skip passes over the content before the byte at, as Resume does. It does not go back: what has been read is read.
func (d *Reader) Skip(at uint64) { d.from = max(d.from, at) }

// Read fills buf with the next bytes of content. It returns fewer only with the end close or when much work gave
// little, and then perhaps 0 and no error: call again. An error comes alone, after all content before it, and stays.
// io.EOF is the right end.
func (d *Reader) Read(buf []byte) (n int, err error) {
	began, allowed := d.work(), 2*uint64(len(buf))+turn
	for d.err == nil && n < len(buf) && d.work()-began < allowed {
		at := d.content
		var m int
		m, d.err = d.body.read(buf[n:])
		n += d.drop(buf[n:n+m], at)
	}
	if errors.Is(d.err, io.EOF) && d.content < d.from {
		d.err = d.wrong(ErrShort, fmt.Errorf("byte %d was asked for", d.from))
	}
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

func (d *Reader) endPart() {
	if d.ended != nil {
		d.ended(d.content)
	}
}

// work measures what has been done so far.
func (d *Reader) work() uint64 { return d.content + uint64(d.src.offset()) }

// drop takes what lies before the wanted content off the front of b, which begins at at. It returns what is left.
func (d *Reader) drop(b []byte, at uint64) int {
	if at >= d.from {
		return len(b)
	}
	cut := min(d.from-at, uint64(len(b)))
	return copy(b, b[cut:])
}

// Offset returns the content that has been read or passed over: behind a Read, the offset of the next byte.
func (d *Reader) Offset() uint64 { return d.content }

// Verified returns the content up to which every checksum was right. It lags behind Offset by what was read of the
// member or frame that it is in, and stays where a zstd frame without a checksum begins.
func (d *Reader) Verified() uint64 { return d.verified }

// Consumed returns the bytes of the file that have been decoded.
func (d *Reader) Consumed() int64 { return d.src.offset() }

// ModTime returns when the content was last written, as the first gzip member says; zero if it does not.
func (d *Reader) ModTime() time.Time {
	if d.mtime == 0 {
		return time.Time{}
	}
	return time.Unix(int64(d.mtime), 0)
}

// Close frees what the decoder holds. It does not close the file.
func (d *Reader) Close() error {
	d.body.close()
	if d.err == nil {
		d.err = errClosed
	}
	return nil
}

var errClosed = errors.New("read of a closed archive")

// fault gives what a decoder met its place: an error of the file system, the end of the file, or wrong bits.
func (d *Reader) fault(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case d.src.rest.err != nil:
		return fmt.Errorf("read archive at byte %d of the file: %w", d.src.rest.at, d.src.rest.err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return d.wrong(ErrUnfinished, errors.New("no trailer"))
	case errors.As(err, &corrupt):
		return d.wrong(ErrDamaged, errors.New("wrong deflate data"))
	}
	return d.wrong(ErrDamaged, err)
}

// wrong gives one of the errors of this package its place.
func (d *Reader) wrong(kind, cause error) error {
	return fmt.Errorf("%w, at byte %d of the file, byte %d of the content: %w", kind, d.src.offset(), d.content, cause)
}
