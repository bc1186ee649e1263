package segment

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Examine reads the log in dir and changes nothing, so that it may run beside a process that has it open. It calls fn for
// every good record, in order; the bytes are fn's until it returns, and an error of fn ends it, as it is. What is Torn at the
// end may also be a write that is under way.
func Examine(dir string, fn func(lsn uint64, rec []byte) error) ([]Damage, error) {
	d, err := look(dir)
	if err != nil {
		return nil, err
	}
	for _, r := range d.runs { // a repair that did not come to its end
		if _, err := os.Lstat(r.origin); errors.Is(err, fs.ErrNotExist) {
			d.parts = append(d.parts, part{path: r.path, first: r.first, end: -1})
		}
	}
	slices.SortFunc(d.parts, func(a, b part) int { return strings.Compare(nameOf(a.first), nameOf(b.first)) })
	var found []Damage
	for i, p := range d.parts {
		r, err := openReader(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue // cut meanwhile
		}
		if err != nil {
			return found, err
		}
		err = r.each(fn)
		r.close()
		r.tear(i+1 == len(d.parts))
		found = append(found, r.damage...)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}
