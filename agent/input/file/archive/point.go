package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
)

// Point is a place inside an archive from which reading can go on.
type Point struct {
	Kind    Kind
	File    int64  // the byte of the file where it lies, or that holds its first bits
	Content uint64 // the content before it

	inside   bool   // in a gzip member; else between members or frames
	bits     uint8  // of the byte at File that belong to what is before
	mtime    uint32 // of the first member
	verified uint64 // the content that every checksum before the point has proven
	crc      uint32 // of the content of the member up to here
	length   uint64 // likewise
	print    uint64 // of the file
	window   []byte // the content before it that the next bytes may refer to
}

// maxPointWindow is the window of deflate (RFC 1951, section 2).
const maxPointWindow = 32 << 10

// MaxPointSize is how many bytes an encoded Point has at most.
const MaxPointSize = pointHeader + maxPointWindow + 4

// Clone returns a copy that stays when EachPoint's save has returned.
func (p Point) Clone() Point {
	p.window = bytes.Clone(p.window)
	return p
}

// EachPoint hands a Point to save about every so many bytes of content, within Read. It is called before the first
// Read, once. A Point is save's until it returns; Point.Clone keeps one. Its Content may be beyond what Read has given.
func (d *Reader) EachPoint(every uint64, save func(Point)) {
	d.every, d.save = max(every, 1), save
	d.next = d.content + d.every
}

func (d *Reader) pointDue(content uint64) bool { return d.save != nil && content >= d.next }

// emit completes a point and hands it on. One whose file cannot be read again is left out: reading will tell.
func (d *Reader) emit(p Point) {
	d.next = p.Content + d.every
	var err error
	if p.print, err = fingerprint(d.src.rest.file, p.File); err != nil {
		return
	}
	p.mtime = d.mtime
	d.save(p)
}

// check says whether a point may be of this file.
func (p Point) check(r io.ReaderAt, size int64) error {
	if p.File == 0 && p.Content == 0 && !p.inside {
		return nil
	}
	if p.File > size {
		return fmt.Errorf("%w: it is at byte %d of %d", ErrOtherFile, p.File, size)
	}
	print, err := fingerprint(r, p.File)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends before byte %d", ErrOtherFile, p.File)
	}
	if err != nil {
		return fmt.Errorf("check the file of a checkpoint: %w", err)
	}
	if print != p.print {
		return fmt.Errorf("%w: what is before byte %d differs", ErrOtherFile, p.File)
	}
	return nil
}

// fingerprint sums up the first 64 bytes of a file and the last 512 before an offset.
func fingerprint(r io.ReaderAt, before int64) (uint64, error) {
	var b [512]byte
	sum := fnv.New64a()
	add := func(from, to int64) error {
		part := b[:to-from]
		if n, err := r.ReadAt(part, from); err != nil && n < len(part) {
			return err
		}
		sum.Write(part)
		return nil
	}
	if err := add(0, min(before, 64)); err != nil {
		return 0, err
	}
	if err := add(max(before-int64(len(b)), 0), before); err != nil {
		return 0, err
	}
	return sum.Sum64(), nil
}

// The encoding of a point is little-endian: magic with the version (8), kind, inside, bits, 0 (1 each), mtime (4), file,
// content, verified, length, print (8 each), crc, length of the window (4 each), the window, CRC-32C of all that (4).
const (
	pointMagic  = "belfpnt\x01"
	pointHeader = 8 + 4 + 4 + 5*8 + 2*4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errPoint = errors.New("not a checkpoint of this version, or damaged")

// AppendTo appends the encoded point, MaxPointSize bytes at most.
func (p Point) AppendTo(dst []byte) []byte {
	n := len(dst)
	inside := byte(0)
	if p.inside {
		inside = 1
	}
	le := binary.LittleEndian
	dst = append(append(dst, pointMagic...), byte(p.Kind), inside, p.bits, 0)
	dst = le.AppendUint32(dst, p.mtime)
	for _, v := range []uint64{uint64(p.File), p.Content, p.verified, p.length, p.print} {
		dst = le.AppendUint64(dst, v)
	}
	dst = le.AppendUint32(dst, p.crc)
	dst = le.AppendUint32(dst, uint32(len(p.window)))
	dst = append(dst, p.window...)
	return le.AppendUint32(dst, crc32.Checksum(dst[n:], castagnoli))
}

// ParsePoint decodes what AppendTo has appended, whole and nothing behind it. The Point does not hold on to b.
func ParsePoint(b []byte) (Point, error) {
	le := binary.LittleEndian
	if len(b) < pointHeader+4 || len(b) > MaxPointSize || string(b[:8]) != pointMagic {
		return Point{}, errPoint
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if crc32.Checksum(body, castagnoli) != le.Uint32(sum) {
		return Point{}, errPoint
	}
	p := Point{Kind: Kind(b[8]), inside: b[9] == 1, bits: b[10], mtime: le.Uint32(b[12:]),
		File: int64(le.Uint64(b[16:])), Content: le.Uint64(b[24:]), verified: le.Uint64(b[32:]), length: le.Uint64(b[40:]),
		print: le.Uint64(b[48:]), crc: le.Uint32(b[56:]), window: bytes.Clone(body[pointHeader:])}
	if int(le.Uint32(b[60:])) != len(p.window) || !p.sound() {
		return Point{}, errPoint
	}
	return p, nil
}

// sound says whether a point can be of any file.
func (p Point) sound() bool {
	if !p.Kind.Readable() || p.File < 0 || p.verified > p.Content || p.bits > 7 {
		return false
	}
	return p.inside && p.Kind == Gzip || !p.inside && p.bits == 0 && len(p.window) == 0
}
