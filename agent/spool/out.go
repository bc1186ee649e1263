package spool

import (
	"slices"
	"sync"
)

// out is what has become of the records that Next has handed out. It keeps 24 bytes for each of them until it is confirmed:
// whoever takes them bounds their number.
type out struct {
	mu        sync.Mutex
	places    []Reach // epochs, oldest first, of which something is not confirmed, and the one in use; the End of that is not kept here
	at        int     // the epoch that Next is in
	pos       uint64  // the place there behind the last record
	lost      uint64  // bytes, of all epochs
	holes     []hole  // losses that are counted, and that Next has not come to
	taken     ring
	passed    uint64 // all up to this lsn was handed out, or is gone
	confirmed uint64 // all up to this lsn was confirmed
}

// hole is a range of an epoch.
type hole struct{ epoch, first, end uint64 }

// hand notes what is handed out next, and returns it: the record r that was read, or what is lost before it. In that case r
// is to be given again.
func (o *out) hand(r Record) Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	if lost, ok := o.enter(r); ok {
		return lost
	}
	if lost, ok := o.pass(r.First, r.LSN-1); ok {
		return lost
	}
	if o.at+1 < len(o.places) {
		p := &o.places[o.at]
		p.End = max(p.End, r.End)
	}
	o.pos = r.End
	o.passed = r.LSN
	o.taken.push(handed{r.LSN, r.Epoch, r.End})
	return r
}

// enter goes on to the epoch of a record, if nothing is lost before that.
func (o *out) enter(r Record) (lost Record, ok bool) {
	if o.places[o.at].Epoch == r.Epoch {
		return lost, false
	}
	i := slices.IndexFunc(o.places[o.at:], func(p Reach) bool { return p.Epoch == r.Epoch })
	if i < 0 { // nobody told of it: an old cursor, perhaps
		i = min(1, len(o.places)-1-o.at)
		o.places = slices.Insert(o.places, o.at+i, Reach{Epoch: r.Epoch, Cursor: r.First, End: r.First})
		if i == 0 {
			o.pos = r.First
		}
	}
	return o.leave(o.at+i, r.LSN-1)
}

// leave goes on to a later epoch, if nothing is lost before that.
func (o *out) leave(i int, upto uint64) (lost Record, ok bool) {
	for o.at < i {
		if lost, ok := o.pass(o.places[o.at].End, upto); ok {
			return lost, true
		}
		o.at++
		o.pos = o.places[o.at].Cursor
	}
	o.settle()
	return lost, false
}

// pass goes over what is lost of the epoch before the place to, and hands it out: ok is false if there is nothing. Its
// records had numbers up to upto. Each has had one, so that there is one for each loss.
func (o *out) pass(to, upto uint64) (lost Record, ok bool) {
	if to <= o.pos {
		return lost, false
	}
	p := &o.places[o.at]
	fresh := o.uncounted(to)
	p.Lost += fresh
	o.lost += fresh
	o.passed = max(o.passed, min(o.passed+1, upto))
	lost = Record{LSN: o.passed, Epoch: p.Epoch, First: o.pos, End: to, Lost: true}
	o.pos = to
	o.taken.push(handed{lost.LSN, lost.Epoch, lost.End})
	return lost, true
}

// uncounted returns how much of what is lost of the epoch before the place to was not counted when it was lost.
func (o *out) uncounted(to uint64) uint64 {
	n := to - o.pos
	o.holes = slices.DeleteFunc(o.holes, func(h hole) bool {
		if h.epoch != o.places[o.at].Epoch || h.end > to {
			return false
		}
		n -= min(h.end-h.first, n)
		return true
	})
	return n
}

// rest notes that all that can be read up to lsn was handed out, which ends at the place end of the epoch in use. It returns
// what is lost of it; if there is nothing, moved says that more is confirmed by that.
func (o *out) rest(lsn, end uint64) (lost Record, moved bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if lost, ok := o.leave(len(o.places)-1, lsn); ok {
		return lost, false
	}
	if lost, ok := o.pass(end, lsn); ok {
		return lost, false
	}
	o.passed = max(o.passed, lsn)
	if o.taken.len() == 0 && o.passed > o.confirmed {
		o.confirmed, moved = o.passed, true
	}
	return lost, moved
}

// lose takes note of what a failed write has taken, up to the place end of the epoch in use, and returns where that begins:
// behind the newest record of the log, or where the queue was confirmed if that is empty, and behind what was lost before.
func (o *out) lose(epoch, end uint64, newest []byte) (from uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := &o.places[len(o.places)-1]
	from = p.Cursor
	if o.at+1 == len(o.places) {
		from = max(from, o.pos)
	}
	if r, ok := parseRecord(0, newest); ok && r.Epoch == epoch {
		from = max(from, r.End)
	}
	for _, h := range o.holes {
		if h.epoch == epoch {
			from = max(from, h.end)
		}
	}
	if from < end {
		o.holes = append(o.holes, hole{epoch, from, end})
		p.Lost += end - from
		o.lost += end - from
	}
	return from
}

// confirm takes back what was handed out up to lsn. It returns up to where all is confirmed.
func (o *out) confirm(lsn uint64) (upto uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.taken.len() > 0 && o.taken.first().lsn <= lsn {
		h := o.taken.pop()
		o.confirmed = max(o.confirmed, h.lsn)
		for len(o.places) > 1 && o.at > 0 && o.places[0].Epoch != h.epoch {
			o.forget()
		}
		o.places[0].Cursor = max(o.places[0].Cursor, h.end)
	}
	if o.taken.len() == 0 {
		o.confirmed = max(o.confirmed, o.passed)
	}
	o.settle()
	return o.confirmed
}

// settle forgets the epochs that Next has left, if nothing of them is under way.
func (o *out) settle() {
	for o.at > 0 && (o.taken.len() == 0 || o.taken.first().epoch != o.places[0].Epoch) {
		o.forget()
	}
}

func (o *out) forget() {
	o.places = slices.Delete(o.places, 0, 1)
	o.at--
}

// ring holds what was handed out and not confirmed, in order.
type ring struct {
	all  []handed
	head int
}

type handed struct {
	lsn, epoch, end uint64
}

func (r *ring) len() int      { return len(r.all) - r.head }
func (r *ring) first() handed { return r.all[r.head] }

func (r *ring) push(h handed) {
	if len(r.all) == cap(r.all) && r.head > len(r.all)/2 {
		r.all = r.all[:copy(r.all, r.all[r.head:])]
		r.head = 0
	}
	r.all = append(r.all, h)
}

// keptHanded is how many a ring that has emptied keeps room for.
const keptHanded = 64 << 10

func (r *ring) pop() handed {
	h := r.all[r.head]
	r.head++
	if r.head == len(r.all) {
		r.head, r.all = 0, r.all[:0]
		if cap(r.all) > keptHanded {
			r.all = nil
		}
	}
	return h
}
