package query

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// The regular expressions of the language are those that RE2 and Lucene both know, and mean the same by: characters,
// classes, groups, alternatives and repeats. They stand for the whole value. They are read by Go's own parser, and
// written anew for whoever is to run them: nothing of a user's text is handed on.

// The bounds of regular expressions.
const (
	maxRegex  = 256     // characters as they are written
	maxStates = 1000    // of the deterministic automaton that an index may make of it: some expressions have 2^n
	maxSize   = 20_000  // instructions in all of these states together
	maxWork   = 1 << 20 // steps to find that out
)

// regexFlags make the dot and the classes take every character, the line end too.
const regexFlags = syntax.ClassNL | syntax.DotNL | syntax.OneLine | syntax.PerlX

// readRegex reads an expression. A problem is one of the character at index at.
func readRegex(src []rune) (tree *syntax.Regexp, at int, problem, hint string) {
	if len(src) > maxRegex {
		return nil, 0, fmt.Sprintf("a regular expression of %d characters is too long", len(src)),
			fmt.Sprintf("use no more than %d", maxRegex)
	}
	if at, problem, hint = outside(src); problem != "" {
		return nil, at, problem, hint
	}
	tree, err := syntax.Parse(string(src), regexFlags)
	if err != nil {
		at, problem, hint = explain(src, err)
		return nil, at, problem, hint
	}
	tree = withoutFold(tree)
	if tooComplex(tree) {
		return nil, 0, "this regular expression is too complex",
			"repeat less behind .*, or ask for its parts by AND"
	}
	return tree, 0, "", ""
}

// withoutFold returns an expression in which every character means itself: Go's parser makes of [Aa] a literal A that is
// to be read in any case, of which the trees' readers here know nothing.
func withoutFold(tree *syntax.Regexp) *syntax.Regexp {
	n := *tree
	n.Flags &^= syntax.FoldCase
	if n.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase != 0 {
		n = syntax.Regexp{Op: syntax.OpConcat, Flags: n.Flags}
		for _, r := range tree.Rune {
			class := []rune{r, r}
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				class = union(class, []rune{f, f})
			}
			n.Sub = append(n.Sub, classOf(class))
		}
		return &n
	}
	n.Sub = make([]*syntax.Regexp, len(tree.Sub))
	n.Sub0 = [1]*syntax.Regexp{}
	for i, s := range tree.Sub {
		n.Sub[i] = withoutFold(s)
	}
	return &n
}

// escapes are the letters that mean something behind a \.
const escapes = "dDwWsSnrt"

// outside finds the first part of an expression that is not of the common subset.
func outside(src []rune) (at int, problem, hint string) {
	for i, class := 0, false; i < len(src); i++ {
		r := src[i]
		next := rune(0)
		if i+1 < len(src) {
			next = src[i+1]
		}
		switch {
		case r == '\\' && next == 0:
			return i, `nothing follows the \`, `write \\ for the sign itself`
		case r == '\\' && !strings.ContainsRune(escapes, next) &&
			(next >= unicode.MaxASCII || unicode.IsLetter(next) || unicode.IsDigit(next) || unicode.IsControl(next)):
			return i, fmt.Sprintf(`\%c is not of the regular expressions here`, printable(next)),
				`there are \d \w \s, their opposites \D \W \S, \n \r \t, and \ before a sign`
		case r == '\\':
			i++
		case class:
			class = r != ']'
		case r == '[':
			class = true
			if next == '^' {
				i++
			}
			if i+1 < len(src) && src[i+1] == ']' {
				i++
			}
		case r == '^' || r == '$':
			return i, fmt.Sprintf("%q is not of the regular expressions here", r),
				fmt.Sprintf(`an expression is the whole value, write .* for the rest; \%c is the sign itself`, r)
		case r == '(' && next == '?' && (i+2 >= len(src) || src[i+2] != ':'):
			return i, "this kind of group is not of the regular expressions here", "groups are (…) and (?:…)"
		}
	}
	return 0, "", ""
}

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return unicode.ReplacementChar
	}
	return r
}

// explain puts an error of Go's parser at its place.
func explain(src []rune, err error) (at int, problem, hint string) {
	var bad *syntax.Error
	if !errors.As(err, &bad) {
		return 0, "this regular expression cannot be read", ""
	}
	if i := strings.Index(string(src), bad.Expr); i > 0 {
		at = len([]rune(string(src)[:i]))
	}
	switch bad.Code {
	case syntax.ErrMissingParen:
		return 0, `a "(" in this regular expression is never closed`, `add a ")", or write \( for the sign itself`
	case syntax.ErrUnexpectedParen:
		return 0, `")" without a "(" in this regular expression`, `remove it, or write \) for the sign itself`
	case syntax.ErrMissingBracket:
		return at, `this "[" is never closed`, `add a "]", or write \[ for the sign itself`
	case syntax.ErrMissingRepeatArgument, syntax.ErrInvalidRepeatOp:
		return at, show(bad.Expr) + " repeats nothing", `write \ before it for the sign itself`
	case syntax.ErrInvalidRepeatSize, syntax.ErrLarge:
		return at, show(bad.Expr) + " repeats too often", "repeat less"
	}
	return at, "this regular expression cannot be read: " + bad.Code.String() + ": " + show(bad.Expr), ""
}

// lowerRegex returns an expression with its letters lower-cased, but for those behind a \.
func lowerRegex(src []rune) []rune {
	src = slices.Clone(src)
	for i := 0; i < len(src); i++ {
		if src[i] == '\\' {
			i++
			continue
		}
		src[i] = lower(src[i])
	}
	return src
}

// anyCase returns an expression that finds in any case what tree finds in lower case.
func anyCase(tree *syntax.Regexp) *syntax.Regexp {
	n := *tree
	switch n.Op {
	case syntax.OpLiteral:
		n = syntax.Regexp{Op: syntax.OpConcat, Flags: tree.Flags &^ syntax.FoldCase}
		for _, r := range tree.Rune {
			n.Sub = append(n.Sub, classOf(casesOf(r)))
		}
		return &n
	case syntax.OpCharClass:
		return classOf(unfold(tree.Rune))
	}
	n.Sub = make([]*syntax.Regexp, len(tree.Sub))
	n.Sub0 = [1]*syntax.Regexp{}
	for i, s := range tree.Sub {
		n.Sub[i] = anyCase(s)
	}
	return &n
}

func classOf(pairs []rune) *syntax.Regexp {
	return &syntax.Regexp{Op: syntax.OpCharClass, Flags: regexFlags, Rune: pairs}
}

// casesOf returns the class of the characters that lower makes r.
func casesOf(r rune) []rune {
	var of []rune
	add := func(c rune) {
		if lower(c) == r {
			of = append(of, c, c)
		}
	}
	add(r)
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		add(f)
	}
	if r == 'i' {
		add('İ') // the one that SimpleFold does not lead to
	}
	return sorted(of)
}

// unfold returns the class of the characters that lower puts into a class.
func unfold(class []rune) []rune {
	var in, out []rune
	for _, u := range uppers() {
		if inClass(class, lower(u)) {
			in = append(in, u, u)
		} else {
			out = append(out, u, u)
		}
	}
	return union(without(class, union(out, nil)), in)
}

// uppers returns the characters that lower changes.
var uppers = sync.OnceValue(func() []rune {
	var all []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if lower(r) != r {
			all = append(all, r)
		}
	}
	return all
})
