package parse

import (
	"strings"

	"belfry/shared/event"
)

// Masker takes secrets out of what is to be stored. It returns its argument and false where there are none, and changes
// nothing in what it has masked before. It is called by several goroutines at once.
type Masker interface {
	// Text masks a line, of a program if that is known.
	Text(program, text string) (masked string, found bool)
	// Rest masks what goes on where another text ends, which was masked before.
	Rest(program, before, rest string) (masked string, found bool)
	// Value masks the value of a field that a sender made.
	Value(name, value string) (masked string, found bool)
}

// maskLine masks a line before any part of it is read, and returns its header.
func (p *Parser) maskLine(l *line, h header) header {
	_, l.part = sudoPart(&h)
	if masked, found := p.mask.Text(h.program, l.raw); found {
		h = l.masked(masked)
	}
	before, part := p.commands.before(l, &h)
	if before == "" {
		before, part = p.wraps.before(l, &h)
	}
	head, ok := strings.CutSuffix(strings.TrimSuffix(l.raw, "\r"), part)
	if before == "" || !ok {
		return h
	}
	if masked, found := p.mask.Rest(h.program, before, part); found {
		h = l.masked(head + masked)
	}
	return h
}

// masked puts a line in the place of the one that was read, and returns its header.
func (l *line) masked(raw string) header {
	l.raw = raw
	l.event.Set("event.original", raw)
	wasMasked(l.event)
	return scanHeader(strings.TrimSuffix(raw, "\r"))
}

// Mask takes the secrets out of all that an event says, and reports whether there were any. Parse does so by itself.
func (p *Parser) Mask(e *event.Event) bool {
	if p.mask == nil {
		return false
	}
	any := false
	for i := range e.Fields {
		f := &e.Fields[i]
		var masked string
		var found bool
		if f.Name == "event.original" {
			masked, found = p.mask.Text(scanHeader(f.Value).program, f.Value)
		} else {
			masked, found = p.mask.Value(f.Name, f.Value)
		}
		if found {
			f.Value, any = masked, true
		}
	}
	if any {
		wasMasked(e)
	}
	return any
}

// maskFields masks what a sender says in fields of its own making.
func (p *Parser) maskFields(l *line) {
	if p.Mask(l.event) {
		l.raw, l.message = l.event.Get("event.original"), l.event.Get("message")
	}
}

// wasMasked says so. The bytes as they were would tell the secret.
func wasMasked(e *event.Event) {
	e.Delete("labels.raw_base64")
	e.Add("tags", "masked")
}
