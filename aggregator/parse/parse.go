// Package parse turns log lines into events with the fields of ECS: first the syslog header (RFC 3164, RFC 5424 and
// their ISO 8601 variants), then what the program said, by a scanner of its own for each program that is known.
//
// It guarantees that every line stays an event: the raw line stays in event.original, and a line that no scanner
// knows has at least its message and its time. It never fails, and reads no file but the zone tables. Regular
// expressions are the operator's alone (Custom), and it waits for nothing but a look-up of what was read before (Past).
// What an attacker can write into a line is read from the side that is not theirs, and tagged ambiguous where two
// readings remain.
//
// An attempt to get in is one event with an event.outcome: ssh-login-attempt, ldap-bind, su-attempt,
// sudo-auth-failed. The other lines of the same attempt have none, so that counting outcomes counts attempts. A bind
// that is none, because nobody said who he was, carries ldap.anonymous.
//
// What spans lines is joined onto the line that ends it, by tables that are bounded and keyed by the host. A line that
// comes a second time, with the same event.id, yields the same event again. A Parser is safe for concurrent use; the
// lines of one host should come in their order.
package parse

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/event"
)

// defaultRetention is for a Config that names none.
const defaultRetention = 90 * 24 * time.Hour

// Config is what a Parser needs to know.
type Config struct {
	// Retention is how old a line's own time may be to be believed; default 90 days. It is the index's retention.
	Retention time.Duration

	// Program is of lines that name none; default it is not known.
	Program string

	// Mask takes secrets out of lines; default nobody does.
	Mask Masker

	// Custom are the operator's parsers; nil for none.
	Custom *Custom

	// Past finds the lines that joins miss; nil for none.
	Past Past
}

// Validate reports a fault with its full key.
func (c Config) Validate() error {
	if c.Retention < 0 {
		return fmt.Errorf("parse.retention: %v is negative", c.Retention)
	}
	return nil
}

// Parser reads lines. It is safe for concurrent use.
type Parser struct {
	retention time.Duration
	program   string // of lines that name none
	mask      Masker
	zones     zones
	programs  table
	free      sync.Pool // of lines
	decoders  sync.Pool // of events that are lines of JSON

	commands *commands
	wraps    *wraps
	logins   *logins
	ldap     *directory // of slapd
	ds389    *directory // of 389-ds
	mails    *mails
	sessions *sessions
	audits   *audits
	asa      *firewalls
	modules  *modules
	logind   *logind

	custom  *Custom // never nil
	past    Past
	lookups bucket

	tell *reading // where to write of each line who read it; nil for nowhere

	lines, faults                             *metrics.Counter
	lookupsFound, lookupsNone, lookupsRefused *metrics.Counter
}

// New returns a Parser that counts into set, or into a set of its own if that is nil.
func New(cfg Config, set *metrics.Set) *Parser {
	if set == nil {
		set = metrics.NewSet()
	}
	if cfg.Retention <= 0 {
		cfg.Retention = defaultRetention
	}
	p := &Parser{
		retention: cfg.Retention,
		program:   cfg.Program,
		mask:      cfg.Mask,
		free:      sync.Pool{New: func() any { return new(line) }},
		decoders:  sync.Pool{New: func() any { return new(event.Decoder) }},
		commands:  newCommands(),
		wraps:     newWraps(),
		logins:    newLogins(),
		modules:   newModules(),
		logind:    newLogind(),
		ldap:      newDirectory(),
		ds389:     newDirectory(),
		mails:     newMails(),
		sessions:  newSessions(),
		audits:    newAudits(),
		asa:       newFirewalls(),
		programs:  newTable(set),
		lines:     set.NewCounter("belfry_parse_lines_total"),
		faults:    set.NewCounter("belfry_parse_errors_total"),
		custom:    cmp.Or(cfg.Custom, new(Custom)),
		past:      cfg.Past,

		lookupsFound:   set.NewCounter(`belfry_parse_lookups_total{result="found"}`),
		lookupsNone:    set.NewCounter(`belfry_parse_lookups_total{result="none"}`),
		lookupsRefused: set.NewCounter(`belfry_parse_lookups_total{result="refused"}`),
	}
	if cfg.Past != nil {
		for _, d := range p.directories() {
			d.past = p.lookUp
		}
	}
	return p
}

// directories are the tables of all kinds of directory servers.
func (p *Parser) directories() [2]*directory { return [...]*directory{p.ldap, p.ds389} }

// Parse fills in e from its event.original: @timestamp, message, and the fields of ECS that the line tells. now is the
// time against which the line's own is judged. An event that has no event.original, or has a message already, was
// understood by its sender: of that, only the time is looked at.
func (p *Parser) Parse(e *event.Event, now time.Time) {
	l := p.free.Get().(*line)
	l.begin(e, now)
	kept := len(e.Fields)
	defer func() {
		if fault := recover(); fault != nil {
			p.fail(l, kept, fault)
		}
		*l = line{lately: l.lately}
		p.free.Put(l)
	}()
	if p.tell != nil {
		*p.tell = reading{l.raw, "", byNobody}
	}
	foreign := l.raw == "" || l.message != ""
	if p.mask != nil && (foreign || l.merge || l.more) {
		p.maskFields(l)
	}
	if foreign {
		p.foreign(l)
		return
	}
	p.lines.Inc()
	p.line(l)
}

func (p *Parser) line(l *line) {
	h := scanHeader(strings.TrimSuffix(l.raw, "\r")) // of a line that ended with CR LF
	if p.mask != nil {
		h = p.maskLine(l, h)
	}
	if h.program == "" && h.format == "" {
		p.bareTag(&h)
	}
	repeated := h.cutRepeated()
	l.program, l.pid, l.text = h.program, h.pid, h.text
	p.setTime(l, &h)
	l.setHeader(&h)
	l.put("log.repeated", repeated)
	by := p.read(l, p.programs.of(&h))
	if p.tell != nil {
		*p.tell = reading{l.raw, l.text, by}
	}
}

// Names of those who read a text and are no program's scanner.
const (
	byPAM    = "pam"
	byBody   = "body"   // JSON, pairs, CEF, LEEF
	byNobody = "nobody" // the text stays the message
)

// read hands the text to those who may know it, and returns the label of who did.
func (p *Parser) read(l *line, prog *program) string {
	known := prog.scan != nil
	if p.wrapped(l) {
		return "sudo-log"
	}
	l.text = strings.TrimPrefix(trimBlanks(l.text), "\uFEFF") // sudo pads names, which a journal keeps; templates of rsyslog begin with a blank
	switch {
	case p.custom.first.scan(p, l):
		return l.by.name
	case scanPAM(p, l):
		return byPAM
	case known && prog.scan(p, l):
		return prog.label
	case p.custom.last.scan(p, l):
		return l.by.name
	case p.scanBody(l, known):
		return byBody
	}
	prog.unparsed.Inc()
	return byNobody
}

// bareTag looks for a tag where a line has no header: it is one if that program is known, for any text may begin with a word
// and a colon.
func (p *Parser) bareTag(h *header) {
	bare := header{}
	if h.priority == "" && h.stamp.isZero() && h.host == "" && bare.scanTag(h.text) && p.programs.byName[bare.program] != nil {
		h.program, h.pid, h.text = bare.program, bare.pid, bare.text
		return
	}
	h.program = p.program
}

// fail keeps the raw line where a scanner has a bug. The fields before kept are the sender's.
func (p *Parser) fail(l *line, kept int, fault any) {
	p.faults.Inc()
	e := l.event
	if kept < len(e.Fields) {
		clear(e.Fields[kept:])
		e.Fields = e.Fields[:kept]
	}
	e.Set("event.kind", "pipeline_error")
	e.Set("error.message", fmt.Sprint("parse: ", fault))
	e.Set("message", l.raw)
	e.Default("host.name", cmp.Or(l.origin.host, l.origin.peer))
	if l.at.IsZero() {
		l.at = p.readAt(l)
	}
	e.Set("@timestamp", formatTime(l.at))
}
