package parse

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"belfry/shared/event"
)

// Test runs every parser over its samples, and reports each that is not read as it must be, with file and line.
func (c *Custom) Test() error {
	var errs []error
	for _, p := range c.list {
		for i := range p.samples {
			errs = append(errs, c.sample(p, &p.samples[i]))
		}
	}
	return errors.Join(errs...)
}

// sample reads a line as a Parser with all parsers reads it. Where the line names no program, it is of the first one that
// the parser names.
func (c *Custom) sample(p *custom, s *customSample) (err error) {
	defer func() {
		if fault := recover(); fault != nil { // a bug of ours
			err = p.fault(s.Line.line, "%s: reading the sample fails: %v", p.name, fault)
		}
	}()
	now := s.Received
	if now.IsZero() {
		now = time.Now()
	}
	parser := New(Config{Retention: 100 * 365 * 24 * time.Hour, Program: p.program(), Custom: c}, nil)
	e := new(event.Event)
	e.Append("event.original", s.Line.text)
	e.Append("event.created", now.UTC().Format(time.RFC3339Nano))
	l := new(line)
	l.begin(e, now)
	parser.line(l)
	switch {
	case l.by == p && s.NoMatch:
		return p.fault(s.Line.line, "%s: the sample is read, and must not be", p.name)
	case s.NoMatch:
		return nil
	case l.by != nil && l.by != p:
		return p.fault(s.Line.line, "%s: the sample is read by %s (%s:%d)", p.name, l.by.name, l.by.file, l.by.line)
	case l.by == nil && !p.override && p.scan(parser, l):
		return p.fault(s.Line.line, "%s: the sample is read by a parser that is built in; override: true comes before it", p.name)
	case l.by == nil:
		return p.fault(s.Line.line, "%s: the sample is not read", p.name)
	}
	return p.compare(s, e)
}

// program returns the first program that is named, "" if there is none.
func (c *custom) program() string {
	for _, name := range c.programs {
		if !isGlob(name) {
			return name
		}
	}
	return ""
}

func (c *custom) compare(s *customSample, e *event.Event) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		want, got := s.Fields[name].values(), e.All(name)
		if !slices.Equal(got, want) {
			line := s.Line.line
			if len(want) > 0 {
				line = s.Fields[name][0].line
			}
			errs = append(errs, c.fault(line, "%s: %s is %s, want %s", c.name, name, shown(got), shown(want)))
		}
	}
	return errors.Join(errs...)
}

func shown(values []string) string {
	switch len(values) {
	case 0:
		return "absent"
	case 1:
		return fmt.Sprintf("%q", values[0])
	}
	return "[" + strings.Join(values, ", ") + "]"
}
