package alert

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spec is the left side of a field: its name and the modifiers behind it.
type spec struct {
	shown string // as it was written
	field string // ECS name; "" for keywords
	how   string // the modifier that says how to compare; "" for equality
	all   bool   // every value, not one of them
	cased bool
}

// hows are the modifiers of which one may stand.
var hows = []string{"contains", "startswith", "endswith", "re", "cidr", "exists", "lt", "lte", "gt", "gte"}

// parseSpec reads "field|modifier|modifier".
func parseSpec(text string) (spec, error) {
	name, rest, _ := strings.Cut(text, "|")
	s := spec{shown: text, field: name}
	if ecs, ok := fieldNames[name]; ok {
		s.field = ecs
	}
	if rest == "" {
		if name == "" {
			return s, errors.New("a field without a name")
		}
		return s, nil
	}
	for m := range strings.SplitSeq(rest, "|") {
		switch {
		case m == "all":
			s.all = true
		case m == "cased":
			s.cased = true
		case slices.Contains(hows, m) && s.how != "":
			return s, fmt.Errorf("%s: the modifiers %s and %s exclude each other", text, s.how, m)
		case slices.Contains(hows, m):
			s.how = m
		default:
			return s, fmt.Errorf("%s: unknown modifier %q; there are all, cased, %s", text, m, strings.Join(hows, ", "))
		}
	}
	return s, s.check()
}

func (s spec) check() error {
	number := slices.Contains([]string{"exists", "lt", "lte", "gt", "gte"}, s.how)
	switch {
	case s.cased && (number || s.how == "re" || s.how == "cidr"):
		return fmt.Errorf("%s: cased means nothing with %s", s.shown, s.how)
	case s.all && number:
		return fmt.Errorf("%s: all means nothing with %s", s.shown, s.how)
	case s.field == "" && s.how != "" && s.how != "contains":
		return fmt.Errorf("%s: keywords have no modifiers but all, cased and contains", s.shown)
	}
	return nil
}

func (s spec) join(conds []cond) cond {
	switch {
	case len(conds) == 1:
		return conds[0]
	case s.all:
		return allOf(conds)
	}
	return anyOf(conds)
}

// compiled is the condition that one value makes. Equality without wildcards and case is told apart by its text,
// because many such values are looked up at once.
type compiled struct {
	cond
	exact string
}

func (s spec) value(n *yaml.Node) (compiled, error) {
	if n.Tag == "!!null" || n.Value == "" {
		if s.how != "" {
			return compiled{}, fmt.Errorf("an empty value with %s", s.how)
		}
		return compiled{cond: absent{s.field}}, nil
	}
	switch s.how {
	case "re":
		return s.regexp(n.Value)
	case "cidr":
		return s.network(n.Value)
	case "exists":
		return s.exists(n)
	case "lt", "lte", "gt", "gte":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || f != f {
			return compiled{}, fmt.Errorf("%q is not a number", n.Value)
		}
		return compiled{cond: valued{s.field, compare(s.how, f)}}, nil
	}
	return s.pattern(n.Value), nil
}

func (s spec) pattern(text string) compiled {
	p := parsePattern(text)
	switch s.how {
	case "contains":
		p = around(p)
	case "startswith":
		p = append(p, anyRun)
	case "endswith":
		p = append(pattern{anyRun}, p...)
	}
	if literal, ok := p.literal(); ok && !s.cased {
		return compiled{exact: literal}
	}
	if !slices.ContainsFunc(p, func(r rune) bool { return r != anyRun }) {
		return compiled{cond: present{s.field}}
	}
	return compiled{cond: valued{s.field, p.test(s.cased)}}
}

// regexp takes RE2, which cannot be made to run long. It finds the expression anywhere and minds the case, as Sigma
// says.
func (s spec) regexp(text string) (compiled, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return compiled{}, fmt.Errorf("not a regular expression (RE2): %w", err)
	}
	return compiled{cond: valued{s.field, re.MatchString}}, nil
}

func (s spec) network(text string) (compiled, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return compiled{}, fmt.Errorf("%q is not a network such as 10.0.0.0/8", text)
	}
	prefix = prefix.Masked()
	return compiled{cond: valued{s.field, func(v string) bool {
		a, err := netip.ParseAddr(v)
		return err == nil && prefix.Contains(a.Unmap().WithZone(""))
	}}}, nil
}

func (s spec) exists(n *yaml.Node) (compiled, error) {
	switch n.Value {
	case "true":
		return compiled{cond: present{s.field}}, nil
	case "false":
		return compiled{cond: absent{s.field}}, nil
	}
	return compiled{}, fmt.Errorf("%q is neither true nor false", n.Value)
}
