package alert

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"belfry/shared/event"
)

// readRules reads a file of rules, one a YAML document (https://sigmahq.io/sigma-specification/, version 2). A key
// that Sigma does not know is an error: it is most often a misspelt one.
func readRules(file string, text []byte) ([]*Rule, error) {
	var rules []*Rule
	r := &reader{file: file}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: ")))
			break
		}
		if len(doc.Content) == 1 {
			rules = append(rules, r.rule(doc.Content[0]))
		}
	}
	if len(rules) == 0 && len(r.errs) == 0 {
		r.errs = append(r.errs, fmt.Errorf("%s: no rule in this file", file))
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return rules, nil
}

// idle are the keys of Sigma that change nothing here.
var idle = []string{"name", "related", "taxonomy", "references", "author", "date", "modified", "license", "scope",
	"fields", "falsepositives", "simulation", "regression_tests_path"}

var statuses = []string{"stable", "test", "experimental", "deprecated", "unsupported"}

// rule reads one document. What it returns is only good if the reader has no faults.
func (r *reader) rule(n *yaml.Node) *Rule {
	rule := &Rule{File: r.file, Line: n.Line, Level: "medium"}
	var source, detection cond
	for _, p := range r.pairs(n, "the rule") {
		switch p.name {
		case "title":
			rule.Title = r.text(p.value, p.name)
		case "id":
			rule.ID = r.text(p.value, p.name)
		case "description":
			rule.Description = r.text(p.value, p.name)
		case "status":
			rule.Status = r.word(p, statuses)
		case "level":
			rule.Level = r.word(p, Levels)
		case "tags":
			rule.Tags = r.texts(p.value, p.name)
		case "logsource":
			source = r.logsource(p.value)
		case "detection":
			detection = r.detection(p.value)
		case "belfry":
			r.belfry(rule, p.value)
		default:
			r.other(p)
		}
	}
	r.complete(rule, n, source, detection)
	return rule
}

// word returns one of a fixed list.
func (r *reader) word(p pair, allowed []string) string {
	s := r.text(p.value, p.name)
	if !slices.Contains(allowed, s) {
		r.fail(p.value, "%s %q is none of %s", p.name, s, strings.Join(allowed, ", "))
	}
	return s
}

func (r *reader) other(p pair) {
	switch {
	case slices.Contains(idle, p.name):
	case p.name == "correlation":
		r.fail(p.key, "correlations are not supported yet")
	case p.name == "action" || p.name == "filter":
		r.fail(p.key, "%s: global rules and filters are not supported", p.name)
	default:
		r.fail(p.key, "%s: unknown key", p.name)
	}
}

func (r *reader) complete(rule *Rule, n *yaml.Node, source, detection cond) {
	if rule.Title == "" {
		r.fail(n, "the rule has no title")
	}
	if rule.ID == "" {
		r.fail(n, "the rule has no id")
	}
	if detection == nil {
		r.fail(n, "the rule has no detection that could be read")
		return
	}
	rule.when = detection
	if source != nil {
		rule.when = allOf{source, detection}
	}
	if rule.summary == nil {
		rule.summary = summary{{text: rule.Title + " on "}, {text: "host.name", field: true}}
	}
}

// belfry reads our own block.
func (r *reader) belfry(rule *Rule, n *yaml.Node) {
	for _, p := range r.pairs(n, "belfry") {
		switch p.name {
		case "enabled":
			rule.disabled = !r.bool(p.value, p.name)
		case "group":
			rule.Group = r.texts(p.value, p.name)
		case "summary":
			var err error
			if rule.summary, err = parseSummary(r.text(p.value, p.name)); err != nil {
				r.fail(p.value, "%v", err)
			}
		case "samples":
			for _, s := range r.pairs(p.value, "belfry.samples") {
				switch s.name {
				case "fires":
					rule.fires = r.samples(s.value)
				case "silent":
					rule.silent = r.samples(s.value)
				default:
					r.fail(s.key, "belfry.samples.%s: unknown key; there are fires and silent", s.name)
				}
			}
		default:
			r.fail(p.key, "belfry.%s: unknown key; there are enabled, group, summary and samples", p.name)
		}
	}
}

func (r *reader) samples(n *yaml.Node) []sample {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "samples are not a list of events")
		return nil
	}
	var all []sample
	for _, item := range n.Content {
		e := &event.Event{}
		r.fields(e, "", item, 0)
		all = append(all, sample{e, item.Line})
	}
	return all
}

// fields adds what a sample says, nested or with dotted names, to an event.
func (r *reader) fields(e *event.Event, prefix string, n *yaml.Node, depth int) {
	if depth > maxDepth {
		r.fail(n, "a sample nested deeper than %d", maxDepth)
		return
	}
	for _, p := range r.pairs(n, "a sample") {
		if p.value.Kind == yaml.MappingNode {
			r.fields(e, prefix+p.name+".", p.value, depth+1)
			continue
		}
		for _, v := range r.texts(p.value, prefix+p.name) {
			e.Append(prefix+p.name, v)
		}
	}
}
