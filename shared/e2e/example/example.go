// Package example reads the example configurations in packaging/, for tests that hold them to what the programs really do.
//
// In an example "# text" is prose and "#key: value" a key that is off, at the column where it belongs without the "#". What
// it shows is the default, unless the line ends with "# example".
package example

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	off  = regexp.MustCompile(`^#(  |[^ ])`)
	mere = regexp.MustCompile(`# example$`)
)

// Whole returns an example with every key on.
func Whole(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		lines[i] = off.ReplaceAllString(l, "$1")
	}
	return strings.Join(lines, "\n"), nil
}

// Defaults reads what an example shows as defaults, and nothing else, into a pointer to a struct with yaml tags.
func Defaults(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	doc, err := document(path)
	if err != nil {
		return err
	}
	claimed := map[int]bool{}
	for i, l := range strings.Split(string(text), "\n") {
		claimed[i+1] = off.MatchString(l) && !mere.MatchString(l)
	}
	prune(doc, claimed)
	if err := doc.Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

func document(path string) (*yaml.Node, error) {
	text, err := Whole(path)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return doc.Content[0], nil
}

// prune takes away what stands on no line that claims to show a default. What spans lines stays, with what is left of it.
func prune(n *yaml.Node, claimed map[int]bool) {
	var left []*yaml.Node
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for pair := range slices.Chunk(n.Content, step) {
		last := pair[len(pair)-1]
		block := last.Kind != yaml.ScalarNode && last.Style&yaml.FlowStyle == 0
		if block {
			prune(last, claimed)
		}
		if block || claimed[last.Line] {
			left = append(left, pair...)
		}
	}
	n.Content = left
}

// Missing lists the keys of a configuration, a struct with yaml tags, that an example does not have.
func Missing(path string, config any) ([]string, error) {
	doc, err := document(path)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	keys(doc, "", there)
	var missing []string
	fields(reflect.TypeOf(config), "", func(key string) {
		if !there[key] {
			missing = append(missing, key)
		}
	})
	return missing, nil
}

// keys gathers the keys of a document; those of all entries of a list are the same.
func keys(n *yaml.Node, above string, into map[string]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for pair := range slices.Chunk(n.Content, 2) {
			key := strings.TrimPrefix(above+"."+pair[0].Value, ".")
			into[key] = true
			keys(pair[1], key, into)
		}
	case yaml.SequenceNode:
		for _, entry := range n.Content {
			keys(entry, above, into)
		}
	}
}

// fields tells of each key that the decoder knows, as keys names them.
func fields(t reflect.Type, above string, tell func(key string)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || leaf(t) {
		return
	}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case options == "inline":
			fields(f.Type, above, tell)
		default:
			key := strings.TrimPrefix(above+"."+name, ".")
			tell(key)
			fields(f.Type, key, tell)
		}
	}
}

func leaf(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[yaml.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
