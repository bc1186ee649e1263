package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const gzipMagic = "\x1f\x8b"

// Bits of FLG (RFC 1952, section 2.3.1); FTEXT means nothing here.
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
	flagReserved  = 0xe0
)

// maxHeaderText bounds the name and the comment in a header: none of a real file is near.
const maxHeaderText = 64 << 10

// noTime is what klauspost/compress writes as MTIME if it was given none: the low bits of Go's zero time. As a time it
// lies in 2042.
const noTime = 2288912640

// mtimeOf returns the MTIME of the fixed part of a header, which is 10 bytes; 0 is none.
func mtimeOf(fixed []byte) uint32 {
	if t := binary.LittleEndian.Uint32(fixed[4:]); t != noTime {
		return t
	}
	return 0
}

// header reads the header of a member, and sums up what it reads.
type header struct {
	src *source
	crc uint32
	buf [10]byte
}

// readHeader passes the header of a member, which begins with gzipMagic. What is cut is io.ErrUnexpectedEOF.
func readHeader(src *source) error {
	h := &header{src: src}
	fixed, err := h.take(10)
	if err != nil {
		return err
	}
	method, flags := fixed[2], fixed[3]
	if method != 8 {
		return fmt.Errorf("compression method %d", method)
	}
	if flags&flagReserved != 0 {
		return fmt.Errorf("reserved flags %#02x in a header", flags&flagReserved)
	}
	if flags&flagExtra != 0 {
		err = h.extra()
	}
	if err == nil && flags&flagName != 0 {
		err = h.text()
	}
	if err == nil && flags&flagComment != 0 {
		err = h.text()
	}
	if err == nil && flags&flagHeaderCRC != 0 {
		err = h.check()
	}
	return err
}

// take reads n bytes, 10 at most, which the next call overwrites.
func (h *header) take(n int) ([]byte, error) {
	b := h.buf[:n]
	if _, err := io.ReadFull(h.src, b); err != nil {
		return nil, err
	}
	h.crc = crc32.Update(h.crc, crc32.IEEETable, b)
	return b, nil
}

// extra passes the extra field.
func (h *header) extra() error {
	b, err := h.take(2)
	if err != nil {
		return err
	}
	for n := int(binary.LittleEndian.Uint16(b)); n > 0 && err == nil; n -= len(b) {
		b, err = h.take(min(n, len(h.buf)))
	}
	return err
}

// text passes a name or a comment, which a NUL ends.
func (h *header) text() error {
	for range maxHeaderText {
		b, err := h.take(1)
		if err != nil {
			return err
		}
		if b[0] == 0 {
			return nil
		}
	}
	return errors.New("endless name in a header")
}

// check reads the checksum of the header.
func (h *header) check() error {
	want := uint16(h.crc)
	b, err := h.take(2)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint16(b) != want {
		return errors.New("wrong crc of a header")
	}
	return nil
}
