package journal

import (
	"encoding/base64"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"belfry/shared/event"
)

// Source says who reads: it stands in each event.
type Source struct {
	Agent   event.Key
	Version string
	Host    string
	Zone    string // IANA name of the host's time zone
}

// Bounds of the header's fields: RFC 5424, section 6. A program's name may be longer than there, for nobody minds.
const (
	maxHost  = 255
	maxIdent = 128
	maxPID   = 128
)

// Defaults of what an entry does not say: as journald forwards it to syslog.
const (
	kern       = 0
	daemon     = 3
	mostFac    = 23
	info       = 6
	leastSever = 7
)

// encoder writes events. What does not change from one to the next is written once.
type encoder struct {
	src     Source
	machine string // id of this machine, "" if it has none
	foreign bool   // no entry is proven to be of this machine
	stream  event.Key

	head   []byte // from the agent to the time of reading
	middle []byte // from the original to the host
	host   []byte // of an entry of this machine
	other  []byte // of another one
	buf    []byte
	line   []byte // the entry as a line of syslog
	stamp  []byte // of its time
	at     time.Time
	read   []byte // of the time of reading
}

func newEncoder(src Source, stream event.Key, foreign bool) *encoder {
	e := &encoder{src: src, stream: stream, foreign: foreign}
	if id, err := os.ReadFile("/etc/machine-id"); err == nil {
		e.machine = strings.TrimSpace(string(id))
	}
	e.head = append(src.Agent.AppendHex(append(e.head, `","agent":{"id":"`...)), `","version":`...)
	e.head = append(event.AppendString(e.head, src.Version), `},"event":{"created":"`...)
	e.middle = append(event.AppendString(append(e.middle, `,"timezone":`...), src.Zone), `},`...)
	e.host = append(event.AppendString(append(e.host, `"host":{"name":`...), src.Host), '}')
	e.other = append(event.AppendString(append(e.other, `"observer":{"name":`...), src.Host), '}')
	return e
}

// encode returns an entry as one JSON object. The result is valid until the next call.
func (c *encoder) encode(e *entry, epoch uint64, now time.Time, doubt bool) []byte {
	if !now.Equal(c.at) || len(c.read) == 0 {
		c.at, c.read = now, now.UTC().AppendFormat(c.read[:0], event.Stamp)
	}
	c.stamp = e.time().AppendFormat(c.stamp[:0], event.Stamp)
	renamed := c.appendLine(e)
	valid := utf8.Valid(c.line)

	b := append(append(c.buf[:0], `{"@timestamp":"`...), c.stamp...)
	b = append(append(append(b, c.head...), c.read...), `","id":"`...)
	b = event.ID(c.src.Agent, c.stream, epoch, e.at.number).AppendHex(b)
	b = append(event.AppendString(append(b, `","original":`...), c.line), c.middle...)
	if c.own(e) {
		b = append(b, c.host...)
	} else {
		b = append(b, c.other...)
	}
	b = c.appendJournald(b, e, renamed)
	if !valid {
		b = append(b, `,"labels":{"raw_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, c.line), `"}`...)
	}
	b = strconv.AppendUint(append(b, `,"log":{"offset":`...), e.at.number, 10)
	truncated := e.length > e.known[message].end-e.known[message].first
	if truncated {
		whole := len(c.line) - len(e.text()) + e.length
		b = strconv.AppendInt(append(b, `,"original_length":`...), int64(whole), 10)
	}
	b = append(b, '}')
	b = appendObject(b, e, "systemd", systemdMembers)
	b = appendTags(b, tag{"truncated", truncated}, tag{"invalid_utf8", !valid}, tag{"journal_fields_cut", e.cut},
		tag{"journal_entry_damaged", e.damaged}, tag{"doubt", doubt})
	b = append(b, '}')
	c.buf = b
	return b
}

// own reports whether an entry is of this machine. In a folder that was named, anybody's may be, and any name claimed: there
// none is.
func (c *encoder) own(e *entry) bool {
	if c.foreign {
		return false
	}
	if m := e.get(machineID); c.machine != "" && string(m) == c.machine {
		return true
	}
	h := e.get(hostname)
	return len(h) == 0 || string(h) == c.src.Host
}

// mostTime is the last microsecond of the year 9999.
const mostTime = 253402300800e6 - 1

// time is when the entry was written, or else when journald got it.
func (e *entry) time() time.Time {
	us, ok := e.number(sourceTime)
	if !ok || us > mostTime {
		us = e.at.realtime
	}
	return time.UnixMicro(int64(min(us, mostTime))).UTC()
}

// text is the message, without what is left of a character that was cut.
func (e *entry) text() []byte {
	m := e.get(message)
	if len(m) == e.length {
		return m
	}
	for i := 1; i <= utf8.UTFMax-1 && i <= len(m); i++ {
		if c := m[len(m)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(m[len(m)-i:]) {
				m = m[:len(m)-i]
			}
			break
		}
	}
	return m
}

// appendLine makes c.line the entry as a line of syslog (RFC 5424), and reports whether its program is not named as it was.
func (c *encoder) appendLine(e *entry) (renamed bool) {
	kernel := string(e.get(transport)) == "kernel"
	fac, sev := uint64(daemon), uint64(info)
	if kernel {
		fac = kern
	}
	fac = e.choose(facility, fac, mostFac)
	sev = e.choose(priority, sev, leastSever)
	b := strconv.AppendUint(append(c.line[:0], '<'), fac<<3|sev, 10)
	b = append(append(append(b, `>1 `...), c.stamp...), ' ')
	if h := e.get(hostname); len(h) > 0 {
		b, _ = appendWord(b, h, maxHost)
	} else {
		b, _ = appendWord(b, []byte(c.src.Host), maxHost)
	}
	ident := e.get(identifier)
	if len(ident) == 0 && kernel {
		ident = []byte("kernel")
	} else if len(ident) == 0 {
		ident = e.get(comm)
	}
	b, renamed = appendWord(append(b, ' '), ident, maxIdent)
	id := e.get(syslogPID)
	if len(id) == 0 {
		id = e.get(pid)
	}
	b, _ = appendWord(append(b, ' '), id, maxPID)
	c.line = append(append(b, ` - - `...), e.text()...)
	return renamed
}

// choose reads a number up to most; what is none is marked as left out.
func (e *entry) choose(f field, otherwise, most uint64) uint64 {
	v := e.get(f)
	if len(v) == 0 {
		return otherwise
	}
	if n, ok := decimal(v); ok && n <= most {
		return n
	}
	e.cut = true
	return otherwise
}

// appendWord writes a field of the header: printable ASCII without blanks, "-" for nothing. It reports whether something is not
// as it was.
func appendWord(b, word []byte, most int) (_ []byte, altered bool) {
	if len(word) == 0 {
		return append(b, '-'), false
	}
	for _, c := range word[:min(len(word), most)] {
		if c <= ' ' || c >= 0x7f {
			c, altered = '_', true
		}
		b = append(b, c)
	}
	return b, altered || len(word) > most
}

// appendJournald writes what journald says of the entry besides the line.
func (c *encoder) appendJournald(b []byte, e *entry, renamed bool) []byte {
	b = append(b, `,"journald":{`...)
	empty := len(b)
	b = appendMembers(b, e, journaldMembers)
	b = appendObject(b, e, "audit", auditMembers)
	b = appendObject(b, e, "process", processMembers)
	if renamed {
		b = appendMembers(b, e, identMembers)
	}
	b = appendMore(b, e, "custom", false)
	b = appendMore(b, e, "trusted", true)
	if len(b) == empty {
		return b[:empty-len(`,"journald":{`)]
	}
	return append(dropComma(b, empty), '}')
}

var identMembers = []member{{identifier, "identifier"}}

// appendObject writes an object of those fields that are there, with a comma before it.
func appendObject(b []byte, e *entry, name string, members []member) []byte {
	begin := len(b)
	b = append(append(append(b, `,"`...), name...), `":{`...)
	empty := len(b)
	b = appendMembers(b, e, members)
	if len(b) == empty {
		return b[:begin]
	}
	return append(dropComma(b, empty), '}')
}

// appendMembers writes those fields that are there, each with a comma before it.
func appendMembers(b []byte, e *entry, members []member) []byte {
	for _, m := range members {
		if v := e.get(m.field); len(v) > 0 {
			b = append(append(append(b, `,"`...), m.name...), `":`...)
			b = e.appendValue(b, v)
		}
	}
	return b
}

// dropComma removes the comma before the first member.
func dropComma(b []byte, first int) []byte { return append(b[:first], b[first+1:]...) }

// appendValue writes a value; one that is no text is marked as altered.
func (e *entry) appendValue(b, v []byte) []byte {
	if !utf8.Valid(v) {
		e.cut = true
	}
	return event.AppendString(b, v)
}

// appendMore writes the fields that are not known. Those of one name become a list.
func appendMore(b []byte, e *entry, name string, trusted bool) []byte {
	begin := len(b)
	b = append(append(append(b, `,"`...), name...), `":{`...)
	empty := len(b)
	for i, m := range e.more {
		if m.trusted != trusted || e.before(i) {
			continue
		}
		b = appendLower(append(b, `,"`...), e.bytes(m.name))
		b = append(b, `":`...)
		if !e.after(i) {
			b = e.appendValue(b, e.bytes(m.value))
			continue
		}
		b = append(b, '[')
		for j := i; j < len(e.more); j++ {
			if e.same(i, j) {
				b = append(e.appendValue(b, e.bytes(e.more[j].value)), ',')
			}
		}
		b[len(b)-1] = ']'
	}
	if len(b) == empty {
		return b[:begin]
	}
	return append(dropComma(b, empty), '}')
}

func (e *entry) same(i, j int) bool {
	return string(e.bytes(e.more[i].name)) == string(e.bytes(e.more[j].name))
}

// before and after report whether there are others of the same name.
func (e *entry) before(i int) bool {
	for j := range i {
		if e.same(i, j) {
			return true
		}
	}
	return false
}

func (e *entry) after(i int) bool {
	for j := i + 1; j < len(e.more); j++ {
		if e.same(i, j) {
			return true
		}
	}
	return false
}

// appendLower writes a field's name in lower case, without the _ of those that journald set.
func appendLower(b, name []byte) []byte {
	for len(name) > 1 && name[0] == '_' {
		name = name[1:]
	}
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// tag is what is to be known of an event, if it is so.
type tag struct {
	name string
	on   bool
}

func appendTags(b []byte, tags ...tag) []byte {
	begin := len(b)
	b = append(b, `,"tags":[`...)
	empty := len(b)
	for _, t := range tags {
		if !t.on {
			continue
		}
		if len(b) > empty {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), t.name...), '"')
	}
	if len(b) == empty {
		return b[:begin]
	}
	return append(b, ']')
}
