package ident

// MaxParts is how many parts of an archive are compared, each by itself: some programs make a part of every few KiB.
const MaxParts = 64

// Part is one member of an archive, and how it compares with each content that begins like it.
type Part struct {
	Size  uint64
	Likes map[int]Likeness // by the index of the content; equal ones only
}

// Chain compares the members of an archive, each by itself, with several contents: who appends to an archive, or joins several,
// makes one that as a whole is like nothing that is known. It is fed by See and End, from the first byte on.
type Chain struct {
	wanted []Evidence
	parts  []Part
	many   bool

	head  []byte // of the present member, until its probe is made
	probe *Probe
	of    []int // the contents that the probe compares with
}

// NewChain returns a chain for contents.
func NewChain(wanted []Evidence) *Chain { return &Chain{wanted: wanted} }

// See takes the next bytes of the present member.
func (c *Chain) See(b []byte) {
	if c.many || len(c.wanted) == 0 {
		return
	}
	if c.probe == nil {
		n := min(len(b), HeadSize-len(c.head))
		c.head = append(c.head, b[:n]...)
		if b = b[n:]; len(c.head) < HeadSize {
			return
		}
		c.begin()
	}
	c.probe.See(b)
}

// begin makes the probe of the present member: most contents begin otherwise, and cost nothing more.
func (c *Chain) begin() {
	var akin []Evidence
	c.of = c.of[:0]
	for i := range c.wanted {
		if c.wanted[i].HeadLike(c.head, uint64(len(c.head))) {
			c.of, akin = append(c.of, i), append(akin, c.wanted[i])
		}
	}
	c.probe = NewProbe(akin)
	c.probe.See(c.head)
}

// End ends the present member. One without content is none.
func (c *Chain) End() {
	if c.many || c.probe == nil && len(c.head) == 0 {
		return
	}
	if len(c.parts) == MaxParts {
		c.many, c.probe, c.head = true, nil, nil
		return
	}
	if c.probe == nil {
		c.begin()
	}
	p := Part{Size: c.probe.Size(), Likes: make(map[int]Likeness)}
	for i, l := range c.probe.Likes() {
		if l.Equal {
			p.Likes[c.of[i]] = l
		}
	}
	c.parts = append(c.parts, p)
	c.probe, c.head = nil, c.head[:0]
}

// Parts returns the members that ended, and whether there are more of them.
func (c *Chain) Parts() (parts []Part, more bool) { return c.parts, c.many }

// Repeats reports whether a part surely has the bytes of the content at an index up to its own end.
func (p *Part) Repeats(i int) bool {
	l, ok := p.Likes[i]
	return ok && l.Sure(p.Size) && p.Size-min(p.Size, l.Reach) <= nearEnd
}
