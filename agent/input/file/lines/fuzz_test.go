package lines

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzReader holds any bytes in any pieces to the law.
func FuzzReader(f *testing.F) {
	all := subjects()
	for i, s := range all {
		text := strings.Join(s.parts, "")
		if s.wide {
			text = string(encode16(bom+text, s.cfg.Encoding == UTF16BE))
		}
		f.Add(uint8(i), uint16(7), []byte(text))
	}
	f.Fuzz(func(t *testing.T, subject uint8, size uint16, content []byte) {
		c := compile(t, all[int(subject)%len(all)].cfg)
		c.window = 400
		want := readAll(t, c, content, 0, nil)
		want.whole(t, len(content))
		var got trace
		r := New(c, 0, nil, nil)
		for rest := content; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			if err := r.Feed(rest[:n], start, &got); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := r.End(&got); err != nil {
			t.Fatal(err)
		}
		same(t, "in pieces", got.steps, want.steps)
		ranges := want.ranges()
		for i := 0; i < len(ranges); i += 1 + len(ranges)/8 {
			from := want.resume(ranges[i].first)
			same(t, "restarted", readAll(t, c, content, from, nil).steps, want.from(from))
		}
	})
}

// FuzzBegun holds any expression to what its beginnings are.
func FuzzBegun(f *testing.F) {
	f.Add(`a(b|cd)*e`, "abcdbe")
	f.Add(`(?i)\bäx{2,3}?$`, "ÄXX")
	f.Add(`(?s).+\pL[^\n]`, "\n\nä.")
	f.Fuzz(func(t *testing.T, expr, text string) {
		re, err := regexp.Compile(expr)
		if err != nil || len(expr) > 50 {
			return
		}
		b, err := compileBegun(re)
		if err != nil {
			t.Skip(err)
		}
		if !strings.Contains(text, string(needs(expr))) && re.MatchString(text) {
			t.Errorf("%q matches %q without %q", expr, text, needs(expr))
		}
		b.prefix, b.whole = nil, true
		m := re.FindStringIndex(text)
		if m == nil {
			return
		}
		for i := range text {
			if i > m[1] || len(wholeRunes([]byte(text[:i]))) <= m[0] {
				continue
			}
			if got := b.span(nil, []byte(text[:i])); len(got) != 1 || got[0].first > uint64(m[0]) {
				t.Errorf("%q in %q: %v does not hide what %q begins at %d", expr, text, got, text[:i], m[0])
			}
		}
	})
}
