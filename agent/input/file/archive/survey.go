package archive

import (
	"context"
	"errors"
	"io"
)

// surveyPiece is how much content a Survey hands on at once, at most.
const surveyPiece = 64 << 10

// Survey reads whole archives for what is to be learned of them. The zero value only checks them.
type Survey struct {
	// See gets the content in order, piece by piece; at is the offset of the first byte. A piece is its until it returns.
	// Its error ends the survey.
	See func(piece []byte, at uint64) error
	// Pace is called before each piece of n bytes is decoded, and may wait: it bounds how much of a core the survey takes.
	// Its error ends the survey.
	Pace func(ctx context.Context, n int) error
	// End is called at the right end of each member or frame, when See has got all of its content.
	End func()
}

// Run reads an archive of size bytes to its end. It returns the length of the content, with nil only if the end is
// right, and up to where a checksum has proven it; with the error of Open or Read the length is of what could be read. A cancelled ctx ends it within one piece.
func (s Survey) Run(ctx context.Context, r io.ReaderAt, size int64, k Kind) (length, verified uint64, err error) {
	d, err := Open(stoppable{r, ctx.Err}, size, k)
	if err != nil {
		return 0, 0, err
	}
	defer d.Close() //nolint:errcheck // it was read
	var ends []uint64
	if s.End != nil {
		d.ended = func(at uint64) { ends = append(ends, at) }
	}
	buf := make([]byte, surveyPiece)
	for err == nil {
		ends = ends[:0]
		var n int
		n, err = s.piece(ctx, d, buf)
		if shown := s.show(buf[:n], d.Offset()-uint64(n), ends); shown != nil {
			err = shown
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return d.Offset(), d.Verified(), err
}

func (s Survey) piece(ctx context.Context, d *Reader, buf []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if s.Pace != nil {
		if err := s.Pace(ctx, len(buf)); err != nil {
			return 0, err
		}
	}
	return d.Read(buf)
}

// show hands on what was read at an offset, and tells of the ends in it.
func (s Survey) show(b []byte, at uint64, ends []uint64) error {
	for _, end := range ends {
		n := end - at
		if err := s.see(b[:n], at); err != nil {
			return err
		}
		b, at = b[n:], end
		s.End()
	}
	return s.see(b, at)
}

func (s Survey) see(b []byte, at uint64) error {
	if len(b) == 0 || s.See == nil {
		return nil
	}
	return s.See(b, at)
}

// stoppable is a file that cannot be read any more once stopped says why: so a stretch without content ends as well.
type stoppable struct {
	io.ReaderAt
	stopped func() error
}

func (s stoppable) ReadAt(p []byte, at int64) (int, error) {
	if err := s.stopped(); err != nil {
		return 0, err
	}
	return s.ReaderAt.ReadAt(p, at)
}
