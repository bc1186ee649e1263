package parse

import (
	"strings"
	"testing"

	"belfry/shared/event"
)

// stars masks what follows "secret=", and tells what it was asked for.
type stars struct{ programs []string }

func (s *stars) Text(program, text string) (string, bool) {
	s.programs = append(s.programs, program)
	before, after, ok := strings.Cut(text, "secret=")
	if !ok || strings.HasPrefix(after, "***") {
		return text, false
	}
	_, rest := word(after)
	return before + "secret=*** " + rest, true
}

func (s *stars) Rest(program, before, rest string) (string, bool) {
	if word, after, _ := strings.Cut(rest, " "); strings.HasSuffix(before, "--secret ") && word != "***" {
		return "*** " + after, true
	}
	return rest, false
}

func (s *stars) Value(_, value string) (string, bool) { return s.Text("", value) }

// No part of an event holds what was masked: not the line, not its fields, not its bytes.
func TestMask(t *testing.T) {
	m := new(stars)
	r := newReader()
	r.p = New(Config{Mask: m}, nil)
	e := r.event("Nov 23 17:54:31 vm sudo: averez : PWD=/tmp ; USER=root ; COMMAND=/bin/x secret=hunter2 y", 1)
	e.Append("labels.raw_base64", "aHVudGVyMg==")
	r.p.Parse(e, r.now)
	check(t, e, "event.original=Nov 23 17:54:31 vm sudo: averez : PWD=/tmp ; USER=root ; COMMAND=/bin/x secret=*** y",
		"process.args=/bin/x|secret=***|y", "process.command_line=/bin/x secret=*** y", "tags=masked", "-labels.raw_base64",
		"message=averez : PWD=/tmp ; USER=root ; COMMAND=/bin/x secret=*** y")
	if m.programs[0] != "sudo" {
		t.Errorf("asked for %q", m.programs)
	}
	e = r.event("Nov 23 17:54:31 vm x: y", 2)
	e.Append("journald.process.command_line", "x secret=hunter2 z")
	r.p.Parse(e, r.now)
	check(t, e, "journald.process.command_line=x secret=*** z", "tags=masked", "message=y")
	e = new(event.Event)
	e.Append("message", "it is secret=hunter2 now")
	e.Append("labels.x", "secret=hunter2 z")
	r.p.Parse(e, r.now)
	check(t, e, "message=it is secret=*** now", "labels.x=secret=*** z", "tags=masked")
}

// A secret may stand behind the place at which sudo broke its line.
// sudo's own log is broken at 80 columns, be it before a secret.
func TestMaskWrapped(t *testing.T) {
	r := newReader()
	r.p = New(Config{Mask: new(stars)}, nil)
	for n, line := range []string{"Nov 23 17:54:31 : averez : TTY=pts/0 ; PWD=/home/averez ; USER=root ;", "    COMMAND=/bin/x --secret"} {
		r.p.Parse(r.event(line, n), r.now)
	}
	for range 2 {
		e := r.event("    hunter2 -u root", 3)
		r.p.Parse(e, r.now)
		check(t, e, "event.original=    *** -u root", "process.command_line=/bin/x --secret *** -u root", "tags=masked")
	}
}

func TestMaskContinued(t *testing.T) {
	r := newReader()
	r.p = New(Config{Mask: new(stars)}, nil)
	first := r.event("Nov 23 17:54:31 vm sudo[9]: averez : PWD=/tmp ; USER=root ; COMMAND=/bin/x --secret", 1)
	r.p.Parse(first, r.now)
	for range 2 { // be it that it comes twice
		e := r.event("Nov 23 17:54:31 vm sudo[9]: averez : (command continued) hunter2 y", 2)
		r.p.Parse(e, r.now)
		check(t, e, "event.original=Nov 23 17:54:31 vm sudo[9]: averez : (command continued) *** y", "tags=masked",
			"process.command_line=/bin/x --secret *** y", "message=averez : (command continued) *** y")
	}
	other := r.event("Nov 23 17:54:31 vm sudo[9]: bob : (command continued) hunter2 y", 3)
	r.p.Parse(other, r.now)
	check(t, other, "message=bob : (command continued) hunter2 y", "-tags")
}
