package lines

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// begun finds at the end of a text what may be the beginning of a match of which the rest was cut off. Without it a rule
// such as KEY-----.*-----END would let the head of a long key through.
type begun struct {
	re     *regexp.Regexp
	groups []int  // of re, that are the rule's first group
	whole  bool   // the rule has no group
	prefix []byte // each match begins so; empty if that is not known
}

func compileBegun(rule *regexp.Regexp) (*begun, error) {
	re, err := syntax.Parse(rule.String(), syntax.Perl)
	if err != nil {
		return nil, err
	}
	prefix, _ := rule.LiteralPrefix()
	b := &begun{whole: re.MaxCap() == 0, prefix: searchable(prefix)}
	var w writer
	w.write(prefixes(re))
	for i, group := range w.groups {
		if group == 1 {
			b.groups = append(b.groups, i+1)
		}
	}
	b.re, err = regexp.Compile("(?:" + w.String() + `)\z`)
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		return nil, fmt.Errorf("too large to find what a cut leaves of it: %s", e.Code) // its text says nothing to who wrote the rule
	}
	return b, err
}

// span appends what is to be masked at the end of a text that was cut. Of a match that begins in the last overlap bytes
// it may find nothing.
func (b *begun) span(dst []span, text []byte) []span {
	if !bytes.Contains(text, b.prefix) {
		return dst
	}
	m := b.re.FindSubmatchIndex(wholeRunes(text))
	add := func(from, to int) {
		if to == m[1] {
			to = len(text) // with the broken character
		}
		dst = append(dst, span{uint64(from), uint64(to)})
	}
	switch {
	case m == nil || m[0] == m[1]:
	case b.whole:
		add(m[0], m[1])
	default:
		for _, g := range b.groups {
			if m[2*g] >= 0 {
				add(m[2*g], m[2*g+1])
			}
		}
	}
	return dst
}

// wholeRunes takes a broken character off the end.
func wholeRunes(text []byte) []byte {
	for i := len(text) - 1; i >= 0 && i >= len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return text[:i]
			}
			break
		}
	}
	return text
}

// prefixes returns an expression that matches every beginning of what re matches, the empty one and the whole too. As to
// what stands around a match (^, $, \b) it matches more. Of several ways it takes the one that gets further into re.
func prefixes(re *syntax.Regexp) *syntax.Regexp {
	switch re.Op {
	case syntax.OpLiteral:
		return prefixesOfLiteral(re)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return node(syntax.OpQuest, re.Flags, re)
	case syntax.OpCapture:
		out := node(syntax.OpCapture, re.Flags, prefixes(re.Sub[0]))
		out.Cap = re.Cap
		return out
	case syntax.OpStar, syntax.OpPlus:
		return concat(node(syntax.OpStar, re.Flags, re.Sub[0]), prefixes(re.Sub[0]))
	case syntax.OpRepeat:
		return prefixesOfRepeat(re)
	case syntax.OpQuest:
		return prefixes(re.Sub[0])
	case syntax.OpConcat:
		out := prefixes(re.Sub[len(re.Sub)-1])
		for i := len(re.Sub) - 2; i >= 0; i-- {
			out = node(syntax.OpAlternate, re.Flags, concat(re.Sub[i], out), prefixes(re.Sub[i]))
		}
		return out
	case syntax.OpAlternate:
		out := node(syntax.OpAlternate, re.Flags)
		for _, sub := range re.Sub {
			out.Sub = append(out.Sub, prefixes(sub))
		}
		return out
	default:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	}
}

func prefixesOfLiteral(re *syntax.Regexp) *syntax.Regexp {
	out := &syntax.Regexp{Op: syntax.OpEmptyMatch}
	for i := len(re.Rune) - 1; i >= 0; i-- {
		one := &syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags, Rune: re.Rune[i : i+1]}
		out = node(syntax.OpQuest, re.Flags&^syntax.NonGreedy, concat(one, out))
	}
	return out
}

func prefixesOfRepeat(re *syntax.Regexp) *syntax.Regexp {
	if re.Max == 0 {
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	}
	before := node(syntax.OpStar, re.Flags, re.Sub[0])
	if re.Max > 0 {
		before.Op, before.Min, before.Max = syntax.OpRepeat, 0, re.Max-1
	}
	return concat(before, prefixes(re.Sub[0]))
}

func node(op syntax.Op, flags syntax.Flags, sub ...*syntax.Regexp) *syntax.Regexp {
	return &syntax.Regexp{Op: op, Flags: flags, Sub: sub}
}

func concat(a, b *syntax.Regexp) *syntax.Regexp { return node(syntax.OpConcat, a.Flags, a, b) }
