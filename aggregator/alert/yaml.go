package alert

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// reader reads YAML strictly and collects the faults, each with file and line.
type reader struct {
	file string
	errs []error
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.file, n.Line, fmt.Sprintf(format, args...)))
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// pair is one entry of a mapping.
type pair struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// pairs returns the entries of a mapping, in order. Anchors are refused: a rule is small, and what it means should
// stand where one reads it.
func (r *reader) pairs(n *yaml.Node, what string) []pair {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is not a mapping of names to values", what)
		return nil
	}
	seen := map[string]bool{}
	var all []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			r.fail(k, "a name within %s is not text", what)
		case v.Kind == yaml.AliasNode || v.Anchor != "" || k.Tag == "!!merge":
			r.fail(k, "%s: anchors and aliases are not supported", k.Value)
		case seen[k.Value]:
			r.fail(k, "%s stands twice", k.Value)
		default:
			seen[k.Value] = true
			all = append(all, pair{k.Value, k, v})
		}
	}
	return all
}

// text returns a scalar as it is written; null is "".
func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!binary" {
		r.fail(n, "%s is not text", what)
		return ""
	}
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// scalars returns a scalar as a list of one, or the scalars of a list.
func (r *reader) scalars(n *yaml.Node, what string) []*yaml.Node {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	for _, v := range list {
		if v.Kind != yaml.ScalarNode || v.Tag == "!!binary" {
			r.fail(v, "%s is neither a value nor a list of values", what)
			return nil
		}
	}
	if len(list) == 0 {
		r.fail(n, "%s is an empty list", what)
	}
	return list
}

func (r *reader) texts(n *yaml.Node, what string) []string {
	var all []string
	for _, v := range r.scalars(n, what) {
		all = append(all, r.text(v, what))
	}
	return all
}

func (r *reader) bool(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		r.fail(n, "%s is neither true nor false", what)
	}
	return n.Value == "true"
}
