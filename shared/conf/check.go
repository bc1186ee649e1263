package conf

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// check holds a document against the type that it is meant for, and reports all that does not fit.
func check(doc *yaml.Node, into any) error {
	var c checker
	c.value(doc, reflect.TypeOf(into), "")
	slices.SortStableFunc(c.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for _, f := range c.faults {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

type fault struct {
	line      int
	key, what string
}

func (f fault) Error() string {
	if f.key == "" {
		return fmt.Sprintf("%d: %s", f.line, f.what)
	}
	return fmt.Sprintf("%d: %s: %s", f.line, f.key, f.what)
}

type checker struct{ faults []fault }

func (c *checker) add(n *yaml.Node, key, format string, args ...any) {
	c.faults = append(c.faults, fault{n.Line, key, fmt.Sprintf(format, args...)})
}

// value walks the document and the type together. It goes no deeper than the type does.
func (c *checker) value(n *yaml.Node, t reflect.Type, key string) {
	for t.Kind() == reflect.Pointer && !reads(t) {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.DocumentNode:
		c.value(n.Content[0], t, key)
	case n.Kind == yaml.AliasNode:
		c.value(n.Alias, t, key)
	case n.Tag == "!!null":
		return
	case t == reflect.TypeFor[Durations]() && n.Kind == yaml.MappingNode:
		c.table(n, t, key) // each fault has its line
	case reads(reflect.PointerTo(t)):
		c.leaf(n, t, key)
	case t.Kind() == reflect.Struct:
		c.section(n, t, key)
	case t.Kind() == reflect.Map:
		c.table(n, t, key)
	case t.Kind() == reflect.Slice:
		c.list(n, t, key)
	default:
		c.leaf(n, t, key)
	}
}

var (
	yamlReader = reflect.TypeFor[yaml.Unmarshaler]()
	textReader = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func reads(t reflect.Type) bool { return t.Implements(yamlReader) || t.Implements(textReader) }

// section checks a struct's keys.
func (c *checker) section(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.MappingNode {
		c.add(n, key, "%s is not a section of keys", shown(n))
		return
	}
	fields, open := fieldsOf(t)
	c.pairs(n, key, func(k, v *yaml.Node, full string) {
		switch f, ok := fields[k.Value]; {
		case ok:
			c.value(v, f, full)
		case !open:
			c.add(k, full, "unknown key%s", hint(k.Value, fields))
		}
	})
}

func (c *checker) table(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.MappingNode {
		c.add(n, key, "%s is not a section of keys", shown(n))
		return
	}
	c.pairs(n, key, func(_, v *yaml.Node, full string) { c.value(v, t.Elem(), full) })
}

func (c *checker) list(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.SequenceNode {
		c.add(n, key, "%s is not a list", shown(n))
		return
	}
	for i, v := range n.Content {
		c.value(v, t.Elem(), fmt.Sprintf("%s[%d]", key, i))
	}
}

// pairs calls fn for each key of a mapping, and finds those that stand twice.
func (c *checker) pairs(n *yaml.Node, key string, fn func(k, v *yaml.Node, full string)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" {
			continue // keys of an anchor; the decoder knows what they mean
		}
		full := strings.TrimPrefix(key+"."+k.Value, ".")
		if line, twice := first[k.Value]; twice {
			c.add(k, full, "stands twice, first on line %d", line)
			continue
		}
		first[k.Value] = k.Line
		fn(k, v, full)
	}
}

// leaf has the decoder try one value.
func (c *checker) leaf(n *yaml.Node, t reflect.Type, key string) {
	err := n.Decode(reflect.New(t).Interface())
	if err == nil {
		return
	}
	for _, e := range Split(readable(err)) {
		what := atLine.ReplaceAllString(e.Error(), "")
		if strings.HasPrefix(what, "cannot unmarshal") {
			what = fmt.Sprintf("%s is not %s", shown(n), kind(t))
		}
		c.add(n, key, "%s", strings.TrimSpace(what))
	}
}

var atLine = regexp.MustCompile(`^(?:\d+|line \d+): `)

// readable turns the decoder's errors into "LINE: what is wrong".
func readable(err error) error {
	var faults *yaml.TypeError
	words := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if errors.As(err, &faults) {
		words = faults.Errors
	}
	var errs []error
	for _, w := range words {
		if rest, ok := strings.CutPrefix(w, "line "); ok {
			errs = append(errs, errors.New(rest))
		} else {
			errs = append(errs, errors.New(" "+w))
		}
	}
	return errors.Join(errs...)
}

func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%.40q", n.Value)
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0 up that fits"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number that fits"
	}
	return "a " + t.String()
}
