package elastic

import (
	"slices"
	"strings"
	"unicode"

	"belfry/shared/event"
)

// plan says how the document of an event with these names is written.
type plan struct {
	shape  []string // the names, in the order of the event's fields
	own    []step   // that stand in the object of our own
	ownEnd string
	words  []step // of texts
	rest   []step // that the mapping does not know
	keyed  []bool // of rest: the name can be a key
	kept   []step // that cannot stand in their own place
	steps  []step // all others
	end    string
	bools  bool // steps has truth values
}

func (p *plan) isFor(fields []event.Field) bool {
	if len(p.shape) != len(fields) {
		return false
	}
	for i := range fields {
		if fields[i].Name != p.shape[i] {
			return false
		}
	}
	return true
}

func newPlan(fields []event.Field) *plan {
	p := new(plan)
	var own, outer []step
	for _, s := range stepsOf(fields) {
		p.classify(s, &own, &outer)
	}
	for i := range fields {
		p.shape = append(p.shape, strings.Clone(fields[i].Name))
	}
	var w nester
	for i := range own {
		own[i].number = i
		own[i].before = w.next(strings.TrimPrefix(own[i].name, ownObject+"."), "")
	}
	p.own, p.ownEnd = own, w.rest()
	w = nester{}
	for i := range outer {
		outer[i].number = len(own) + i
		following := ""
		if i+1 < len(outer) {
			following = outer[i+1].name
		}
		outer[i].before = w.next(outer[i].name, following)
		p.bools = p.bools || outer[i].kind == event.Bool
	}
	p.steps, p.end = outer, w.rest()+"}"
	return p
}

// stepsOf returns a step for each name, in order of name.
func stepsOf(fields []event.Field) (all []step) {
	order := make([]int, len(fields))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(fields[a].Name, fields[b].Name) })
	for _, k := range order {
		name := fields[k].Name
		if n := len(all); n > 0 && all[n-1].name == name {
			all[n-1].at, all[n-1].list = append(all[n-1].at, k), true
			continue
		}
		all = append(all, step{name: strings.Clone(name), at: []int{k}, list: event.IsList(name), kind: untyped})
	}
	return all
}

// classify puts a step where it belongs.
func (p *plan) classify(s step, own, outer *[]step) {
	column, mapped := columnOf(s.name)
	switch {
	case mapped:
		s.kind = event.TypeOf(s.name)
	case s.name != "": // by which nobody can ask
		r := s
		r.before = opening(len(p.rest), "rest", s.name)
		p.rest = append(p.rest, r)
		p.keyed = append(p.keyed, takesKey(s.name))
	}
	if mapped && strings.HasPrefix(column.Path, wordsField) {
		t := s
		t.before = opening(len(p.words), "words", s.name)
		p.words = append(p.words, t)
	}
	switch ours := strings.HasPrefix(s.name, ownObject+"."); {
	case !known(s.name) && (ours || !hasPlace(s.name)):
		p.kept = append(p.kept, s)
	case ours:
		*own = append(*own, s)
	default:
		*outer = append(*outer, s)
	}
}

// opening is what stands before the n-th field of an object of our own.
func opening(n int, object, name string) string {
	b := []byte(",")
	if n == 0 {
		b = append(b, `"`+object+`":{`...)
	}
	return string(append(event.AppendString(b, name), ':'))
}

// maxDepth bounds the objects that lie in each other: a document must be read back.
const maxDepth = 30

// hasPlace reports whether a field that the mapping does not know may stand in a document under its own name: the server
// looks at the names of what it does not index too.
func hasPlace(name string) bool {
	if name == "" || fields.objects[name] || name[0] == '_' || strings.Count(name, ".") > maxDepth { // before each of them costs something
		return false
	}
	for i := range name {
		if name[i] == '.' && fields.leaves[name[:i]] {
			return false
		}
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.TrimSpace(part) != part || strings.ContainsFunc(part, unicode.IsControl) {
			return false
		}
	}
	return true
}

// nester writes what stands between the values of nested objects. Names come in order. As in event.AppendJSON, the longer
// of two names keeps its dots where the shorter has a value.
type nester struct {
	open    []string // names of the objects that are open, outermost first
	scalars []string // names that have a value and may begin longer ones, each with a dot
}

// next returns what stands before the value of a name, which another one follows.
func (w *nester) next(name, following string) string {
	path := w.path(name)
	same := 0
	for same < len(w.open) && same < len(path)-1 && w.open[same] == path[same] {
		same++
	}
	b := []byte(strings.Repeat("}", len(w.open)-same))
	b = append(b, ',')
	w.open = w.open[:same]
	for _, p := range path[same : len(path)-1] {
		b = append(event.AppendString(b, p), ":{"...)
		w.open = append(w.open, p)
	}
	b = append(event.AppendString(b, path[len(path)-1]), ':')
	if strings.HasPrefix(following, name) {
		w.scalars = append(w.scalars, name+".")
	}
	return string(b)
}

// rest returns what closes the objects that are open.
func (w *nester) rest() string { return strings.Repeat("}", len(w.open)) }

func (w *nester) path(name string) []string {
	path := strings.Split(name, ".")
	for _, s := range w.scalars {
		if strings.HasPrefix(name, s) {
			depth := strings.Count(s, ".") - 1
			return append(path[:depth:depth], strings.Join(path[depth:], "."))
		}
	}
	return path
}
