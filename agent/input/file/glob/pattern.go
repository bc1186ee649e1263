package glob

import (
	"errors"
	"strings"
)

// pattern is a pattern without braces, cut into what it says of the directory and of the name in it.
type pattern struct {
	dirs  []segment // names from the root down; no two deep ones in a row
	plain string    // the directory, if there is but one; else ""
	start string    // what every directory begins with, if there are many
	base  segment   // the last name; never deep
	below bool      // an exclude pattern that means what is below, not the path itself
}

// parsePattern reads an absolute pattern without braces.
func parsePattern(text string) (pattern, error) {
	names, ok := strings.CutPrefix(text, "/")
	if !ok {
		return pattern{}, errors.New("not an absolute path")
	}
	if strings.IndexByte(text, 0) >= 0 {
		return pattern{}, errors.New("a zero byte in it")
	}
	var p pattern
	for name := range strings.SplitSeq(names, "/") {
		s, err := parseSegment(name)
		if err != nil {
			return pattern{}, err
		}
		if n := len(p.dirs); s.kind != deep || n == 0 || p.dirs[n-1].kind != deep {
			p.dirs = append(p.dirs, s)
		}
	}
	if last := len(p.dirs) - 1; p.dirs[last].kind == deep {
		p.base = segment{kind: affix} // any file there
	} else {
		p.base, p.dirs = p.dirs[last], p.dirs[:last]
	}
	p.setStart()
	return p, nil
}

// parseExclude reads an absolute pattern of what to leave out, without braces.
func parseExclude(text string) (pattern, error) {
	tree := strings.TrimSuffix(text, "/")
	for strings.HasSuffix(tree, "/**") {
		tree = strings.TrimSuffix(tree, "/**")
	}
	if tree == "" && text != "" {
		return pattern{}, errors.New("it leaves nothing")
	}
	p, err := parsePattern(tree)
	p.below = tree != text
	return p, err
}

func (p *pattern) setStart() {
	for i := range p.dirs {
		if p.dirs[i].kind != literal {
			return
		}
		p.start += "/" + p.dirs[i].prefix
	}
	if p.plain = p.start; p.plain == "" {
		p.plain = "/"
	}
}

// match tells whether a path, given as its directory and its last name, is meant.
func (p *pattern) match(dir, base string) bool { return p.base.match(base) && p.matchDir(dir) }

func (p *pattern) matchDir(dir string) bool {
	if p.plain != "" {
		return dir == p.plain
	}
	return dir != "" && strings.HasPrefix(dir, p.start) && matchNames(p.dirs, dir[1:])
}

// matchNames matches names with slashes between them. A ** takes as few as will do; of several only the last is ever
// tried again, since what the earlier ones took was the least.
func matchNames(segments []segment, names string) bool {
	retry, after := -1, "" // behind the last **, and what was left there
	for i := 0; ; {
		switch {
		case i < len(segments) && segments[i].kind == deep:
			i++
			retry, after = i, names
			if i == len(segments) {
				return true
			}
			continue
		case names == "":
			return i == len(segments)
		case i < len(segments):
			if first, rest, _ := strings.Cut(names, "/"); segments[i].match(first) {
				i, names = i+1, rest
				continue
			}
		}
		if retry < 0 {
			return false
		}
		_, after, _ = strings.Cut(after, "/")
		i, names = retry, after
	}
}
