package parse

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"belfry/shared/conf"
)

// Custom is a set of parsers that the operator wrote: of what a program says they read what the scanners do not know, or
// what they shall not read. It never changes and is safe for concurrent use.
//
// A file holds a list of parsers:
//
//	parsers:
//	  - name: door                    # names the parser in messages
//	    program: [doord, "gate-*"]    # as in the header; * ? [a-z] stand for others; default any
//	    override: false               # true: before the scanners that are built in; default behind them
//	    pattern:                      # RE2, tried in order; or "json: true", or "kv: {pairs: ';', equals: ':'}"
//	      - '^door (?P<door>\d+) (?P<what>opened|refused) for (?P<user>\S+) from (?P<ip>\S+)$'
//	    fields:                       # where a group goes; without a word here it is labels.GROUP
//	      door: {to: acme.door, type: int}
//	      user: user.name
//	      ip: source.ip
//	      what: {to: event.outcome, values: {opened: success, refused: failure}}
//	    set: {event.action: door-opened, event.category: [authentication], event.type: [start]}
//	    tags: [door]
//	    samples:                      # at least one
//	      - line: 'Nov 23 17:54:31 vm doord[7]: door 3 opened for alice from 192.0.2.7'
//	        fields: {user.name: alice, acme.door: 3, event.outcome: success}
//	      - line: 'Nov 23 17:54:31 vm doord[7]: door 3 is stuck'
//	        no_match: true
//
// Types are string, int, float, bool, ip and time; the last with a layout as strptime(3) or Go have it (default: whatever
// time lines begin with) and the zone of times that name none. A value that is not of its type, or none of values, is kept
// as labels.GROUP. No parser can set a field that says what was proven.
type Custom struct {
	list        []*custom
	first, last dispatch // those that override, and the others
}

// LoadCustom reads the files that patterns name, as /etc/belfry/parsers.d/*.yml, each in the order of names, and runs every
// sample. All faults are reported at once, with file and line.
func LoadCustom(patterns []string) (*Custom, error) {
	var errs []error
	c := new(Custom)
	for i, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err == nil && len(names) == 0 && !strings.ContainsAny(pattern, `*?[`) {
			names = []string{pattern} // so that the error is that of reading it
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("parse.parsers[%d]: %q: %w", i, pattern, err))
		}
		for _, name := range names {
			errs = append(errs, c.file(name))
		}
	}
	errs = append(errs, c.unique())
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.dispatch()
	return c, c.Test()
}

// Len returns the number of parsers.
func (c *Custom) Len() int { return len(c.list) }

// Samples returns the number of samples of all parsers.
func (c *Custom) Samples() int {
	n := 0
	for _, p := range c.list {
		n += len(p.samples)
	}
	return n
}

func (c *Custom) file(name string) error {
	var file struct {
		Parsers []customSpec `yaml:"parsers"`
	}
	if err := conf.Read(name, &file); err != nil {
		return err
	}
	var errs []error
	for i := range file.Parsers {
		p, err := file.Parsers[i].compile(name)
		errs = append(errs, err)
		if err == nil {
			c.list = append(c.list, p)
		}
	}
	return errors.Join(errs...)
}

func (c *Custom) unique() error {
	var errs []error
	byName := make(map[string]*custom)
	for _, p := range c.list {
		if old := byName[p.name]; old != nil {
			errs = append(errs, p.fault(p.line, "name: %s is that of %s:%d", p.name, old.file, old.line))
		}
		byName[p.name] = p
	}
	return errors.Join(errs...)
}

func (c *Custom) dispatch() {
	for _, p := range c.list {
		if p.override {
			c.first.list = append(c.first.list, p)
		} else {
			c.last.list = append(c.last.list, p)
		}
	}
	c.first.index()
	c.last.index()
}

// dispatch finds the parsers of a program: however many there are of others, they cost nothing.
type dispatch struct {
	list   []*custom
	byName map[string][]*custom // of the programs that are named
	rest   []*custom            // of any other one, if no pattern is to be looked at
	globs  bool

	mu   sync.RWMutex
	seen map[string][]*custom // of programs that patterns were held against
}

// maxPrograms bounds the programs that are remembered: hosts choose their names.
const maxPrograms = 1024

func (d *dispatch) index() {
	d.byName, d.seen = make(map[string][]*custom), make(map[string][]*custom)
	for _, p := range d.list {
		d.globs = d.globs || p.globs
		for _, name := range p.programs {
			if !isGlob(name) {
				d.byName[name] = nil
			}
		}
		if len(p.programs) == 0 {
			d.rest = append(d.rest, p)
		}
	}
	for name := range d.byName {
		d.byName[name] = d.find(name)
	}
}

func isGlob(s string) bool { return strings.ContainsAny(s, `*?[`) }

// of returns the parsers of a program, in order.
func (d *dispatch) of(program string) []*custom {
	if len(d.list) == 0 {
		return nil
	}
	if all, ok := d.byName[program]; ok {
		return all
	}
	if !d.globs {
		return d.rest
	}
	d.mu.RLock()
	all, ok := d.seen[program]
	d.mu.RUnlock()
	if ok {
		return all
	}
	all = d.find(program)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.seen) >= maxPrograms {
		clear(d.seen)
	}
	d.seen[strings.Clone(program)] = all // program is a part of a line
	return all
}

func (d *dispatch) find(program string) []*custom {
	var all []*custom
	for _, p := range d.list {
		if p.isOf(program) {
			all = append(all, p)
		}
	}
	return all
}

func (c *custom) isOf(program string) bool {
	return len(c.programs) == 0 || slices.ContainsFunc(c.programs, func(pattern string) bool {
		ok, _ := path.Match(pattern, program) // was checked
		return ok
	})
}

// scan has the parsers of the line's program read it, and reports whether one did.
func (d *dispatch) scan(p *Parser, l *line) bool {
	for _, c := range d.of(l.program) {
		if c.scan(p, l) {
			l.by = c
			return true
		}
	}
	return false
}
