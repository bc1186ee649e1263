package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"belfry/shared/event"
)

// A snapshot is
//
//	8 bytes   "belfldg\x01", the format's version last
//	uvarint   number of agents; for each, in order:
//	  16 bytes  agent id
//	  uvarint   number of positions; for each, in order:
//	    16 bytes  stream id
//	    uvarint   epoch
//	    uvarint   mark
//	    uvarint   number of spans; for each, in order:
//	      1 byte    kind: 1 skipped, 2 dropped, 3 dead, 4 data
//	      uvarint   distance from the end of the span before (from 0 for the first)
//	      uvarint   length
//	4 bytes   CRC-32C of all before, little-endian
const magic = "belfldg\x01"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Marshal returns a snapshot. Equal ledgers give equal bytes.
func (l *Ledger) Marshal() []byte {
	agents := make(map[event.Key][]entry)
	for _, e := range l.entries() {
		agents[e.Agent] = append(agents[e.Agent], e)
	}
	dst := binary.AppendUvarint([]byte(magic), uint64(len(agents)))
	for _, id := range slices.SortedFunc(maps.Keys(agents), compareKeys) {
		all := agents[id]
		slices.SortFunc(all, func(a, b entry) int {
			if c := compareKeys(a.Stream, b.Stream); c != 0 {
				return c
			}
			return cmp.Compare(a.Epoch, b.Epoch)
		})
		dst = binary.AppendUvarint(append(dst, id[:]...), uint64(len(all)))
		for _, e := range all {
			dst = e.appendTo(dst)
		}
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

func compareKeys(a, b event.Key) int { return bytes.Compare(a[:], b[:]) }

func (e entry) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, e.Stream[:]...), e.Epoch)
	dst = binary.AppendUvarint(dst, e.mark)
	dst = binary.AppendUvarint(dst, uint64(len(e.spans)))
	at := uint64(0)
	for _, sp := range e.spans {
		dst = binary.AppendUvarint(append(dst, byte(sp.rank)), sp.first-at)
		dst = binary.AppendUvarint(dst, sp.end-sp.first)
		at = sp.end
	}
	return dst
}

// Unmarshal makes the ledger what it was when the snapshot was taken. After an error it is as it was before.
func (l *Ledger) Unmarshal(snapshot []byte) error {
	n := len(snapshot) - 4
	if n < len(magic) || string(snapshot[:len(magic)-1]) != magic[:len(magic)-1] {
		return errors.New("ledger snapshot: not one")
	}
	if v := snapshot[len(magic)-1]; v != magic[len(magic)-1] {
		return fmt.Errorf("ledger snapshot: version %d, this program reads %d", v, magic[len(magic)-1])
	}
	if crc32.Checksum(snapshot[:n], castagnoli) != binary.LittleEndian.Uint32(snapshot[n:]) {
		return errors.New("ledger snapshot: damaged: wrong checksum")
	}
	d := decoder{rest: snapshot[len(magic):n]}
	states := make(map[Position]state)
	for range d.count() {
		agent := d.key()
		for range d.count() {
			p := Position{Agent: agent, Stream: d.key(), Epoch: d.uvarint()}
			states[p] = d.state()
		}
	}
	if d.bad || len(d.rest) > 0 {
		return errors.New("ledger snapshot: damaged")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.states = states
	return nil
}

// decoder reads a snapshot. After bad it gives zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.rest, d.bad = nil, true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads a number of things, each of which takes a byte or more.
func (d *decoder) count() uint64 {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.rest, d.bad = nil, true
		return 0
	}
	return n
}

func (d *decoder) key() (k event.Key) {
	if len(d.rest) < len(k) {
		d.rest, d.bad = nil, true
		return k
	}
	copy(k[:], d.rest)
	d.rest = d.rest[len(k):]
	return k
}

func (d *decoder) state() state {
	s := state{mark: d.uvarint()}
	n := d.count()
	if n > 0 {
		s.spans = make([]span, 0, n)
	}
	at := uint64(0)
	for range n {
		if len(d.rest) == 0 {
			d.bad = true
			return s
		}
		r := rank(d.rest[0])
		d.rest = d.rest[1:]
		first := at + d.uvarint()
		end := first + d.uvarint()
		if r < skipped || r > data || first < at || end <= first {
			d.rest, d.bad = nil, true
			return s
		}
		s.spans = append(s.spans, span{first, end, r})
		at = end
	}
	return s
}
