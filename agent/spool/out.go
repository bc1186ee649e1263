package spool

import (
	"slices"
	"sync"
)

// out is what has become of the records that Next has handed out. It keeps 32 bytes for each of them until it is confirmed:
// whoever takes them bounds their number.
type out struct {
	mu        sync.Mutex
	places    []Reach // epochs, oldest first, of which something is not confirmed, and the one in use; the End of that is not kept here
	at        int     // the epoch that Next is in
	pos       uint64  // the place there behind the last record
	holes     []hole  // losses that are counted, and that Next has not come to
	taken     ring
	passed    uint64 // all up to this lsn was handed out, or is gone
	confirmed uint64 // all up to this lsn was confirmed
}

// hole is a range of an epoch.
type hole struct{ epoch, first, end uint64 }

// hand notes that a record is handed out, and returns how many bytes are missing before it that nobody has counted.
func (o *out) hand(r Record) (missing uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.places[o.at].Epoch != r.Epoch {
		i := slices.IndexFunc(o.places[o.at:], func(p Reach) bool { return p.Epoch == r.Epoch })
		if i < 0 { // nobody told of it: an old cursor, perhaps
			i = min(1, len(o.places)-1-o.at)
			o.places = slices.Insert(o.places, o.at+i, Reach{Epoch: r.Epoch})
		}
		if missing = o.enter(o.at + i); o.places[o.at].End == 0 && o.at+1 < len(o.places) {
			o.pos = r.First // of that one nothing is known
		}
	}
	p := &o.places[o.at]
	if r.First > o.pos {
		missing += o.skip(r.First)
	}
	o.pos = r.End
	if o.at+1 < len(o.places) {
		p.End = max(p.End, r.End)
	}
	o.passed = r.LSN
	o.taken.push(handed{r.LSN, r.Epoch, r.End, uint32(len(r.Payload))})
	return missing
}

// enter goes on to a later epoch.
func (o *out) enter(i int) (missing uint64) {
	for o.at < i {
		missing += o.skip(o.places[o.at].End)
		o.at++
		o.pos = o.places[o.at].Cursor
	}
	o.settle()
	return missing
}

// skip passes over what is lost of an epoch, and returns how much of it was not counted before.
func (o *out) skip(to uint64) (missing uint64) {
	p := &o.places[o.at]
	if to <= o.pos {
		return 0
	}
	missing = to - o.pos
	o.holes = slices.DeleteFunc(o.holes, func(h hole) bool {
		if h.epoch != p.Epoch || h.end > to {
			return false
		}
		missing -= min(h.end-h.first, missing)
		return true
	})
	p.Lost += missing
	o.pos = to
	return missing
}

// restAt notes that all before lsn was handed out or is gone, and so are the epochs before the one in use. moved says that
// more is confirmed by that.
func (o *out) restAt(lsn uint64) (missing uint64, moved bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.passed = max(o.passed, lsn-1)
	missing = o.enter(len(o.places) - 1)
	if o.taken.len() == 0 && o.passed > o.confirmed {
		o.confirmed, moved = o.passed, true
	}
	return missing, moved
}

// lose takes note of what a failed write has taken, up to the place end of the epoch in use, and returns where that begins:
// behind the newest record of the log, or where the queue was confirmed if that is empty.
func (o *out) lose(epoch, end uint64, newest []byte) (from uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := &o.places[len(o.places)-1]
	from = p.Cursor
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
	}
	return from
}

// confirm takes back what was handed out up to lsn. It returns the bytes, and up to where all is confirmed.
func (o *out) confirm(lsn uint64) (freed uint64, upto uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.taken.len() > 0 && o.taken.first().lsn <= lsn {
		h := o.taken.pop()
		freed += uint64(h.size)
		o.confirmed = h.lsn
		for len(o.places) > 1 && o.at > 0 && o.places[0].Epoch != h.epoch {
			o.forget()
		}
		o.places[0].Cursor = h.end
	}
	if o.taken.len() == 0 {
		o.confirmed = max(o.confirmed, o.passed)
	}
	o.settle()
	return freed, o.confirmed
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
	size            uint32
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
