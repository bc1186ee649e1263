package archive

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const zstdMagic = "\x28\xb5\x2f\xfd"

// isSkippable says whether the first bytes, one at least, may begin a frame that holds no content (RFC 8878, 3.1.2).
func isSkippable(first []byte) bool {
	const rest = "\x2a\x4d\x18"
	n := min(len(first), 4)
	return first[0]&0xf0 == 0x50 && string(first[1:n]) == rest[:n-1]
}

// maxWindow is how far back a zstd frame may refer, and so the memory that it costs. It is what RFC 8878 (3.1.1.1.2) asks
// of every decoder, and what zstd writes up to -19; only --ultra and --long go further.
const maxWindow = 8 << 20

// frames reads a zstd file. Each frame is given to the decoder by itself, so that its bounds are known.
type frames struct {
	r     *Reader
	dec   *zstd.Decoder // made for the first frame
	cut   frame
	any   bool // one was read to its end
	in    bool // in a frame
	sum   bool // the frame has a checksum
	start uint64

	failed error // what the decoder returned
}

func newFrames(d *Reader) *frames {
	return &frames{r: d, any: d.src.offset() > 0, cut: frame{src: d.src}}
}

func (f *frames) close() {
	if f.dec != nil {
		f.dec.Close()
		f.dec = nil
	}
}

func (f *frames) read(buf []byte) (int, error) {
	if !f.in {
		return 0, f.begin()
	}
	n, err := f.dec.Read(buf)
	f.r.content += uint64(n)
	switch {
	case f.failed == nil && errors.Is(err, io.EOF) && f.cut.ended:
		f.end()
	case f.failed == nil && err != nil:
		f.failed = err // and once more: the decoder holds back a last block whose checksum is wrong or cut
	case f.failed != nil && n == 0:
		return 0, f.fault(f.failed)
	}
	return n, nil
}

// fault tells a frame that the file cuts from one that is wrong in itself: the decoder's error may be the same.
func (f *frames) fault(err error) error {
	if f.cut.short || f.r.src.rest.err != nil {
		return f.r.fault(io.ErrUnexpectedEOF)
	}
	return f.r.wrong(ErrDamaged, cause(err))
}

// cause names an end of data that is none of the file.
func cause(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("wrong zstd data")
	}
	return err
}

func (f *frames) end() {
	f.in, f.any = false, true
	if f.sum && f.r.verified == f.start {
		f.r.verified = f.r.content
	}
	f.r.endPart()
}

// begin passes what lies between frames: NULs, frames without content, then the header of the next one, or the end.
func (f *frames) begin() error {
	src := f.r.src
	b, err := src.Peek(zstd.HeaderMaxSize)
	switch {
	case src.rest.err != nil:
		return f.r.fault(err)
	case len(b) == 0 && f.any:
		return io.EOF
	case len(b) > 0 && b[0] == 0 && f.any:
		return src.skipNULs()
	}
	var h zstd.Header
	err = h.Decode(b)
	switch {
	case errors.Is(err, zstd.ErrMagicMismatch), err != nil && !mayBeFrame(b):
		return f.r.wrong(ErrTrailing, fmt.Errorf("found %s", found(b)))
	case err != nil:
		return f.r.fault(err)
	case h.Skippable:
		f.any = true
		if err := src.skip(int64(h.HeaderSize) + int64(h.SkippableSize)); err != nil {
			return f.r.fault(err)
		}
		return nil
	}
	return f.frame(&h)
}

// mayBeFrame says whether b, perhaps cut, begins a frame of either sort.
func mayBeFrame(b []byte) bool {
	n := min(len(b), len(zstdMagic))
	return n == 0 || string(b[:n]) == zstdMagic[:n] || isSkippable(b)
}

// frame begins to decode a frame.
func (f *frames) frame(h *zstd.Header) error {
	window := h.WindowSize
	if h.SingleSegment {
		window = h.FrameContentSize
	}
	switch {
	case window > maxWindow:
		return f.r.wrong(ErrRefused, fmt.Errorf("a window of %d bytes, at most %d", window, maxWindow))
	case h.DictionaryID != 0:
		return f.r.wrong(ErrRefused, fmt.Errorf("it needs the dictionary %d", h.DictionaryID))
	}
	if f.any && f.r.pointDue(f.r.content) {
		f.r.emit(Point{Kind: Zstd, File: f.r.src.offset(), Content: f.r.content, verified: f.r.verified})
	}
	if f.dec == nil {
		var err error
		f.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return fmt.Errorf("make a zstd decoder: %w", err)
		}
	}
	f.in, f.sum, f.start = true, h.HasCheckSum, f.r.content
	f.cut.begin(h)
	if err := f.dec.Reset(&f.cut); err != nil {
		return fmt.Errorf("reset the zstd decoder: %w", err)
	}
	return nil
}

// frame is the bytes of one frame. It reads the headers of the blocks to know where the frame ends.
type frame struct {
	src   *source
	sum   bool
	left  int  // of the header, block or checksum that is being read
	last  bool // no block follows
	ended bool // all was read
	short bool // the file ended before
}

func (c *frame) begin(h *zstd.Header) {
	*c = frame{src: c.src, sum: h.HasCheckSum, left: h.HeaderSize}
}

func (c *frame) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.block(); err != nil {
			return 0, err
		}
	}
	n, err := c.src.Read(p[:min(len(p), c.left)])
	c.left -= n
	c.ended = c.left == 0 && c.last && !c.sum
	c.short = err != nil
	return n, err
}

// block looks at what follows: a block (RFC 8878, 3.1.1.2), the checksum, or the end of the frame.
func (c *frame) block() error {
	if c.last && c.sum {
		c.left, c.sum = 4, false
		return nil
	}
	if c.last {
		return io.EOF
	}
	b, err := c.src.Peek(3)
	if err != nil {
		c.short = true
		return err
	}
	head := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	c.last, c.left = head&1 != 0, 3+head>>3
	if kind := head >> 1 & 3; kind == 1 { // one byte, repeated
		c.left = 4
	}
	return nil
}
