package lines

import (
	"bytes"
	"time"
)

// holeSize is how many NULs at the beginning of a line are no part of it: a writer that goes on at its old offset after
// the file was truncated leaves as many as the file was long.
const holeSize = 4 << 10

// smallBuffer is how large a buffer may be that is kept while nothing is in it.
const smallBuffer = 1 << 10

var zeros [holeSize]byte

// Reader makes events of one content.
type Reader struct {
	c   *Compiled
	enc encoding
	err error // what the Sink said

	at    uint64 // bytes [0, at) were taken in
	first uint64 // the physical line that is being read begins here
	nuls  uint64 // that it begins with, while nothing else has come; they are in nothing else

	text   []byte // of that line so far, at most rawKeep bytes and a character
	length int    // of all of its text so far
	wide   wide   // what else UTF-16 needs

	joins
	ev      entry // the line that is handed on
	scratch *scratch
	now     time.Time // of the last Feed
}

// New returns a Reader that goes on at an offset of the content where a range ended that was handed on; see
// [Sink.Joined]. cuts are the offsets that Sink.Cut got, in order; those before at are of no matter. head is the
// content's first 4 bytes, or as many as there are: they tell the encoding where at is not 0.
func New(c *Compiled, at uint64, cuts []uint64, head []byte) *Reader {
	r := &Reader{c: c, enc: c.encoding, at: at, first: at}
	r.cuts = cuts
	if r.enc == unknown && at > 0 {
		r.enc = sniff(head)
	}
	return r
}

// Feed takes bytes that begin at At. now is the time of reading: the timeout of a multi-line event counts from it.
//
// An error is the Sink's, and the Reader is of no use after it: all that the Sink took without an error counts, the rest
// of b is dropped, and each later call returns the same error. Begin says where a new Reader has to begin.
func (r *Reader) Feed(b []byte, now time.Time, s Sink) error {
	if r.err != nil || len(b) == 0 {
		return r.err
	}
	r.now = now
	return r.guard(func() error { return r.feedToCuts(b, s) })
}

// feedToCuts takes bytes, and ends all that is held where time ended it before.
func (r *Reader) feedToCuts(b []byte, s Sink) error {
	for len(r.cuts) > 0 && r.cuts[0] < r.at+uint64(len(b)) {
		cut := r.cuts[0]
		if cut > r.at {
			n := cut - r.at
			if err := r.feed(b[:n], s); err != nil {
				return err
			}
			b = b[n:]
			if err := r.end(s); err != nil {
				return err
			}
		}
		if len(r.cuts) > 0 && r.cuts[0] == cut {
			r.cuts = r.cuts[1:]
		}
	}
	if err := r.feed(b, s); err != nil {
		return err
	}
	if len(r.cuts) > 0 && r.cuts[0] == r.at {
		r.cuts = r.cuts[1:]
		return r.end(s)
	}
	return nil
}

// Hole takes n bytes that are NUL, without their being read.
func (r *Reader) Hole(n uint64, now time.Time, s Sink) error {
	if r.err != nil || n == 0 {
		return r.err
	}
	r.now = now
	return r.guard(func() error { return r.hole(n, s) })
}

// End says that the content ends here: what is held goes, and a line without end is Partial.
func (r *Reader) End(s Sink) error {
	if r.err != nil {
		return r.err
	}
	return r.guard(func() error { return r.end(s) })
}

// Expire ends what is held if its time is over; see Deadline. It is to be called only when there is nothing more to read
// at present: what is behind because its reader had to wait was not written late.
func (r *Reader) Expire(now time.Time, s Sink) error {
	if due := r.Deadline(); r.err != nil || due.IsZero() || now.Before(due) {
		return r.err
	}
	return r.guard(func() error {
		if err := s.Cut(r.first); err != nil {
			return err
		}
		return r.flush(r.first, s)
	})
}

// GiveUp ends all that is held, a line without end too, as End does; but more bytes may come, and are other events. Read
// again, the bytes end here as well: see [Sink.Cut]. A lone first byte that may be half of a byte order mark stays held: what
// it is must not depend on when it was asked.
func (r *Reader) GiveUp(s Sink) error {
	if r.err != nil || r.at == r.first && !r.holds() || r.enc == unknown {
		return r.err
	}
	return r.guard(func() error {
		if err := s.Cut(r.at); err != nil {
			return err
		}
		return r.end(s)
	})
}

// guard lends the Reader what it needs for one call.
func (r *Reader) guard(do func() error) error {
	r.scratch = r.c.pool.Get().(*scratch)
	r.err = do()
	r.c.pool.Put(r.scratch)
	r.scratch = nil
	r.shrink()
	return r.err
}

// At returns how many bytes of the content were taken in.
func (r *Reader) At() uint64 { return r.at }

// Begin returns where a Reader has to begin to hand on what this one has not: all before it was handed on. It is At only
// if nothing is held.
func (r *Reader) Begin() uint64 {
	return r.joins.begin(r.first)
}

// Deadline returns when Expire is to be called; zero means never. It moves with each line end.
func (r *Reader) Deadline() time.Time {
	if r.c.multi == nil || !r.holds() {
		return time.Time{}
	}
	return r.last.Add(r.c.multi.timeout)
}

// Held returns how many bytes of memory the Reader keeps for what it holds.
func (r *Reader) Held() int {
	return cap(r.text) + cap(r.wide.raw) + r.joins.size()
}

// shrink gives large buffers back that hold nothing.
func (r *Reader) shrink() {
	if r.length == 0 && cap(r.text) > smallBuffer {
		r.text = nil
	}
	if r.length == 0 && cap(r.wide.raw) > smallBuffer {
		r.wide.raw = nil
	}
	r.ev = entry{} // it points into the caller's bytes
	r.joins.shrink()
}

func (r *Reader) feed(b []byte, s Sink) error {
	switch {
	case r.enc == unknown:
		return r.learn(b, s)
	case r.enc.wide():
		return r.feedWide(b, s)
	default:
		return r.feedBytes(b, s)
	}
}

// feedBytes takes bytes of which one is a line end.
func (r *Reader) feedBytes(b []byte, s Sink) error {
	for len(b) > 0 {
		if b[0] == 0 || r.nuls > 0 {
			var err error
			if b, err = r.jumpHole(b, 1, s); err != nil || len(b) == 0 {
				return err
			}
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			r.keep(b)
			r.at += uint64(len(b))
			return nil
		}
		text, length := b[:i], i
		if r.at > r.first || r.enc == latin1 {
			r.keep(b[:i])
			text, length = r.text, r.length
		}
		r.at += uint64(i) + 1
		if err := r.line(text, length, false, s); err != nil {
			return err
		}
		b = b[i+1:]
	}
	return nil
}

// keep adds to the line that has not ended yet. What is over rawKeep is only counted.
func (r *Reader) keep(b []byte) {
	switch {
	case r.enc.wide():
		r.keepWide(b)
	case r.enc == latin1:
		r.keepLatin1(b)
	default:
		r.length += len(b)
		r.text = append(r.text, b[:min(len(b), max(0, r.c.rawKeep-len(r.text)))]...)
	}
}

// line hands on a physical line that ends at at.
func (r *Reader) line(text []byte, length int, partial bool, s Sink) error {
	if r.first == 0 && bytes.HasPrefix(text, []byte(bom)) {
		text, length = text[len(bom):], length-len(bom)
	}
	e := &r.ev
	if !r.c.direct { // else the rest is never set
		e.Event, e.open = Event{}, false
	}
	e.First, e.End, e.Length, e.Lines, e.rows = r.first, r.at, length, 1, 1
	e.Text, e.Raw, e.raw = text[:min(len(text), r.c.rawKeep)], nil, r.wide.raw
	e.Partial, e.Invalid = partial, r.wide.bad
	var err error
	if r.c.direct {
		err = r.deliver(e, s)
	} else {
		err = r.physical(e, s)
	}
	if err != nil {
		return err
	}
	r.first, r.text, r.length = r.at, r.text[:0], 0
	if r.enc.wide() {
		r.wide.reset()
	}
	return nil
}

// jumpHole takes the NULs off b, of units of so many bytes, if the line begins with nothing else. They are only counted
// until another byte comes: where the line begins must not depend on how much was read at once.
func (r *Reader) jumpHole(b []byte, unit int, s Sink) ([]byte, error) {
	if r.at != r.first+r.nuls {
		return b, nil
	}
	rest := bytes.TrimLeft(b, "\x00")
	rest = b[(len(b)-len(rest))/unit*unit:]
	r.nuls += uint64(len(b) - len(rest))
	r.at += uint64(len(b) - len(rest))
	if len(rest) == 0 {
		return rest, nil
	}
	return rest, r.endHole(s)
}

// endHole passes over the NULs that were counted, or makes them part of the line if they are few. What is held ends
// before a hole: nobody goes on with a line of the file that was truncated.
func (r *Reader) endHole(s Sink) error {
	n := r.nuls
	if n < holeSize {
		r.nuls = 0
		r.keep(zeros[:n])
		return nil
	}
	if err := r.flush(r.first, s); err != nil {
		return err
	}
	if err := s.Skip(r.first, r.first+n, SkipHole); err != nil {
		return err
	}
	r.first += n
	r.nuls = 0
	return nil
}

func (r *Reader) hole(n uint64, s Sink) error {
	for r.enc == unknown || r.wide.half || r.enc.wide() && n == 1 { // what depends on one byte
		if err := r.feed(zeros[:1], s); err != nil {
			return err
		}
		if n--; n == 0 {
			return nil
		}
	}
	if r.enc.wide() && n%2 == 1 {
		defer func() { r.wide.half, r.wide.odd = true, 0; r.at++ }()
		n--
	}
	r.at += n
	if r.at == r.first+r.nuls+n {
		r.nuls += n
		return nil
	}
	for n > 0 && !r.full() {
		m := min(n, holeSize)
		r.keep(zeros[:m])
		n -= m
	}
	r.length += int(n) / r.enc.unit()
	return nil
}

// full reports whether more of the line would only be counted.
func (r *Reader) full() bool {
	return len(r.text) >= r.c.rawKeep && (!r.enc.wide() || r.wide.full(r.c.limit))
}

func (r *Reader) end(s Sink) error {
	if r.enc == unknown {
		if err := r.choose(utf8Text, s); err != nil {
			return err
		}
	}
	if err := r.endHole(s); err != nil {
		return err
	}
	if r.at > r.first {
		r.endWide()
		if err := r.line(r.text, r.length, true, s); err != nil {
			return err
		}
	}
	return r.flush(r.first, s)
}
