// Package lines turns the bytes of one content, as they come, into events: it finds the line ends, decodes, joins lines
// that are one event, bounds what is kept, and applies the operator's rules.
//
// Where an event begins and ends depends on the bytes of the content alone, and on the ends that time decided (see
// [Sink.Cut]): never on how the bytes were cut into pieces, and never on when the process was restarted. An event's id is
// made from its first offset, so this is what makes a line that is read twice one event. A Reader may begin wherever a
// range ended that it handed on, but for the inside of what [Sink.Joined] names.
//
// Every byte is handed on once: as an event's own range, as a range that an event covers, or as one that is skipped.
// A range is never larger than what the content holds of it, ranges never overlap, and all before [Reader.Begin] are out.
//
//	bytes ─▶ physical lines ─▶ decode ─▶ cri, docker-json ─▶ pieces to lines ─▶ multi-line ─▶ drop, mask, cut ─▶ Sink
//	         (NUL holes out)                                 (a stream each)    (a stream each)
//
// Memory is bounded by max_line, not by the length of a line; a Reader that holds no part of a line or event holds no
// buffer worth the name. A Reader belongs to one goroutine; a [Compiled] may be shared by all.
package lines

import "time"

// Event is one event. It and its bytes are valid until the Sink's method returns, and must not be written to.
type Event struct {
	First, End uint64 // its own bytes in the content: all of it, or of a joined one what lies before the first gap
	Text       []byte // without its line end; UTF-8 unless Invalid
	Length     int    // bytes of the whole text, before anything was cut off or masked
	Raw        []byte // of an Invalid one that is not Masked: its bytes as they lay in the file, at most max_line; else nil

	Time   time.Time // of cri and docker-json, in UTC; zero if there is none
	Stream string    // of cri and docker-json: stdout or stderr
	Lines  int       // physical lines that it is made of

	Partial   bool // its line had no end when the content ended, or the pieces of its line were given up
	Truncated bool // Text is not the whole of it
	Invalid   bool // its bytes are no text of the encoding; in UTF-8 Text is as they are, else U+FFFD stands for them
	Masked    bool // a rule masked a span of it
	Malformed bool // its line is not of the format, and Text is the line
	Split     bool // multi-line: max_lines or max_bytes ended it, or its first line is one that continues another
}

// SkipReason says why no event is sent of a range.
type SkipReason string

// Why a range is skipped.
const (
	SkipHole   SkipReason = "hole"   // NULs that a truncation left
	SkipRule   SkipReason = "rule"   // a drop rule named the event
	SkipHeader SkipReason = "header" // a byte order mark and nothing else
)

// Sink takes what a Reader finds. An error from it ends the Reader; see [Reader.Feed].
type Sink interface {
	// Event takes an event with its own range. Where nothing is joined, events come in order of First.
	Event(e *Event) error
	// Covered takes a range of an event that is handed on, or skipped, right after: its later pieces.
	Covered(first, end uint64) error
	// Skip takes a range of which no event is sent.
	Skip(first, end uint64, why SkipReason) error
	// Cut says that time ended what was held at offset. It must be on the disk before Cut returns: the events that end
	// there follow. It is to be given to New when bytes before it may be read again.
	Cut(offset uint64) error
	// Joined says that the ranges inside [first, end) hang together: a Reader that is to go on strictly between them must
	// begin at first, and hands on again, with the same ids, what it did before. It comes before the ranges that it is
	// about; a later call with the same first lengthens it. Only cri and docker-json need it, where the pieces of two
	// streams lie among each other.
	Joined(first, end uint64) error
}

// span is a range of bytes of the content.
type span struct{ first, end uint64 }

// entry is an event, or a part of one, before the rules see it.
type entry struct {
	Event
	buf  []byte // what Text is made of, where it has to be gathered
	raw  []byte // UTF-16 only
	more []span // its ranges after its own
	rows int    // logical lines: what multi-line rules join
	open bool   // the piece of a line that another piece continues
}

// reset makes the entry empty. Its buffers stay.
func (e *entry) reset() {
	e.Event = Event{}
	e.buf, e.raw, e.more, e.rows, e.open = e.buf[:0], e.raw[:0], e.more[:0], 0, false
}

// add appends a part that lies behind all that the entry holds, up to keep bytes of text. rawSep is sep as it lies in
// the file.
func (e *entry) add(o *entry, sep, rawSep string, keep int) {
	if e.Lines == 0 {
		e.First, e.End, e.Time, e.Stream = o.First, o.End, o.Time, o.Stream
		sep, rawSep = "", ""
	} else {
		e.span(span{o.First, o.End})
	}
	for _, s := range o.more {
		e.span(s)
	}
	e.buf = append(e.buf, sep...)
	e.buf = append(e.buf, o.Text[:min(len(o.Text), max(0, keep-len(e.buf)))]...)
	e.Text = e.buf
	if len(o.raw) > 0 || len(e.raw) > 0 {
		e.raw = append(append(e.raw, rawSep...), o.raw...)
	}
	e.Length += len(sep) + o.Length
	e.Lines += o.Lines
	e.Partial, e.Invalid = e.Partial || o.Partial, e.Invalid || o.Invalid
}

// span adds a range behind the others.
func (e *entry) span(s span) {
	switch n := len(e.more); {
	case n == 0 && e.End == s.first:
		e.End = s.end
	case n > 0 && e.more[n-1].end == s.first:
		e.more[n-1].end = s.end
	default:
		e.more = append(e.more, s)
	}
}
