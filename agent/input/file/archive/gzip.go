package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// maxExpansion is how many bytes of content one byte of deflate can hold at most (258 in 2 bits).
const maxExpansion = 1032

// With points, the decoder copies its window of 32 KiB at every block's end, and is made anew for each member. Where that
// would cost more than all the rest, points are given up: until the end of a member whose last blocks, so many, hold
// less than tinyBlock on average; inside of members behind so many in a row of less than tinyMember.
const (
	fewBlocks, tinyBlock   = 1024, 2 << 10
	fewMembers, tinyMember = 32, 64 << 10
)

// members reads a gzip file. Between members z is nil.
type members struct {
	r     *Reader
	any   bool // one was read to its end
	z     io.Reader
	from  *flate.InflateCheckpoint // where z is to begin, before the first Read
	spare io.Reader                // a deflate reader without points, used again

	crc    uint32 // of the content of this member so far
	length uint64 // likewise

	base   int64  // the byte of the file where z began
	start  uint64 // the byte of the content where z began
	drift  int64  // by how much z has counted its input too high
	due    Point  // where a block ended, if its Kind is set; the content up to there has not been given yet
	window []byte // of due

	blocks int  // since z began or a point was taken
	coarse bool // the blocks of this member are tiny
	tiny   int  // the members before this one, in a row, that were
}

func newMembers(d *Reader, p Point) *members {
	m := &members{r: d, any: p.File > 0, crc: p.crc, length: p.length}
	if p.inside {
		m.from = &flate.InflateCheckpoint{BitOffset: p.bits, Window: bytes.Clone(p.window)}
	}
	return m
}

func (m *members) close() { m.z, m.spare, m.window = nil, nil, nil }

func (m *members) read(buf []byte) (int, error) {
	if m.z == nil && m.from == nil {
		return 0, m.begin()
	}
	if m.z == nil {
		m.inflate(m.from)
		m.from = nil
	}
	n, err := m.z.Read(buf)
	if n = m.take(buf[:n]); m.z == nil {
		return n, nil
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, m.end()
	}
	return n, m.r.fault(err)
}

// take counts what was decoded, and returns how much is to be given. A point that is due is completed where it lies.
func (m *members) take(b []byte) int {
	if m.due.Kind != Gzip || m.due.Content-m.r.content > uint64(len(b)) {
		m.add(b)
		return len(b)
	}
	n := int(m.due.Content - m.r.content)
	m.add(b[:n])
	p := m.due
	m.emit()
	if m.coarse {
		m.again(p)
		return n
	}
	m.add(b[n:])
	return len(b)
}

// again goes back to a point that was just passed, to decode what follows without any more.
func (m *members) again(p Point) {
	m.r.src.seek(p.File)
	m.z, m.from = nil, &flate.InflateCheckpoint{BitOffset: p.bits, Window: p.window}
}

func (m *members) add(b []byte) {
	m.crc = crc32.Update(m.crc, crc32.IEEETable, b)
	m.length += uint64(len(b))
	m.r.content += uint64(len(b))
}

// emit hands on the point that is due.
func (m *members) emit() {
	p := m.due
	m.due, m.blocks = Point{}, 0
	p.verified, p.crc, p.length = m.r.verified, m.crc, m.length
	m.r.emit(p)
}

// begin passes what lies between members: NULs, then the header of the next one, or the end of the file.
func (m *members) begin() error {
	src := m.r.src
	b, err := src.Peek(2)
	switch {
	case src.rest.err != nil:
		return m.r.fault(err)
	case len(b) == 0 && m.any:
		return io.EOF
	case len(b) > 0 && b[0] == 0 && m.any:
		return src.skipNULs()
	case len(b) == 2 && string(b) != gzipMagic, len(b) == 1 && b[0] != gzipMagic[0]:
		return m.r.wrong(ErrTrailing, fmt.Errorf("found %s", found(b)))
	}
	if m.any && m.r.pointDue(m.r.content) {
		m.r.emit(Point{Kind: Gzip, File: src.offset(), Content: m.r.content, verified: m.r.verified})
	}
	if err := readHeader(src); err != nil {
		return m.r.fault(err)
	}
	m.crc, m.length = 0, 0
	m.inflate(nil)
	return nil
}

// end checks the trailer of a member.
func (m *members) end() error {
	m.z, m.any, m.due, m.coarse = nil, true, Point{}, false
	if m.tiny++; m.length >= tinyMember {
		m.tiny = 0
	}
	var b [8]byte
	if _, err := io.ReadFull(m.r.src, b[:]); err != nil {
		return m.r.fault(err)
	}
	if binary.LittleEndian.Uint32(b[:]) != m.crc {
		return m.r.fault(errors.New("wrong crc"))
	}
	if binary.LittleEndian.Uint32(b[4:]) != uint32(m.length) {
		return m.r.fault(errors.New("wrong length in the trailer"))
	}
	m.r.verified = m.r.content
	m.r.endPart()
	return nil
}

// inflate begins to decode deflate data, from a checkpoint if there is one. It does without points where none can
// become due before the file ends.
func (m *members) inflate(from *flate.InflateCheckpoint) {
	src := m.r.src
	m.base, m.start, m.drift, m.blocks = src.offset(), m.r.content, 0, 0
	var opts []flate.ReaderOpt
	if from != nil {
		opts = append(opts, flate.WithResumeFrom(*from))
	}
	if !m.coarse && m.tiny < fewMembers && m.r.pointDue(m.r.content+maxExpansion*uint64(src.left())) {
		opts = append(opts, flate.WithEobCallback(m.blockEnd))
	}
	if len(opts) > 0 {
		m.z = flate.NewReaderOpts(src.Reader, opts...)
		return
	}
	if m.spare == nil {
		m.spare = flate.NewReader(src.Reader)
	} else {
		m.spare.(flate.Resetter).Reset(src.Reader, nil) //nolint:errcheck // it returns nil always
	}
	m.z = m.spare
}

// blockEnd keeps the end of a deflate block if a point is due.
//
// The decoder counts the bytes that it holds when a stored block begins twice (klauspost/compress 1.20.3), and so all
// later ends too high. A stored block ends with none held, where that shows: the count is then above what was taken
// from the source by more than ever before. Elsewhere it is never above.
func (m *members) blockEnd(c flate.InflateCheckpoint) {
	m.drift = max(m.drift, c.CompressedOffset-(m.r.src.offset()-m.base))
	at := m.start + uint64(c.UncompressedOffset)
	m.blocks++
	if c.Final || m.due.Kind != Plain {
		return
	}
	if m.blocks >= fewBlocks && at-(m.r.next-m.r.every) < uint64(m.blocks)*tinyBlock {
		m.coarse, m.r.src.rest.stopped = true, true
	} else if !m.r.pointDue(at) {
		return
	}
	m.window = append(m.window[:0], c.Window...)
	m.due = Point{Kind: Gzip, File: m.base + c.CompressedOffset - m.drift, Content: at,
		inside: true, bits: c.BitOffset, window: m.window}
}
