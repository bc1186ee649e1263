package corpus

import (
	"fmt"
	"slices"

	"belfry/shared/event"
)

// Result says how well the lines of a file were understood.
type Result struct {
	Lines         int // of the file
	Fields, Right int // that either side has, and those that are the same
	Faults        []string
}

// Plus returns the sum of two results.
func (r Result) Plus(other Result) Result {
	return Result{r.Lines + other.Lines, r.Fields + other.Fields, r.Right + other.Right, append(r.Faults, other.Faults...)}
}

// Check compares what was found in the lines of a file with what is to be found: every field of every line, in both
// directions, but for those of Given.
func (f *File) Check(got []*event.Event) (Result, error) {
	r := Result{Lines: len(f.Lines)}
	var d event.Decoder
	for i, text := range f.Fields {
		want, err := d.Decode([]byte(text))
		if err != nil {
			return r, fmt.Errorf("%s/%s.ndjson:%d: %w", f.Program, f.Name, i+2, err)
		}
		e := new(event.Event)
		if i < len(got) {
			e = got[i]
		}
		r.compare(f, i, e, want)
	}
	for i := len(f.Fields); i < len(got); i++ {
		r.compare(f, i, got[i], new(event.Event))
	}
	return r, nil
}

// compare takes in one event of a file.
func (r *Result) compare(f *File, i int, got, want *event.Event) {
	var names []string
	for _, field := range slices.Concat(want.Fields, got.Fields) {
		if !slices.Contains(Given, field.Name) {
			names = append(names, field.Name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		r.Fields++
		g, w := got.All(name), want.All(name)
		if slices.Equal(g, w) {
			r.Right++
			continue
		}
		r.Faults = append(r.Faults, fmt.Sprintf("%s/%s.log:%d: %.300q\n\t%s is %q, want %q", f.Program, f.Name, i+1, f.line(i), name, g, w))
	}
}

// line returns the line that the ith event is of.
func (f *File) line(i int) string {
	if i < len(f.Lines) {
		return f.Lines[i]
	}
	return "(at the end)"
}
