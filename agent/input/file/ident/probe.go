package ident

import (
	"cmp"
	"slices"
)

// Probe compares a stream of bytes, as an archive gives them, with several contents at once. It keeps MarkSize bytes.
type Probe struct {
	wanted []Evidence
	points []point // by offset
	likes  []Likeness
	failed []bool
	head   []byte
	tail   []byte // the last bytes before at
	at     uint64
	own    Evidence
}

// point is an offset at which a content is compared.
type point struct {
	off  uint64
	from uint64
	hash Hash
	of   int
	mark bool
}

// NewProbe returns a probe for contents. It is fed by See, from the first byte on.
func NewProbe(wanted []Evidence) *Probe {
	p := &Probe{wanted: wanted, likes: make([]Likeness, len(wanted)), failed: make([]bool, len(wanted))}
	for i, e := range wanted {
		for _, r := range e.Head {
			p.points = append(p.points, point{off: uint64(r.Len), hash: r.Hash, of: i})
		}
		for _, m := range e.Marks {
			p.points = append(p.points, point{m.Off, m.Off - min(m.Off, MarkSize), m.Hash, i, true})
		}
	}
	slices.SortStableFunc(p.points, func(a, b point) int { return cmp.Compare(a.off, b.off) })
	return p
}

// See takes the next bytes.
func (p *Probe) See(b []byte) {
	for len(b) > 0 {
		next := (p.at/Grid + 1) * Grid
		if len(p.points) > 0 {
			next = min(next, p.points[0].off)
		}
		n := min(len(b), int(next-p.at))
		p.keep(b[:n])
		p.at += uint64(n)
		b = b[n:]
		p.compare()
		if p.at%Grid == 0 {
			p.own.Note(Mark{Off: p.at, Hash: Sum(p.tail)})
		}
	}
}

func (p *Probe) keep(b []byte) {
	if room := HeadSize - len(p.head); room > 0 {
		p.head = append(p.head, b[:min(room, len(b))]...)
	}
	p.tail = Extend(p.tail, b)
}

// Extend returns the last MarkSize bytes of a content, tail, after b came. It uses the memory of tail again.
func Extend(tail, b []byte) []byte {
	if len(b) >= MarkSize {
		return append(tail[:0], b[len(b)-MarkSize:]...)
	}
	tail = append(tail, b...)
	if over := len(tail) - MarkSize; over > 0 {
		tail = append(tail[:0], tail[over:]...)
	}
	return tail
}

// compare looks at all points that end here. The tail covers them: a mark begins MarkSize before its end, and a rung is
// no longer than that.
func (p *Probe) compare() {
	for len(p.points) > 0 && p.points[0].off == p.at {
		q := p.points[0]
		p.points = p.points[1:]
		have := p.tail[uint64(len(p.tail))-(q.off-q.from):]
		if Sum(have) != q.hash {
			p.failed[q.of] = true
			continue
		}
		l := &p.likes[q.of]
		l.Reach = p.at
		if q.mark {
			l.Marks++
		}
	}
}

// Size returns how many bytes were seen.
func (p *Probe) Size() uint64 { return p.at }

// Likes returns how what was seen compares with each content.
func (p *Probe) Likes() []Likeness {
	all := slices.Clone(p.likes)
	for i := range all {
		all[i].Equal = !p.failed[i] && all[i].Reach > 0 && p.wanted[i].Top > 0
		if !all[i].Equal {
			all[i] = Likeness{}
		}
	}
	return all
}

// Own returns the evidence of what was seen, as of its end.
func (p *Probe) Own() Evidence {
	e := p.own
	e.NoteHead(p.head)
	if p.at > 0 {
		e.Note(Mark{Off: p.at, Hash: Sum(p.tail)})
	}
	return e
}
