package parse

import "strings"

// scan reads what a program said, and reports whether the parser understands it.
func (c *custom) scan(p *Parser, l *line) bool {
	switch {
	case c.json:
		return c.scanBody(p, l, (*body).scanJSON)
	case c.kv != nil:
		return c.scanBody(p, l, c.kv.scan)
	}
	for i := range c.patterns {
		q := &c.patterns[i]
		if !q.may(l.text) {
			continue
		}
		if m := q.re.FindStringSubmatchIndex(l.text); m != nil {
			c.writeGroups(p, l, q, m)
			return true
		}
	}
	return false
}

// writeGroups writes what a pattern found. m has the beginning and the end of each group, -1 of one that took no part.
func (c *custom) writeGroups(p *Parser, l *line, q *pattern, m []int) {
	b := openBody(p, l)
	defer b.close()
	text := l.text
	for i, name := range q.groups {
		if name != "" && m[2*i] >= 0 {
			b.add(name, text[m[2*i]:m[2*i+1]], isText, false)
		}
	}
	c.write(b)
}

// scanBody is scan for texts that name their values.
func (c *custom) scanBody(p *Parser, l *line, read func(*body, string) bool) bool {
	b := openBody(p, l)
	defer b.close()
	text := trimBlanks(l.text)
	if rest, ok := strings.CutPrefix(text, "@cee:"); ok && c.json {
		text = trimBlanks(rest)
	}
	if !read(b, text) {
		return false
	}
	c.write(b)
	return true
}

// write writes pairs where the parser wants them, and what every event of it has. A name that stands twice means nothing.
func (c *custom) write(b *body) {
	for i := range b.pairs {
		a := &b.pairs[i]
		m := c.to[a.key()]
		if m != nil && !a.list && b.twice(i) {
			b.ambiguous, m = true, nil
		}
		if m == nil || !m.write(b.p, b.l, a.value) {
			b.keep(a)
		}
	}
	for i := range c.set {
		b.l.event.Delete(c.set[i].field)
		for _, v := range c.set[i].values {
			b.l.event.Append(c.set[i].field, v)
		}
	}
	for _, t := range c.tags {
		b.l.tag(t)
	}
	b.finish()
}

// scan reads pairs as the operator says that they are written. All of the text must be pairs.
func (k *kvSpec) scan(b *body, text string) bool {
	sep, equals := k.Pairs, k.Equals
	text = strings.Trim(text, " \t"+k.Trim)
	if sep == "" {
		sep = " "
	}
	if equals == "" {
		equals = "="
	}
	for text != "" {
		key, rest, ok := strings.Cut(text, equals)
		key = strings.Trim(key, " \t")
		if !ok || key == "" || strings.Contains(key, sep) {
			return false
		}
		rest = strings.TrimLeft(rest, " \t")
		var value string
		if rest != "" && rest[0] == '"' {
			end := quoteEnd(rest[1:], '"')
			if end < 0 {
				return false
			}
			value, rest = unquoted(rest[1:end+1]), strings.TrimLeft(rest[end+2:], " \t")
			if after, ok := strings.CutPrefix(rest, strings.TrimLeft(sep, " \t")); ok {
				rest = after
			} else if rest != "" {
				return false
			}
		} else {
			value, rest, _ = strings.Cut(rest, sep)
			value = strings.TrimRight(value, " \t")
		}
		b.add(key, value, isText, false)
		text = strings.TrimLeft(rest, " \t")
	}
	return len(b.pairs) > 0
}
