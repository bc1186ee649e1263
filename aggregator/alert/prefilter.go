package alert

import (
	"slices"
	"sync"

	"belfry/shared/event"
)

const (
	longestKey = 256  // bytes of a value that the prefilter knows; more of it does not tell rules apart
	manyKeys   = 2000 // values that are worth a place each in the prefilter
)

// key is something that an event may have: a field with a lower-cased value, or with the value "" any value at all.
type key struct{ field, value string }

// keySet is a condition that is necessary for a rule: the event has at least one of these.
type keySet []key

func (n allOf) keys() []keySet {
	var all []keySet
	for _, c := range n {
		all = append(all, c.keys()...)
	}
	return all
}

// Each branch needs a set of its own, and an event that has none of all these passes no branch.
func (n anyOf) keys() []keySet {
	union := keySet{}
	for _, c := range n {
		sets := c.keys()
		if len(sets) == 0 {
			return nil
		}
		union = append(union, slices.MinFunc(sets, func(a, b keySet) int { return a.rough() - b.rough() })...)
	}
	return []keySet{union}
}

func (n noneOf) keys() []keySet  { return nil }
func (n absent) keys() []keySet  { return nil }
func (n present) keys() []keySet { return []keySet{{{field: n.field}}} }
func (n valued) keys() []keySet  { return []keySet{{{field: n.field}}} }
func (n keyword) keys() []keySet { return []keySet{{{field: "message"}, {field: "event.original"}}} }

func (n oneOf) keys() []keySet {
	if n.longest > longestKey || len(n.values) > manyKeys {
		return present{n.field}.keys()
	}
	var set keySet
	for v := range n.values {
		set = append(set, key{n.field, v})
	}
	return []keySet{set}
}

// presence weighs a key that asks for no value: most events have most fields.
const presence = 10_000

// rough is the weight of a set without knowing the other rules: how likely an event is to have one of it.
func (s keySet) rough() int {
	sum := 0
	for _, k := range s {
		if k.value == "" {
			sum += presence
		} else {
			sum++
		}
	}
	return sum
}

// prefilter finds the rules that an event can match by what it has. It never changes and is safe for concurrent use.
type prefilter struct {
	fields map[string]*fieldKeys
	always []int32 // rules of which nothing is known
	rules  int
	pool   sync.Pool // of *marks
}

// fieldKeys are the keys of one field, with the rules that ask for each.
type fieldKeys struct {
	values  map[string][]int32
	longest int // bytes of the longest value
	present []int32
}

func newPrefilter(rules []*Rule) *prefilter {
	p := &prefilter{fields: map[string]*fieldKeys{}, rules: len(rules)}
	sets := make([][]keySet, len(rules))
	crowd := map[key]int{}
	for i, r := range rules {
		sets[i] = r.when.keys()
		for _, s := range sets[i] {
			for _, k := range s {
				crowd[k]++
			}
		}
	}
	for i := range rules {
		if len(sets[i]) == 0 {
			p.always = append(p.always, int32(i))
			continue
		}
		for _, k := range rarest(sets[i], crowd) {
			p.add(k, int32(i))
		}
	}
	return p
}

// rarest returns the set whose keys the fewest other rules share: those are what tells this rule from them.
func rarest(sets []keySet, crowd map[key]int) keySet {
	weight := func(s keySet) int {
		sum := s.rough()
		for _, k := range s {
			sum += crowd[k]
		}
		return sum
	}
	return slices.MinFunc(sets, func(a, b keySet) int { return weight(a) - weight(b) })
}

func (p *prefilter) add(k key, rule int32) {
	f := p.fields[k.field]
	if f == nil {
		f = &fieldKeys{values: map[string][]int32{}}
		p.fields[k.field] = f
	}
	if k.value == "" {
		f.present = append(f.present, rule)
		return
	}
	f.values[k.value] = append(f.values[k.value], rule)
	f.longest = max(f.longest, len(k.value))
}

// marks collects the rules of one event, each once.
type marks struct {
	seen  []uint32 // round in which the rule was seen last
	round uint32
	rules []int32
}

func (m *marks) add(rules []int32) {
	for _, r := range rules {
		if m.seen[r] != m.round {
			m.seen[r] = m.round
			m.rules = append(m.rules, r)
		}
	}
}

func (p *prefilter) get() *marks {
	m, ok := p.pool.Get().(*marks)
	if !ok {
		m = &marks{seen: make([]uint32, p.rules)}
	}
	if m.round++; m.round == 0 { // after 2^32 events
		clear(m.seen)
		m.round = 1
	}
	m.rules = m.rules[:0]
	return m
}

// candidates returns the rules that may match, in their order. The caller puts the marks back into the pool.
func (p *prefilter) candidates(e *event.Event) *marks {
	m := p.get()
	m.add(p.always)
	var small [longestKey * maxShrink]byte
	for i := range e.Fields {
		f := &e.Fields[i]
		k := p.fields[f.Name]
		if k == nil || f.Value == "" {
			continue
		}
		m.add(k.present)
		if len(f.Value) <= k.longest*maxShrink {
			m.add(k.values[string(appendLower(small[:0], f.Value))])
		}
	}
	slices.Sort(m.rules)
	return m
}
