package receive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// ErrEncoding says that a content encoding is none that can be read.
var ErrEncoding = errors.New("is not one of gzip, deflate, zstd, identity")

// ErrTooLarge says that there is more text than may be.
var ErrTooLarge = errors.New("too many bytes")

var errText = fmt.Errorf("%w: more than %d", ErrTooLarge, MaxText)

// maxWindow bounds what a zstd frame may make its reader keep, in bytes: RFC 8878 asks readers for 8 MiB.
const maxWindow = 8 << 20

var errWindow = fmt.Errorf("%w: a zstd window of more than %d", ErrTooLarge, maxWindow)

// Decompress returns a reader of what r holds in a content encoding (RFC 9110, section 8.4.1). It reads no further
// ahead than its buffers; who reads from it bounds how much comes out. The error wraps ErrEncoding for an encoding that
// is not known.
func Decompress(r io.Reader, encoding string) (io.ReadCloser, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity", "none":
		return io.NopCloser(r), nil
	case "gzip", "x-gzip":
		return gzip.NewReader(r)
	case "deflate":
		return inflate(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(MaxText))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("content-encoding %q %w", encoding, ErrEncoding)
}

// inflate reads deflate as the standard has it, in zlib's wrapping, and as some send it, without.
func inflate(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReader(r)
	head, err := in.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(in)
	}
	return flate.NewReader(in), nil
}

// firstPiece is the memory that a text begins with, in bytes.
const firstPiece = 64 << 10

// ReadText reads all of r, up to MaxText bytes: ErrTooLarge says that there is more. grow is asked before memory is
// taken, for how many bytes more; its error ends the reading.
func ReadText(r io.Reader, grow func(bytes int) error) ([]byte, error) {
	var text []byte
	for {
		if len(text) == cap(text) {
			size := min(max(2*cap(text), firstPiece), MaxText+1)
			if err := grow(size - cap(text)); err != nil {
				return nil, err
			}
			text = append(make([]byte, 0, size), text...)
		}
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case errors.Is(err, zstd.ErrWindowSizeExceeded):
			return nil, errWindow
		case len(text) > MaxText, errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return nil, errText
		case err == io.EOF: // itself: a body that is cut off may wrap it
			return text, nil
		case err != nil:
			return nil, err
		}
	}
}

// magic tells an encoding that was not declared.
var magic = map[string]string{"\x1f\x8b\x08": "gzip", "\x28\xb5\x2f\xfd": "zstd"}

// Encoding returns the content encoding of a body: the one that is declared, if any.
func Encoding(body []byte, declared string) string {
	if declared != "" {
		return declared
	}
	for head, name := range magic {
		if bytes.HasPrefix(body, []byte(head)) {
			return name
		}
	}
	return ""
}

// Unpack returns the text of a body. Where no encoding is declared, it is told by how gzip and zstd begin. Every error
// is one of the body, and stays.
func Unpack(body []byte, encoding string) ([]byte, error) {
	encoding = Encoding(body, encoding)
	if e := strings.ToLower(strings.TrimSpace(encoding)); e == "" || e == "identity" || e == "none" {
		if len(body) > MaxText {
			return nil, errText
		}
		return body, nil
	}
	r, err := Decompress(bytes.NewReader(body), encoding)
	if err != nil {
		return nil, explain(encoding, err)
	}
	defer r.Close()
	text, err := ReadText(r, func(int) error { return nil })
	return text, explain(encoding, err)
}

// explain says which encoding a body was read as.
func explain(encoding string, err error) error {
	if err == nil || errors.Is(err, ErrEncoding) || errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("body is no valid %s: %w", encoding, err)
}
