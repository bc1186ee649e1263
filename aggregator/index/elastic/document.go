package elastic

import (
	"hash/maphash"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// A document is the event as a nested object, values in their order and with their text, and before it the object
// "belfry" with what is ours:
//
//	{"belfry":{"order":N, "words":{NAME:WORDS,…}, "rest":{NAME:VALUE,…}, "kept":{NAME:[VALUE,…],…}, "odd":[NAME,…]}, …}
//
// words are of the fields that are texts; rest is of those that the mapping does not know; kept is of those that cannot
// stand in the event's own place: their names would meet those of the mapping, or the server takes no such name, or a
// truth value is none. A list has several values or is one by its name (event.IsList). The fields of an event that
// begin with "belfry.", as belfry.gap.id, stand in the same object.

// maker makes documents. Most events are like one before, so it keeps a plan for each list of names. It is not safe for
// concurrent use.
type maker struct {
	plans map[uint64]*plan
	size  int // of all plans, as costOf says
	seed  maphash.Seed
	fits  []bool   // of the steps of the event at hand
	odd   []string // names of its odd fields, each once
}

func newMaker() *maker { return &maker{plans: make(map[uint64]*plan), seed: maphash.MakeSeed()} }

// The bounds of the plans that are kept: senders choose the names.
const (
	maxPlans = 4096
	maxCost  = 16 << 20 // of all together, by costOf; in memory they are some times that
	perName  = 128
)

// costOf returns what a plan for these fields counts for.
func costOf(fields []event.Field) (n int) {
	for i := range fields {
		n += len(fields[i].Name) + perName
	}
	return n
}

// maxWord is the longest word that the analyzer leaves whole, in UTF-16 units; in bytes it is no shorter.
const maxWord = 255

func (m *maker) planOf(fields []event.Field) *plan {
	sum := uint64(len(fields))
	for i := range fields {
		sum = (sum ^ maphash.String(m.seed, fields[i].Name)) * 0x9e3779b97f4a7c15
	}
	if p, ok := m.plans[sum]; ok && p.isFor(fields) {
		return p
	}
	cost := costOf(fields)
	if len(m.plans) >= maxPlans || m.size+cost > maxCost {
		clear(m.plans)
		m.size = 0
	}
	p := newPlan(fields)
	m.plans[sum] = p
	m.size += cost
	return p
}

// appendDocument appends the document of an event.
func (m *maker) appendDocument(dst []byte, e *event.Event, order uint64) []byte {
	p := m.planOf(e.Fields)
	m.judge(p, e.Fields)
	dst = append(dst, `{"belfry":{"order":`...)
	dst = strconv.AppendUint(dst, order, 10)
	for i := range p.own {
		dst = m.step(dst, &p.own[i], e.Fields)
	}
	dst = append(dst, p.ownEnd...)
	dst = m.words(dst, p, e.Fields)
	dst = m.rest(dst, p, e.Fields)
	dst = m.kept(dst, p, e.Fields)
	dst = m.oddNames(dst)
	dst = append(dst, '}')
	for i := range p.steps {
		dst = m.step(dst, &p.steps[i], e.Fields)
	}
	return append(dst, p.end...)
}

// step is one field of a plan.
type step struct {
	before string // what stands before the value: the ends of objects, their beginnings, and the name
	name   string
	at     []int // of the values among the event's fields
	list   bool
	kind   event.Type
	number int // of this step, over all lists of a plan
}

// judge finds out which values fit their columns.
func (m *maker) judge(p *plan, fields []event.Field) {
	m.fits, m.odd = m.fits[:0], m.odd[:0]
	for i := range p.own {
		m.fits = append(m.fits, m.fit(&p.own[i], fields))
	}
	for i := range p.steps {
		m.fits = append(m.fits, m.fit(&p.steps[i], fields))
	}
}

func (m *maker) fit(s *step, fields []event.Field) bool {
	if s.kind == event.Text || s.kind == untyped {
		return true // words and rest judge these
	}
	for _, k := range s.at {
		if v := fields[k].Value; !fitsColumn(s.kind, v) {
			m.odd = append(m.odd, s.name)
			return false
		}
	}
	return true
}

// untyped is the type of a field that the mapping does not know.
const untyped = event.Type(255)

// fitsColumn reports whether a column of a type holds a value as it is.
func fitsColumn(t event.Type, v string) bool {
	switch t {
	case event.Keyword:
		return len(v) <= query.MaxKeyword || units(v) <= query.MaxKeyword
	case event.Date: // date_nanos holds no others
		return v >= "1970" && v < "2262-04-11" && query.Fits(t, v)
	}
	return query.Fits(t, v)
}

// units returns the length of a text in UTF-16.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

func (m *maker) step(dst []byte, s *step, fields []event.Field) []byte {
	dst = append(dst, s.before...)
	fits := m.fits[s.number]
	if s.kind == event.Bool && !fits {
		return append(dst, "null"...) // the server would refuse the document: see kept
	}
	if !s.list {
		return appendValue(dst, s.kind, fields[s.at[0]].Value, fits)
	}
	dst = append(dst, '[')
	for i, k := range s.at {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, s.kind, fields[k].Value, fits)
	}
	return append(dst, ']')
}

// appendValue writes numbers and truth values bare, if they are such.
func appendValue(dst []byte, t event.Type, v string, fits bool) []byte {
	switch t {
	case event.Long, event.Float, event.Bool:
		if fits || query.Fits(t, v) {
			return append(dst, v...)
		}
	}
	return event.AppendString(dst, v)
}

func (m *maker) words(dst []byte, p *plan, fields []event.Field) []byte {
	for i := range p.words {
		s := &p.words[i]
		dst = append(dst, s.before...)
		odd := false
		if s.list {
			dst = append(dst, '[')
		}
		for n, k := range s.at {
			if n > 0 {
				dst = append(dst, ',')
			}
			var longest int
			dst = append(dst, '"')
			dst, longest = query.AppendWords(dst, fields[k].Value) // of letters, digits and _
			dst = append(dst, '"')
			odd = odd || longest == 0 || longest > maxWord
		}
		if s.list {
			dst = append(dst, ']')
		}
		if odd {
			m.odd = append(m.odd, s.name)
		}
	}
	if len(p.words) > 0 {
		dst = append(dst, '}')
	}
	return dst
}

// rest writes the fields that the mapping does not know, but for values that the server would not take.
func (m *maker) rest(dst []byte, p *plan, fields []event.Field) []byte {
	for i := range p.rest {
		s := &p.rest[i]
		odd := !p.keyed[i]
		dst = append(dst, s.before...)
		dst = append(dst, '[')
		begin := len(dst)
		for _, k := range s.at {
			v := fields[k].Value
			if !p.keyed[i] || !fitsColumn(event.Keyword, v) || strings.IndexByte(v, 0) >= 0 {
				odd = true
				continue
			}
			if len(dst) > begin {
				dst = append(dst, ',')
			}
			dst = event.AppendString(dst, v)
		}
		dst = append(dst, ']')
		if odd {
			m.odd = append(m.odd, s.name)
		}
	}
	if len(p.rest) > 0 {
		dst = append(dst, '}')
	}
	return dst
}

func (m *maker) kept(dst []byte, p *plan, fields []event.Field) []byte {
	begin := len(dst)
	put := func(s *step) {
		if len(dst) == begin {
			dst = append(dst, `,"kept":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(event.AppendString(dst, s.name), ":["...)
		for i, k := range s.at {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = event.AppendString(dst, fields[k].Value)
		}
		dst = append(dst, ']')
	}
	for i := range p.kept {
		put(&p.kept[i])
	}
	if p.bools {
		for i := range p.steps {
			if s := &p.steps[i]; s.kind == event.Bool && !m.fits[s.number] {
				put(s)
			}
		}
	}
	if len(dst) > begin {
		dst = append(dst, '}')
	}
	return dst
}

func (m *maker) oddNames(dst []byte) []byte {
	for i, name := range m.odd {
		if i == 0 {
			dst = append(dst, `,"odd":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = event.AppendString(dst, name)
	}
	if len(m.odd) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// takesKey reports whether the object of any names takes this one: as a part of a term.
func takesKey(name string) bool {
	return len(name) <= query.MaxKeyword && strings.IndexByte(name, 0) < 0 && utf8.ValidString(name)
}
