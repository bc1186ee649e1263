package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/klauspost/compress/s2"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// A record of the log holds what one Write changes: the ledger's ranges and the finished events that are new.
//
//	1 byte   version: 1, 2 if events are named, or 3 if events are of a class that is not the default one
//	the rest, compressed as one S2 block:
//	  uvarint  number of ranges; for each: 16 bytes agent, 16 bytes stream, uvarint epoch,
//	           1 byte kind ('d' data, 'x' dead, 'o' dropped, 's' skipped), uvarint first, uvarint length
//	  uvarint  number of events; for each: uvarint number of fields; for each field:
//	           uvarint name: 0 and a text if the name is new, else 1 + its index among the names so far;
//	           a text, the value
//	  of versions 2 and 3: uvarint day, since 1970; uvarint number of named events; for each: uvarint index among the events
//	  of version 3: classes until there are as many events as above; for each: a text, and uvarint number of events, in order
//	  a text is a uvarint length and the bytes
const (
	recordPlain   = 1
	recordNamed   = 2
	recordClassed = 3
)

var kindBytes = map[batch.Kind]byte{batch.Data: 'd', batch.Dead: 'x', batch.Dropped: 'o', batch.Skipped: 's'}

// recordWriter encodes records. It keeps its memory between them.
type recordWriter struct {
	raw    []byte
	packed []byte
	names  map[string]uint64
	day    int64    // of the names of events, if there are any: set it before
	named  []uint64 // indexes of events
	runs   []run
}

// run is how many events in a row have a class.
type run struct {
	class string
	n     uint64
}

// encode appends a record with those of the items that are picked.
func (w *recordWriter) encode(dst []byte, ranges []index.Range, items []index.Item, picked func(i int) bool, n int) []byte {
	clear(w.names)
	if w.names == nil {
		w.names = make(map[string]uint64)
	}
	w.raw = binary.AppendUvarint(w.raw[:0], uint64(len(ranges)))
	for i := range ranges {
		w.raw = appendRange(w.raw, &ranges[i])
	}
	w.raw = binary.AppendUvarint(w.raw, uint64(n))
	w.named, w.runs = w.named[:0], w.runs[:0]
	for i, at := 0, uint64(0); i < len(items); i++ {
		if !picked(i) {
			continue
		}
		w.event(items[i].Event)
		if items[i].Named {
			w.named = append(w.named, at)
		}
		w.class(items[i].Class)
		at++
	}
	version := byte(recordPlain)
	switch {
	case len(w.runs) > 1 || len(w.runs) == 1 && w.runs[0].class != index.DefaultClass:
		version = recordClassed
		w.nameEvents()
		w.classEvents()
	case len(w.named) > 0:
		version = recordNamed
		w.nameEvents()
	}
	w.packed = s2.Encode(w.packed[:cap(w.packed)], w.raw)
	return append(append(dst, version), w.packed...)
}

// nameEvents appends which events are named.
func (w *recordWriter) nameEvents() {
	w.raw = binary.AppendUvarint(w.raw, uint64(w.day))
	w.raw = binary.AppendUvarint(w.raw, uint64(len(w.named)))
	for _, at := range w.named {
		w.raw = binary.AppendUvarint(w.raw, at)
	}
}

// class notes that of the next event.
func (w *recordWriter) class(class string) {
	if class == "" {
		class = index.DefaultClass
	}
	if n := len(w.runs); n > 0 && w.runs[n-1].class == class {
		w.runs[n-1].n++
		return
	}
	w.runs = append(w.runs, run{class, 1})
}

// classEvents appends which events have which class.
func (w *recordWriter) classEvents() {
	for _, r := range w.runs {
		w.text(w.raw, r.class)
		w.raw = binary.AppendUvarint(w.raw, r.n)
	}
}

func (w *recordWriter) event(e *event.Event) {
	w.raw = binary.AppendUvarint(w.raw, uint64(len(e.Fields)))
	for i := range e.Fields {
		f := &e.Fields[i]
		if k, ok := w.names[f.Name]; ok {
			w.raw = binary.AppendUvarint(w.raw, k)
		} else {
			w.names[f.Name] = uint64(len(w.names) + 1)
			w.text(append(w.raw, 0), f.Name)
		}
		w.text(w.raw, f.Value)
	}
}

func (w *recordWriter) text(dst []byte, s string) {
	w.raw = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendRange(dst []byte, r *index.Range) []byte {
	dst = append(append(dst, r.Pos.Agent[:]...), r.Pos.Stream[:]...)
	dst = binary.AppendUvarint(dst, r.Pos.Epoch)
	dst = binary.AppendUvarint(append(dst, kindBytes[r.Kind]), r.First)
	return binary.AppendUvarint(dst, r.End-r.First)
}

// record is a decoded record.
type record struct {
	ranges []index.Range
	events []*event.Event
	named  []int // indexes of events
	day    int64 // of the names
	runs   []run // of the events; none: all are of the default class
}

// class returns that of an event.
func (r *record) class(i int) string {
	for _, s := range r.runs {
		if uint64(i) < s.n {
			return s.class
		}
		i -= int(s.n)
	}
	return index.DefaultClass
}

// maxRaw bounds a record before compression.
const maxRaw = 512 << 20

var errRecord = errors.New("record is not readable")

// decodeRecord reads a record. What it returns shares no memory with rec.
func decodeRecord(rec []byte) (record, error) {
	if len(rec) == 0 || rec[0] < recordPlain || rec[0] > recordClassed {
		return record{}, fmt.Errorf("%w: of another version", errRecord)
	}
	if n, err := s2.DecodedLen(rec[1:]); err != nil || n > maxRaw {
		return record{}, fmt.Errorf("%w: length %d, %w", errRecord, n, err)
	}
	raw, err := s2.Decode(nil, rec[1:])
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", errRecord, err)
	}
	d := recordReader{rest: string(raw)}
	var r record
	for n := d.count(); len(r.ranges) < n && !d.bad; {
		r.ranges = append(r.ranges, d.rangeOf())
	}
	for n := d.count(); len(r.events) < n && !d.bad; {
		r.events = append(r.events, d.event())
	}
	if rec[0] >= recordNamed {
		d.namesOf(&r)
	}
	if rec[0] == recordClassed {
		d.classesOf(&r)
	}
	if d.bad || d.rest != "" {
		return record{}, errRecord
	}
	return r, nil
}

// recordReader reads a record. After bad it gives zeros.
type recordReader struct {
	rest  string // the values are parts of it
	names []string
	bad   bool
}

func (d *recordReader) fail() { d.rest, d.bad = "", true }

func (d *recordReader) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

// count reads a number of things or bytes, each of which takes a byte or more.
func (d *recordReader) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *recordReader) text() string { return d.take(d.count()) }

func (d *recordReader) take(n int) string {
	if n > len(d.rest) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// namesOf reads which events of a record are named.
func (d *recordReader) namesOf(r *record) {
	r.day = int64(d.uvarint())
	for n := d.count(); len(r.named) < n && !d.bad; {
		at := d.uvarint()
		if at >= uint64(len(r.events)) {
			d.fail()
			return
		}
		r.named = append(r.named, int(at))
	}
}

// classesOf reads which events of a record have which class.
func (d *recordReader) classesOf(r *record) {
	for left := uint64(len(r.events)); left > 0 && !d.bad; {
		s := run{strings.Clone(d.text()), d.uvarint()}
		if s.n == 0 || s.n > left || !batch.ValidClass(s.class) {
			d.fail()
			return
		}
		left -= s.n
		r.runs = append(r.runs, s)
	}
}

func (d *recordReader) key() (k event.Key) {
	copy(k[:], d.take(len(k)))
	return k
}

func (d *recordReader) rangeOf() index.Range {
	r := index.Range{Pos: ledger.Position{Agent: d.key(), Stream: d.key(), Epoch: d.uvarint()}}
	kind := d.take(1)
	for k, b := range kindBytes {
		if kind == string(b) {
			r.Kind = k
		}
	}
	r.First = d.uvarint()
	r.End = r.First + d.uvarint()
	if r.Kind == "" {
		d.fail()
	}
	return r
}

func (d *recordReader) event() *event.Event {
	n := d.count()
	e := &event.Event{Fields: make([]event.Field, 0, n)}
	for range n {
		var name string
		switch k := d.uvarint(); {
		case k == 0:
			name = d.text()
			d.names = append(d.names, name)
		case k <= uint64(len(d.names)):
			name = d.names[k-1]
		default:
			d.fail()
			return e
		}
		e.Fields = append(e.Fields, event.Field{Name: name, Value: d.text()})
	}
	return e
}
