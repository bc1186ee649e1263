package archive

import (
	"bufio"
	"errors"
	"io"
)

// inputBuffer is how many bytes of a file are read at once.
const inputBuffer = 64 << 10

// source is the compressed bytes of a file from some offset on.
type source struct {
	*bufio.Reader // flate has a fast path for exactly this
	rest          section
}

// section is the part of a file that has not been read yet.
type section struct {
	file    io.ReaderAt
	at, end int64
	err     error // of the file system
	stopped bool  // until the next seek
}

// errStopped takes a decoder off a source; nobody else sees it.
var errStopped = errors.New("stopped")

func openSource(r io.ReaderAt, from, size int64) *source {
	s := &source{rest: section{file: r, at: from, end: size}}
	s.Reader = bufio.NewReaderSize(&s.rest, int(min(max(size-from, 16), inputBuffer)))
	return s
}

func (s *section) Read(p []byte) (int, error) {
	if s.stopped {
		return 0, errStopped
	}
	p = p[:min(int64(len(p)), max(s.end-s.at, 0))]
	if len(p) == 0 {
		return 0, io.EOF
	}
	n, err := s.file.ReadAt(p, s.at)
	s.at += int64(n)
	if err == io.EOF {
		s.end = s.at // it was cut since its size was taken
		return n, err
	}
	if err != nil {
		s.err = err
	}
	return n, err
}

// offset returns how far the file was taken by those who decode it.
func (s *source) offset() int64 { return s.rest.at - int64(s.Buffered()) }

// left returns how many bytes have not been taken.
func (s *source) left() int64 { return s.rest.end - s.offset() }

// skip passes over n bytes. It does not read what is not in memory.
func (s *source) skip(n int64) error {
	if n > s.left() {
		s.seek(s.rest.end)
		return io.ErrUnexpectedEOF
	}
	if n > int64(s.Buffered()) {
		s.seek(s.offset() + n)
		return nil
	}
	_, err := s.Discard(int(n))
	return err
}

// seek goes to a byte of the file.
func (s *source) seek(to int64) {
	s.rest.at, s.rest.stopped = to, false
	s.Reset(&s.rest)
}

// skipNULs passes over some NULs, if the next byte is one.
func (s *source) skipNULs() error {
	if _, err := s.Peek(1); err != nil {
		return err
	}
	b, err := s.Peek(s.Buffered())
	if err != nil {
		return err
	}
	n := 0
	for n < len(b) && b[n] == 0 {
		n++
	}
	_, err = s.Discard(n)
	return err
}
