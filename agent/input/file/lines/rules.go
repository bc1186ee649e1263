package lines

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// rule is a Rule that is ready to be used.
type rule struct {
	literal []byte         // every text that the rule names has it; empty if there is none
	re      *regexp.Regexp // nil if the literal is all
	begun   *begun         // of a mask with an expression
}

func compileRule(r Rule) (rule, error) {
	if r.Matches == "" {
		return rule{literal: []byte(r.Contains)}, nil
	}
	re, err := regexp.Compile(r.Matches)
	if err != nil {
		return rule{}, err
	}
	return rule{literal: needs(r.Matches), re: re}, nil
}

func compileRules(key string, all []Rule) (out []rule, err error) {
	for i, r := range all {
		got, err := compileRule(r)
		if err == nil && key == "mask" && r.Matches != "" {
			got.begun, err = compileBegun(got.re)
		}
		if err != nil {
			return nil, fmt.Errorf("%s[%d].matches: %w", key, i, err)
		}
		out = append(out, got)
	}
	return out, nil
}

// names reports whether the rule finds something. Most texts are turned down by the literal alone.
func (r *rule) names(text []byte) bool {
	if len(r.literal) > 0 && !bytes.Contains(text, r.literal) {
		return false
	}
	return r.re == nil || r.re.Match(text)
}

// spans appends what the rule finds.
func (r *rule) spans(dst []span, text []byte) []span {
	if !r.names(text) {
		return dst
	}
	if r.re == nil {
		for at := 0; ; {
			i := bytes.Index(text[at:], r.literal)
			if i < 0 {
				return dst
			}
			at += i + len(r.literal)
			dst = append(dst, span{uint64(at - len(r.literal)), uint64(at)})
		}
	}
	for _, m := range r.re.FindAllSubmatchIndex(text, -1) {
		if len(m) > 2 && m[2] >= 0 {
			m = m[2:]
		}
		dst = append(dst, span{uint64(m[0]), uint64(m[1])})
	}
	return dst
}

// needs returns the longest literal that every match of an expression has, or nothing.
func needs(expr string) []byte {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return searchable(mandatory(re.Simplify()))
}

// searchable returns a literal of an expression as the bytes to look for. An invalid byte is U+FFFD to an expression, and
// three other bytes in a literal: then there is nothing to look for.
func searchable(literal string) []byte {
	if strings.ContainsRune(literal, utf8.RuneError) {
		return nil
	}
	return []byte(literal)
}

func mandatory(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return mandatory(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return mandatory(re.Sub[0])
		}
	case syntax.OpConcat:
		best := ""
		for _, sub := range re.Sub {
			if s := mandatory(sub); len(s) > len(best) {
				best = s
			}
		}
		return best
	}
	return ""
}
