package segment

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Examine reads the log in dir and changes nothing, so that it may run beside a process that has it open. It calls fn for
// every good record, in order; the bytes are fn's until it returns, and an error of fn ends it, as it is. What is Torn at the
// end may also be a write that is under way: see Stays.
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

// Stays looks at damage that Examine has found once more, a while later, and reports whether it is still there as it was. If
// it was a write that is under way, more is there by now; so it is if the log was cut before or behind it.
func (d Damage) Stays() (bool, error) {
	first, ok := parseName(filepath.Base(d.File))
	if !ok {
		return true, nil // a run that a repair has left: nobody writes it
	}
	r, err := openReader(part{path: d.File, first: first, end: -1})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.close()
	if err := r.each(func(uint64, []byte) error { return nil }); err != nil {
		return false, err
	}
	for _, now := range r.damage {
		if now.Offset == d.Offset { // with something good behind it, it is no write either
			return now.Bytes == d.Bytes || now.Offset+now.Bytes < r.size, nil
		}
	}
	return false, nil
}
