package lines

import (
	"bytes"
	"time"
)

// Bounds of what is joined.
const (
	// window is how far the pieces of lines that lie among each other may reach. A runtime cuts lines at 16 KiB.
	window = 1 << 20
	// maxGaps is how many ranges of other streams may lie between the pieces of one event.
	maxGaps = 64
)

// Streams of a content. Plain files have the first only.
const (
	stdout = iota
	stderr
	streams
	noStream // a line that is not of the format; nothing is joined to it
)

// held is what waits for its end, of one stream.
type held struct {
	line  entry // pieces of a line
	event entry // lines of an event, before those
}

func (h *held) holds() bool { return h.line.Lines > 0 || h.event.Lines > 0 }

// first returns where that begins.
func (h *held) first() uint64 {
	if h.event.Lines > 0 {
		return h.event.First
	}
	return h.line.First
}

// joins is what a Reader holds of events that have not ended.
//
// An offset at which nothing is held is a place where a Reader may begin: what follows does not depend on what was
// before. While one stream only holds something, all ends of ranges are such places. If another stream's line comes
// meanwhile, the content is mixed, and there is none until nothing is held that began before.
type joins struct {
	held  [streams]held
	mixed bool
	group uint64    // the last such place
	upto  uint64    // ends of ranges lie before, or are such a place
	told  span      // of the last Sink.Joined
	cuts  []uint64  // where time ended events before
	last  time.Time // a line ended
}

func (j *joins) holds() bool { return j.held[stdout].holds() || j.held[stderr].holds() }

// othersHold reports whether another stream holds something.
func (j *joins) othersHold(stream int) bool {
	return stream != stdout && j.held[stdout].holds() || stream != stderr && j.held[stderr].holds()
}

// oldest returns the stream that holds what began first, or noStream.
func (j *joins) oldest() int {
	out, err := &j.held[stdout], &j.held[stderr]
	switch {
	case !out.holds() && !err.holds():
		return noStream
	case !err.holds() || out.holds() && out.first() < err.first():
		return stdout
	default:
		return stderr
	}
}

// begin returns the last place where a Reader may begin so that it misses nothing; at if nothing is held.
func (j *joins) begin(at uint64) uint64 {
	if i := j.oldest(); i != noStream {
		if j.mixed {
			return j.group
		}
		return j.held[i].first()
	}
	return at
}

func (j *joins) size() (n int) {
	for i := range j.held {
		for _, e := range []*entry{&j.held[i].line, &j.held[i].event} {
			n += cap(e.buf) + cap(e.raw) + 16*cap(e.more)
		}
	}
	return n
}

func (j *joins) shrink() {
	for i := range j.held {
		for _, e := range []*entry{&j.held[i].line, &j.held[i].event} {
			if e.Lines == 0 && cap(e.buf)+cap(e.raw)+16*cap(e.more) > smallBuffer {
				*e = entry{}
			}
		}
	}
}

// physical takes one physical line on its way to an event.
func (r *Reader) physical(e *entry, s Sink) error {
	stream := r.unwrap(e)
	r.last = r.now
	r.mixed = r.mixed || r.othersHold(stream)
	if r.mixed && e.End-r.group > r.c.window {
		if err := r.flush(e.First, s); err != nil {
			return err
		}
	}
	r.upto = e.End
	if err := r.join(stream, e, s); err != nil {
		return err
	}
	if !r.mixed || r.heldSince(e.First) {
		r.mixed = false
		r.group = r.begin(e.End)
	}
	return r.timed(e.End, s)
}

// heldSince reports whether nothing is held that began before.
func (j *joins) heldSince(first uint64) bool {
	i := j.oldest()
	return i == noStream || j.held[i].first() >= first
}

// timed ends what time ended here before.
func (r *Reader) timed(end uint64, s Sink) error {
	hit := false
	for len(r.cuts) > 0 && r.cuts[0] <= end {
		hit = r.cuts[0] == end
		r.cuts = r.cuts[1:]
	}
	if hit {
		return r.flush(end, s)
	}
	return nil
}

// join adds a physical line to its stream.
func (r *Reader) join(stream int, e *entry, s Sink) error {
	if stream == noStream {
		return r.deliver(e, s)
	}
	h := &r.held[stream]
	if len(h.line.more) >= maxGaps || len(h.event.more) >= maxGaps {
		if err := r.finish(h, s); err != nil {
			return err
		}
	}
	if h.line.Lines == 0 && !e.open {
		return r.row(h, e, s)
	}
	h.line.add(e, "", "", r.c.keep)
	h.line.rows = 1
	if e.open {
		return nil
	}
	if err := r.row(h, &h.line, s); err != nil {
		return err
	}
	h.line.reset()
	return nil
}

// row takes a whole line of a stream.
func (r *Reader) row(h *held, e *entry, s Sink) error {
	m := r.c.multi
	if m == nil {
		return r.deliver(e, s)
	}
	continues := m.continues(h, e)
	if h.event.Lines > 0 {
		fits := m.fits(h, e, r.c.limit)
		if !continues || !fits {
			h.event.Split = h.event.Split || continues
			if err := r.release(h, s); err != nil {
				return err
			}
		}
	}
	if h.event.Lines == 0 {
		h.event.Split = continues && !m.escaped() // what was before does not matter
	}
	h.event.add(e, "\n", r.enc.lineEnd(), r.c.keep+m.maxBytes)
	h.event.rows++
	switch {
	case m.escaped() && (e.Length > r.c.limit || !backslash(e.Text)):
		return r.release(h, s)
	case h.event.rows == m.maxLines:
		h.event.Split = true
		return r.release(h, s)
	}
	return nil
}

// release hands the event of a stream on.
func (r *Reader) release(h *held, s Sink) error {
	if err := r.deliver(&h.event, s); err != nil {
		return err
	}
	h.event.reset()
	return nil
}

// finish hands on all that a stream holds.
func (r *Reader) finish(h *held, s Sink) error {
	if h.line.Lines > 0 {
		h.line.Partial = true
		if err := r.row(h, &h.line, s); err != nil {
			return err
		}
		h.line.reset()
	}
	if h.event.Lines > 0 {
		return r.release(h, s)
	}
	return nil
}

// flush hands on all that is held: at is a place where nothing is.
func (r *Reader) flush(at uint64, s Sink) error {
	r.upto = at
	for i := r.oldest(); i != noStream; i = r.oldest() {
		if err := r.finish(&r.held[i], s); err != nil {
			return err
		}
	}
	r.mixed = false
	return nil
}

func (m *multi) escaped() bool { return m.first == nil && m.next == nil }

// continues reports whether the rule says that a line belongs to the one before it.
func (m *multi) continues(h *held, e *entry) bool {
	text := bytes.TrimSuffix(e.Text, []byte("\r"))
	switch {
	case m.first != nil:
		return !m.first.names(text)
	case m.next != nil:
		return m.next.names(text)
	default:
		return h.event.Lines > 0
	}
}

// fits reports whether a line may join the event. A line that is cut is an event by itself.
func (m *multi) fits(h *held, e *entry, limit int) bool {
	whole := e.Length <= limit && (h.event.rows > 1 || h.event.Length <= limit)
	return whole && h.event.Length+1+e.Length <= m.maxBytes
}

func backslash(text []byte) bool {
	return bytes.HasSuffix(bytes.TrimSuffix(text, []byte("\r")), []byte(`\`))
}
