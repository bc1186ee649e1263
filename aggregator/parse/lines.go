package parse

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"belfry/shared/event"
)

// Options say what plain lines do not tell.
type Options struct {
	Program  string    // of lines that name none
	Host     string    // likewise
	TZ       string    // IANA name of the time zone of stamps without one; default UTC
	Received time.Time // when the lines were read, which gives the year; default now
	Mask     Masker    // takes secrets out of the lines; default nobody does
	Custom   *Custom   // parsers of the operator's; default none
	Explain  bool      // write who took which part of each line, for people to read, instead of objects
}

// maxLine bounds one line of Lines, in bytes: that much is held in memory.
const maxLine = 1 << 20

// maxAhead is how many lines Lines reads before it understands the first of them, where there are as many at hand.
const maxAhead = 32

// Lines reads log lines from r and writes each, understood, as one ECS object a line to w, in their order, and behind
// them an event for each operation that has no end (Parser.Close), in the order of their first lines. What
// "journalctl -o export" and "-o json" write are lines too: an entry is one, and has the fields that an agent sends. One that
// is longer than 1 MiB is cut there, tagged truncated, and tells its length; bytes that are not UTF-8 are replaced, and
// kept in labels.raw_base64. What was read before an error is written.
func Lines(r io.Reader, w io.Writer, opts Options) error {
	zone := opts.TZ
	if zone == "" {
		zone = "UTC"
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("time zone: %q is no name as Europe/Prague", zone)
	}
	now := opts.Received
	if now.IsZero() {
		now = time.Now()
	}
	p := New(Config{Retention: 100 * 365 * 24 * time.Hour, Mask: opts.Mask, Custom: opts.Custom, Program: opts.Program}, nil)
	in := bufio.NewReaderSize(r, 64<<10)
	if begins(in, "\x1f\x8b") {
		return errors.New("read lines: they are compressed by gzip; take what zcat makes of them")
	}
	out := newWriter(w, p, opts)
	src := source{in: in}
	var ahead []*event.Event
	var failed error
	for n, read := 1, 0; ; n++ {
		for failed == nil && len(ahead) < maxAhead && (len(ahead) == 0 || hasLine(in)) {
			var e *event.Event
			if e, failed = src.next(); e == nil {
				continue
			}
			read++
			e.Append("event.created", now.UTC().Format(time.RFC3339Nano))
			e.Append("event.timezone", zone)
			e.Append("event.id", event.HashKey("line", strconv.Itoa(read)).String())
			p.Foresee(e, now)
			ahead = append(ahead, e)
		}
		if len(ahead) == 0 {
			return out.finish(failed)
		}
		p.Parse(ahead[0], now)
		if err := out.event(n, ahead[0]); err != nil {
			return err
		}
		ahead = slices.Delete(ahead, 0, 1)
		if len(ahead) == 0 && !hasLine(in) { // the next line may be long in coming
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
}

// hasLine reports whether a whole line was read ahead.
func hasLine(in *bufio.Reader) bool {
	ahead, _ := in.Peek(in.Buffered()) // it never fails
	return bytes.IndexByte(ahead, '\n') >= 0
}

// writer writes what became of the lines.
type writer struct {
	p    *Parser
	host string // of events that name none
	out  *bufio.Writer
	text []byte
}

func newWriter(w io.Writer, p *Parser, opts Options) *writer {
	if opts.Explain {
		p.tell = new(reading)
	}
	return &writer{p: p, host: opts.Host, out: bufio.NewWriter(w)}
}

// event writes the event of the nth line.
func (w *writer) event(n int, e *event.Event) error {
	e.Default("host.name", w.host)
	if w.p.tell != nil {
		return explain(w.out, n, *w.p.tell, e)
	}
	return w.object(e)
}

func (w *writer) object(e *event.Event) error {
	w.text = append(e.AppendJSON(w.text[:0]), '\n')
	if _, err := w.out.Write(w.text); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

func (w *writer) flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

// source reads what Lines is given: lines, or entries of systemd's journal. What it is, its first bytes say: among other
// lines anybody may write what looks like an entry.
type source struct {
	in     *bufio.Reader
	raw    []byte
	begun  bool
	export bool // it is of the export format
	object bool // its lines are entries in JSON
}

// next returns the next event, nil where there is none. The error is of what comes behind it.
func (s *source) next() (*event.Event, error) {
	first := !s.begun
	if first {
		s.begun, s.export = true, beginsExport(s.in)
	}
	if s.export {
		return nextExport(s.in)
	}
	var length int
	var err error
	s.raw, length, err = readLine(s.in, s.raw[:0])
	if length == 0 && err != nil {
		return nil, err
	}
	if s.object || first {
		if j := journalObject(s.raw); j != nil {
			s.object = true
			return j.event(), err
		}
	}
	return plain(s.raw, length), err
}

// finish ends Lines where reading did: what has no end is told behind the last line.
func (w *writer) finish(read error) error {
	for _, e := range w.p.Close() {
		e.Default("host.name", w.host)
		if err := w.object(e); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if !errors.Is(read, io.EOF) {
		return fmt.Errorf("read lines: %w", read)
	}
	return nil
}

// readLine appends the next line to dst, without its end and up to maxLine bytes, and returns how long it is.
func readLine(in *bufio.Reader, dst []byte) (raw []byte, length int, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if err == nil {
			part = bytes.TrimSuffix(part[:len(part)-1], []byte("\r"))
		}
		length += len(part)
		dst = append(dst, part[:min(len(part), maxLine-len(dst))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return dst, length, err
		}
	}
}

// plain returns the event of a line that is length bytes long.
func plain(raw []byte, length int) *event.Event {
	e := new(event.Event)
	e.Append("event.original", string(bytes.ToValidUTF8(raw, []byte("\uFFFD"))))
	if !utf8.Valid(raw) {
		e.Append("labels.raw_base64", base64.StdEncoding.EncodeToString(raw))
		e.Append("tags", "invalid_utf8")
	}
	if length > len(raw) {
		e.Append("log.original_length", strconv.Itoa(length))
		e.Append("tags", "truncated")
	}
	return e
}
