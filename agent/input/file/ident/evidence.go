// Package ident tells which content a file holds: whether bytes that were found are those that were read before, a copy of
// them, or something new.
//
// Of each content the agent keeps evidence: hashes of its head, and marks, each a hash of the at most 4 KiB before an
// offset. A file is equal to a content if it has its head and every mark that it reaches; of a content of which nothing
// was seen nobody is equal. What follows from that is decided by Judge, a pure function: what is known and what is seen
// go in, a verdict with its reason comes out. Nothing here opens a file, has a clock, or keeps anything.
//
// Offsets count bytes of content: of an archive, decompressed.
package ident

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// What evidence is made of.
const (
	MarkSize = 4 << 10  // bytes before an offset that a mark covers
	HeadSize = 4 << 10  // bytes that the longest rung of the ladder covers; longer than the headers at the top of logs
	Grid     = 1 << 20  // a mark is kept every so many bytes,
	Step     = 16 << 10 // and one every so many of what came last: a copy that was made of a busy file ends anywhere there

	maxGrid  = 512 // marks on the grid; above, it is made coarser, all over
	maxSteps = 256 // marks between
	maxEnds  = 32  // marks of the ends of a file that were seen last
	fewSteps = 16  // marks between that stay when nothing more comes
	fewEnds  = 8   // likewise, ends
)

// ladder is the lengths of head that are hashed. A file that is cut short is known by the lower ones.
var ladder = [...]uint32{64, 256, 1 << 10, HeadSize}

// Hash is the short hash of a few bytes.
type Hash [12]byte

// Sum hashes bytes.
func Sum(b []byte) (h Hash) {
	sum := sha256.Sum256(b)
	copy(h[:], sum[:])
	return h
}

// MarshalText writes the hash in hex.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("hash: %q is not %d hex digits", text, hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Rung is the hash of the first Len bytes of a content.
type Rung struct {
	Len  uint32
	Hash Hash
}

// Mark is the hash of the at most MarkSize bytes before Off.
type Mark struct {
	Off  uint64
	Hash Hash
	End  int64 // the file's mtime, in nanoseconds since 1970, when it was seen to end at Off; 0 for a mark on the way
}

// MarshalJSON writes a rung as [length, "hash"].
func (r Rung) MarshalJSON() ([]byte, error) { return json.Marshal([]any{r.Len, r.Hash}) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Rung) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&r.Len, &r.Hash})
}

// MarshalJSON writes a mark as [offset, "hash", mtime].
func (m Mark) MarshalJSON() ([]byte, error) { return json.Marshal([]any{m.Off, m.Hash, m.End}) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Mark) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&m.Off, &m.Hash, &m.End})
}

// Evidence is what is known of a content's bytes. The zero value knows nothing.
type Evidence struct {
	Head  []Rung `json:"head,omitempty"`
	Marks []Mark `json:"marks,omitempty"` // by offset
	Top   uint64 `json:"top"`             // the largest offset that was seen or sent
}

// NoteHead takes the first bytes of the content, and adds the rungs that they reach. It reports whether one was new.
func (e *Evidence) NoteHead(b []byte) bool {
	known := uint32(0)
	if n := len(e.Head); n > 0 {
		known = e.Head[n-1].Len
	}
	for _, n := range ladder {
		if n > known && int(n) <= len(b) {
			e.Head = append(e.Head, Rung{n, Sum(b[:n])})
		}
	}
	return len(e.Head) > 0 && e.Head[len(e.Head)-1].Len > known
}

// HeadKnown reports whether no more of the head can be learned.
func (e *Evidence) HeadKnown() bool { return len(e.Head) > 0 && e.Head[len(e.Head)-1].Len >= HeadSize }

// Note adds a mark and raises the top to it. A mark of the same offset is replaced.
func (e *Evidence) Note(m Mark) {
	e.Top = max(e.Top, m.Off)
	i, found := slices.BinarySearchFunc(e.Marks, m.Off, func(m Mark, off uint64) int { return cmp.Compare(m.Off, off) })
	if found {
		m.End = max(m.End, e.Marks[i].End)
		e.Marks[i] = m
		return
	}
	e.Marks = slices.Insert(e.Marks, i, m)
	e.thin()
}

// kindOf tells the marks apart by where they are.
func kindOf(off uint64) int {
	switch {
	case off%Grid == 0:
		return 0
	case off%Step == 0:
		return 1
	}
	return 2
}

// thin keeps the marks within their bounds: the ends that were seen last, the steps that came last, and a grid that grows
// coarser.
func (e *Evidence) thin() {
	var n [3]int
	for _, m := range e.Marks {
		n[kindOf(m.Off)]++
	}
	if n[1] > maxSteps {
		e.dropFirst(1)
	}
	if n[2] > maxEnds {
		e.dropFirst(2)
	}
	for apart := uint64(2 * Grid); n[0] > maxGrid; apart *= 2 {
		e.Marks = slices.DeleteFunc(e.Marks, func(m Mark) bool {
			drop := kindOf(m.Off) == 0 && m.Off%apart != 0
			n[0] -= bitOf(drop)
			return drop
		})
	}
}

func (e *Evidence) dropFirst(kind int) {
	i := slices.IndexFunc(e.Marks, func(m Mark) bool { return kindOf(m.Off) == kind })
	e.Marks = slices.Delete(e.Marks, i, i+1)
}

// Coarsen gives up most of the marks between, and of the ends: of a content that rests its copies are known by its last ones.
func (e *Evidence) Coarsen() {
	var n [3]int
	for _, m := range e.Marks {
		n[kindOf(m.Off)]++
	}
	few := [3]int{maxGrid, fewSteps, fewEnds}
	if n[1] <= few[1] && n[2] <= few[2] {
		return
	}
	e.Marks = slices.Clip(slices.Clone(slices.DeleteFunc(e.Marks, func(m Mark) bool {
		k := kindOf(m.Off)
		n[k]--
		return n[k] >= few[k]
	})))
}

func bitOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// CutTo forgets what is known beyond size: the content goes on in a file that is shorter.
func (e *Evidence) CutTo(size uint64) {
	e.Marks = slices.DeleteFunc(e.Marks, func(m Mark) bool { return m.Off > size })
	e.Head = slices.DeleteFunc(e.Head, func(r Rung) bool { return uint64(r.Len) > size })
	e.Top = min(e.Top, size)
}

// SizeBefore returns the largest size that the content is known to have had when a file changed before t, in nanoseconds
// since 1970.
func (e *Evidence) SizeBefore(t int64) (size uint64) {
	for _, m := range e.Marks {
		if m.End != 0 && m.End < t {
			size = max(size, m.Off)
		}
	}
	return size
}

// Likeness is how a file compares with a content.
type Likeness struct {
	Equal bool   // it has the head and every mark that it reaches, and something is known at all
	Reach uint64 // the largest offset that was compared
	Marks int    // that were compared
}

// Sure reports whether so much of a file of size bytes was compared that it is no mere header that many files have. The rest of
// a small file is no line.
func (l Likeness) Sure(size uint64) bool { return l.Reach >= min(sureReach, size-size/8) }

// Like compares a file of size bytes. Of the file it reads the head and MarkSize bytes for each mark; an error is the
// file's.
func (e *Evidence) Like(r io.ReaderAt, size uint64) (Likeness, error) {
	var l Likeness
	if e.Top == 0 {
		return l, nil
	}
	buf := make([]byte, MarkSize)
	same := func(from, to uint64, want Hash) (bool, error) {
		b := buf[:to-from]
		if n, err := r.ReadAt(b, int64(from)); n < len(b) {
			if err == io.EOF {
				err = nil // it is shorter now
			}
			return false, err
		}
		l.Reach = max(l.Reach, to)
		return Sum(b) == want, nil
	}
	for _, rung := range e.Head {
		if uint64(rung.Len) > size {
			break
		}
		if ok, err := same(0, uint64(rung.Len), rung.Hash); !ok || err != nil {
			return Likeness{}, err
		}
	}
	for _, m := range slices.Backward(e.Marks) {
		if m.Off > size {
			continue
		}
		l.Marks++
		if ok, err := same(m.Off-min(m.Off, MarkSize), m.Off, m.Hash); !ok || err != nil {
			return Likeness{}, err
		}
	}
	l.Equal = l.Reach > 0
	return l, nil
}

// HeadLike reports whether bytes at the beginning of a file of size bytes may be the content's head: it is what can be said
// without reading more.
func (e *Evidence) HeadLike(head []byte, size uint64) bool {
	for _, r := range e.Head {
		if uint64(r.Len) <= size && int(r.Len) <= len(head) && Sum(head[:r.Len]) != r.Hash {
			return false
		}
	}
	for _, m := range e.Marks {
		if m.Off > min(size, uint64(len(head)), MarkSize) {
			break
		}
		if Sum(head[:m.Off]) != m.Hash {
			return false
		}
	}
	return e.Top > 0
}

// HeadHolds returns how many of its first bytes, of which hashes are kept, r, of size bytes, surely shares with the content.
func (e *Evidence) HeadHolds(r io.ReaderAt, size uint64) (n uint64) {
	for _, rung := range e.Head {
		part := Evidence{Top: e.Top, Head: []Rung{rung}}
		if l, err := part.Like(r, size); err != nil || !l.Equal {
			break
		}
		n = uint64(rung.Len)
	}
	return n
}

// AnyHolds reports whether r, of size bytes, has what one of the marks beyond the head says, at its place. It tries the last few.
func (e *Evidence) AnyHolds(r io.ReaderAt, size uint64) bool {
	tries := 4
	for _, m := range slices.Backward(e.Marks) {
		if m.Off > size {
			continue
		}
		if m.Off < HeadSize+MarkSize || tries == 0 {
			return false
		}
		tries--
		part := Evidence{Top: e.Top, Marks: []Mark{m}}
		if l, err := part.Like(r, size); err == nil && l.Equal {
			return true
		}
	}
	return false
}

// MarksTo returns how many marks there are up to an offset.
func (e *Evidence) MarksTo(off uint64) (n int) {
	for _, m := range e.Marks {
		if m.Off <= off {
			n++
		}
	}
	return n
}

// Akin reports whether the heads of two contents, as far as both are known, are the same.
func (e *Evidence) Akin(o *Evidence) bool {
	n := min(len(e.Head), len(o.Head))
	return n > 0 && slices.Equal(e.Head[:n], o.Head[:n])
}

// LastHolding returns the largest offset at or below limit up to which r, of size bytes, certainly has the content's
// bytes: every mark up to there holds. It is 0 if none does.
func (e *Evidence) LastHolding(r io.ReaderAt, size, limit uint64) (at uint64) {
	part := Evidence{Top: e.Top, Head: e.Head}
	for _, m := range e.Marks {
		if m.Off > min(size, limit) {
			break
		}
		part.Marks = append(part.Marks[:0], m)
		if l, err := part.Like(r, size); err != nil || !l.Equal {
			break
		}
		at = m.Off
		part.Head = nil // it was compared with the first
	}
	return at
}
