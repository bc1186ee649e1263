package glob

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Set is what the include and exclude patterns of one input mean together. It does not change.
type Set struct {
	include []pattern
	exclude []pattern
	bases   []segment // exclude patterns without a slash
	trees   [][]segment
}

// Compile reads the patterns. It reports every fault, each with its key: paths[0], exclude[2].
func Compile(include, exclude []string) (*Set, error) {
	s := &Set{}
	var errs []error
	for i, text := range include {
		if err := s.addInclude(text); err != nil {
			errs = append(errs, fmt.Errorf("paths[%d]: %q: %w", i, text, err))
		}
	}
	for i, text := range exclude {
		if err := s.addExclude(text); err != nil {
			errs = append(errs, fmt.Errorf("exclude[%d]: %q: %w", i, text, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s.plant()
	return s, nil
}

func (s *Set) addInclude(text string) error {
	all, err := expand(text)
	if err != nil {
		return err
	}
	for _, one := range all {
		if len(one) > 0 && strings.HasSuffix(one, "/") {
			return errors.New("a directory, where files are wanted: write /* or /** at its end")
		}
		p, err := parsePattern(one)
		if err != nil {
			return err
		}
		s.include = append(s.include, p)
	}
	return nil
}

func (s *Set) addExclude(text string) error {
	all, err := expand(text)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one != "" && !strings.Contains(one, "/") {
			base, err := parseSegment(one)
			if err == nil && base.kind == deep {
				err = errors.New("it leaves nothing")
			}
			if err != nil {
				return err
			}
			s.bases = append(s.bases, base)
			continue
		}
		p, err := parseExclude(one)
		if err != nil {
			return err
		}
		s.exclude = append(s.exclude, p)
	}
	return nil
}

// plant collects the directory parts of the include patterns, each once.
func (s *Set) plant() {
	known := make(map[string]bool)
	for i := range s.include {
		dirs := s.include[i].dirs
		if key := fmt.Sprintf("%q", dirs); !known[key] {
			known[key] = true
			s.trees = append(s.trees, dirs)
		}
	}
}

// Match reports whether an absolute, clean path is included and not excluded. It looks at the name only.
func (s *Set) Match(path string) bool {
	dir, base := split(path)
	for i := range s.include {
		if s.include[i].match(dir, base) {
			return !s.excludes(dir, base)
		}
	}
	return false
}

// Excludes reports whether an absolute, clean path is to be left alone.
func (s *Set) Excludes(path string) bool { return s.excludes(split(path)) }

func (s *Set) excludes(dir, base string) bool {
	for i := range s.bases {
		if s.bases[i].match(base) {
			return true
		}
	}
	for i := range s.exclude {
		if !s.exclude[i].below && s.exclude[i].match(dir, base) {
			return true
		}
	}
	return s.excludesTree(dir)
}

// excludesTree reports whether all that is below a directory is left alone.
func (s *Set) excludesTree(dir string) bool {
	if len(s.exclude) == 0 {
		return false
	}
	for dir != "/" && dir != "" {
		parent, base := split(dir)
		for i := range s.exclude {
			if s.exclude[i].match(parent, base) {
				return true
			}
		}
		dir = parent
	}
	return false
}

// Names is a Set seen from one directory: what it says of the names there. Matching a name allocates nothing.
type Names struct {
	include, exclude []*segment
	none             bool // the directory is excluded
}

// In returns what the set says of the names in a directory (absolute, clean).
func (s *Set) In(dir string) Names {
	if s.excludesTree(dir) {
		return Names{none: true}
	}
	var n Names
	for i := range s.include {
		if s.include[i].matchDir(dir) {
			n.include = append(n.include, &s.include[i].base)
		}
	}
	for i := range s.bases {
		n.exclude = append(n.exclude, &s.bases[i])
	}
	for i := range s.exclude {
		if p := &s.exclude[i]; !p.below && p.matchDir(dir) {
			n.exclude = append(n.exclude, &p.base)
		}
	}
	return n
}

// Match reports whether a file of this name would be included and not excluded.
func (n Names) Match(name []byte) bool { return matchAny(n.include, name) && !n.Excludes(name) }

// Excludes reports whether this name is to be left alone.
func (n Names) Excludes(name []byte) bool { return n.none || matchAny(n.exclude, name) }

// Spelt returns the names that are included without a wildcard: they can be looked for where nothing can be listed.
func (n Names) Spelt() []string {
	var all []string
	for _, s := range n.include {
		if s.kind == literal && !n.Excludes([]byte(s.prefix)) {
			all = append(all, s.prefix)
		}
	}
	return all
}

func matchAny(segments []*segment, name []byte) bool {
	// The string is gone before the caller may change the bytes.
	text := unsafe.String(unsafe.SliceData(name), len(name))
	for _, s := range segments {
		if s.match(text) {
			return true
		}
	}
	return false
}

// split cuts an absolute path into its directory, without a slash at its end, and its last name.
func split(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:max(i, 1)], path[i+1:]
}
