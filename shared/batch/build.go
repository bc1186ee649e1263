package batch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"belfry/shared/event"
)

// Sealed is a batch that is ready to be sent. It does not change any more: every try sends the same bytes.
type Sealed struct {
	Manifest *Manifest
	Header   []byte // the manifest as JSON
	Proof    Proof  // who says so
	Body     []byte // NDJSON in zstd
	Raw      int    // bytes of the body before compression
}

// Builder collects events into one batch after the other. It is not safe for concurrent use.
type Builder struct {
	agent, boot event.Key
	lane        int
	sign        Sign
	enc         *zstd.Encoder
	parts       []part
	raw, events int
	joined      []byte // the lines of all parts, and what became of them by compression: memory for the next Seal
	packed      []byte
}

// part is one stream's share of the batch that is being built.
type part struct {
	Stream
	lines []byte
}

// Sign signs a text: it returns the signature, and the certificates of who made it in DER. certs.Signer does so.
type Sign func(text []byte) (signature, chain []byte, err error)

// NewBuilder returns a builder of one agent's lane. Without sign its batches have no proof, and no aggregator takes them.
func NewBuilder(agent, boot event.Key, lane int, sign Sign) (*Builder, error) {
	enc, err := newEncoder()
	if err != nil {
		return nil, err
	}
	return &Builder{agent: agent, boot: boot, lane: lane, sign: sign, enc: enc}, nil
}

// newEncoder returns one that makes one body at a time.
func newEncoder() (*zstd.Encoder, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	return enc, nil
}

// Place tells the builder where the next bytes belong.
type Place struct {
	Stream event.Key
	Epoch  uint64
	Class  string
	Day    string
}

// Fits reports whether n more bytes of one event of place may join the batch.
func (b *Builder) Fits(p Place, n int) bool {
	if b.events == 0 && len(b.parts) == 0 {
		return true
	}
	return b.events < MaxEvents && b.raw+n+1 <= MaxRaw && (b.find(p) != nil || len(b.parts) < MaxStreams)
}

// Add puts an event, as one JSON object without line end, that came from [first, end) of its place. It copies line.
func (b *Builder) Add(p Place, first, end uint64, line []byte) {
	s := b.part(p)
	s.lines = append(append(s.lines, line...), '\n')
	s.Events++
	s.extend(Data, first, end)
	b.events++
	b.raw += len(line) + 1
}

// Pass notes a range of which no event is sent.
func (b *Builder) Pass(p Place, kind Kind, first, end uint64) { b.part(p).extend(kind, first, end) }

// Finish notes that a stream's epoch has ended at size.
func (b *Builder) Finish(p Place, size uint64) { b.part(p).Final = size }

// Empty reports whether nothing was put in since the last Seal.
func (b *Builder) Empty() bool { return len(b.parts) == 0 }

func (b *Builder) find(p Place) *part {
	for i := len(b.parts) - 1; i >= 0; i-- {
		s := &b.parts[i]
		if s.ID == p.Stream && s.Epoch == p.Epoch && s.Day == p.Day && s.Class == p.Class {
			return s
		}
	}
	return nil
}

func (b *Builder) part(p Place) *part {
	if s := b.find(p); s != nil {
		return s
	}
	if n := len(b.parts); n < cap(b.parts) { // keep the lines' memory of an earlier batch
		b.parts = b.parts[:n+1]
		b.parts[n] = part{lines: b.parts[n].lines[:0]}
	} else {
		b.parts = append(b.parts, part{})
	}
	s := &b.parts[len(b.parts)-1]
	s.Stream = Stream{ID: p.Stream, Epoch: p.Epoch, Class: p.Class, Day: p.Day}
	return s
}

// extend adds a range, or lengthens one of its kind that it touches. Ranges are in order, also where a later one came first,
// and of what was said of a byte the first holds.
func (s *Stream) extend(kind Kind, first, end uint64) {
	i := len(s.Ranges)
	for i > 0 && s.Ranges[i-1].First > first {
		i--
	}
	if i > 0 {
		first = max(first, s.Ranges[i-1].End)
	}
	if i < len(s.Ranges) && end > s.Ranges[i].First {
		next := s.Ranges[i]
		s.extend(kind, first, next.First)
		s.extend(kind, next.End, end)
		return
	}
	if first >= end {
		return
	}
	if i > 0 && s.Ranges[i-1].Kind == kind && s.Ranges[i-1].End == first {
		i--
		s.Ranges[i].End = end
	} else {
		s.Ranges = slices.Insert(s.Ranges, i, Range{kind, first, end})
	}
	if j := i + 1; j < len(s.Ranges) && s.Ranges[j].Kind == kind && s.Ranges[j].First == s.Ranges[i].End {
		s.Ranges[i].End = s.Ranges[j].End
		s.Ranges = slices.Delete(s.Ranges, j, j+1)
	}
}

// HashBody returns what a manifest says of a body.
func HashBody(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// join returns the lines of all parts, in memory that is used again.
func (b *Builder) join() []byte {
	if len(b.parts) == 1 {
		return b.parts[0].lines
	}
	b.joined = b.joined[:0]
	for i := range b.parts {
		b.joined = append(b.joined, b.parts[i].lines...)
	}
	return b.joined
}

// Seal ends the batch and begins a new one.
func (b *Builder) Seal() (*Sealed, error) {
	m := &Manifest{
		Version: Version, ID: event.RandomKey(), Agent: b.agent, Boot: b.boot, Lane: b.lane, Events: b.events,
		Sealed: time.Now().UTC(),
	}
	for i := range b.parts {
		m.Streams = append(m.Streams, b.parts[i].Stream)
	}
	b.packed = b.enc.EncodeAll(b.join(), b.packed[:0])
	s := &Sealed{Manifest: m, Raw: b.raw, Body: bytes.Clone(b.packed)} // which waits for its confirm in no more memory than it needs
	m.Body = HashBody(s.Body)
	header, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	s.Header = header
	if s, err = b.SignAnew(s); err != nil {
		return nil, err
	}
	b.parts, b.raw, b.events = b.parts[:0], 0, 0
	return s, nil
}

// SignAnew returns a batch with a proof of now: whose certificate was replaced since cannot be let in by the old one. The batch
// itself stays as it is. It is safe for concurrent use if the Builder's Sign is.
func (b *Builder) SignAnew(s *Sealed) (*Sealed, error) {
	if b.sign == nil {
		return s, nil
	}
	again, err := *s, error(nil)
	if again.Proof.Signature, again.Proof.Chain, err = b.sign(Signed(s.Header)); err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	return &again, nil
}
