package parse

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"belfry/shared/event"
)

// customSpec is a parser as it is written.
type customSpec struct {
	Name     written            `yaml:"name"`
	Program  texts              `yaml:"program"`
	Override bool               `yaml:"override"`
	Pattern  texts              `yaml:"pattern"`
	KV       *kvSpec            `yaml:"kv"`
	JSON     bool               `yaml:"json"`
	Fields   map[string]mapping `yaml:"fields"`
	Set      map[string]texts   `yaml:"set"`
	Tags     texts              `yaml:"tags"`
	Samples  []customSample     `yaml:"samples"`
}

// kvSpec says how pairs are written.
type kvSpec struct {
	Pairs  string `yaml:"pairs"`  // between two pairs; default a blank
	Equals string `yaml:"equals"` // between name and value; default "="
	Trim   string `yaml:"trim"`   // characters to take off both ends of the text; default none
}

// customSample is a line, and what is to be found in it.
type customSample struct {
	Line     written          `yaml:"line"`
	Received time.Time        `yaml:"received"` // when it was read: the year of stamps that have none; default now
	Fields   map[string]texts `yaml:"fields"`   // an empty list: it must be absent
	NoMatch  bool             `yaml:"no_match"`
}

// written is a text, and the line of the file on which it stands.
type written struct {
	text string
	line int
}

// UnmarshalYAML reads a scalar.
func (w *written) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: it is not text", n.Line)
	}
	w.text, w.line = n.Value, n.Line
	return nil
}

// texts is a text or a list of texts.
type texts []written

// UnmarshalYAML reads a scalar or a list of scalars.
func (t *texts) UnmarshalYAML(n *yaml.Node) error {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	*t = make(texts, len(list))
	for i, item := range list {
		if err := (*t)[i].UnmarshalYAML(item); err != nil {
			return err
		}
	}
	return nil
}

func (t texts) values() []string {
	all := make([]string, len(t))
	for i := range t {
		all[i] = t[i].text
	}
	return all
}

// custom is a parser that is ready.
type custom struct {
	name, file string
	line       int
	programs   []string
	globs      bool
	override   bool
	patterns   []pattern
	kv         *kvSpec
	json       bool
	to         map[string]*mapping
	set        []constant
	tags       []string
	samples    []customSample
}

// constant is a field that every event of a parser has.
type constant struct {
	field  string
	values []string
}

func (c *custom) fault(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", c.file, line, fmt.Sprintf(format, args...))
}

// compile makes the parser, or reports all that is wrong with it.
func (s *customSpec) compile(file string) (*custom, error) {
	p := &custom{name: s.Name.text, file: file, line: max(1, s.Name.line), override: s.Override, json: s.JSON, kv: s.KV,
		to: make(map[string]*mapping), samples: s.Samples}
	var errs []error
	fault := func(line int, format string, args ...any) { errs = append(errs, p.fault(line, format, args...)) }
	if p.name == "" {
		fault(p.line, "name: a parser needs one")
	}
	ways := 0
	for _, used := range []bool{len(s.Pattern) > 0, s.KV != nil, s.JSON} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		fault(p.line, "%s: exactly one of pattern, kv and json says how it reads", p.name)
	}
	for _, name := range s.Program {
		if _, err := path.Match(name.text, ""); err != nil || name.text == "" {
			fault(name.line, "program: %q is neither a name nor a pattern", name.text)
		}
		p.programs, p.globs = append(p.programs, name.text), p.globs || isGlob(name.text)
	}
	for group, m := range s.Fields {
		if err := m.check(); err != nil {
			fault(max(p.line, m.line), "fields.%s: %v", group, err) // an empty one has no line
		}
		p.to[group] = &m
	}
	errs = append(errs, p.compilePatterns(s.Pattern), p.compileSet(s.Set), p.compileTags(s.Tags), p.checkSamples())
	return p, errors.Join(errs...)
}

func (c *custom) compilePatterns(list texts) error {
	var errs []error
	groups := make(map[string]bool)
	for _, w := range list {
		q, err := compilePattern(w.text)
		if err != nil {
			errs = append(errs, c.fault(w.line, "pattern: %v", err))
			continue
		}
		for _, name := range q.groups {
			groups[name] = true
		}
		c.patterns = append(c.patterns, q)
	}
	for name, m := range c.to {
		if len(list) > 0 && len(errs) == 0 && !groups[name] {
			errs = append(errs, c.fault(m.line, "fields.%s: no pattern has such a group", name))
		}
	}
	return errors.Join(errs...)
}

func (c *custom) compileSet(set map[string]texts) error {
	var errs []error
	for name, values := range set {
		line := c.line
		if len(values) > 0 {
			line = values[0].line
		}
		if err := checkField(name); err != nil {
			errs = append(errs, c.fault(line, "set.%s: %v", name, err))
		}
		if len(values) > 1 && !event.IsList(name) && event.TypeOf(name) != event.Keyword {
			errs = append(errs, c.fault(line, "set.%s: it has one value", name))
		}
		for _, v := range values {
			if v.text == "" || !fits(name, v.text) {
				errs = append(errs, c.fault(v.line, "set.%s: %q is no value of it", name, v.text))
			}
		}
		c.set = append(c.set, constant{name, values.values()})
	}
	slices.SortFunc(c.set, func(a, b constant) int { return strings.Compare(a.field, b.field) })
	return errors.Join(errs...)
}

// ourTags say what only Belfry may say.
var ourTags = strings.Fields(`ambiguous no_id claimed unauthenticated doubt identity_mismatch time_out_of_range clock_not_set
	timezone_unknown dst_ambiguous masked overflow truncated invalid_utf8 journal_fields_cut journal_entry_damaged`)

func (c *custom) compileTags(list texts) error {
	var errs []error
	for _, t := range list {
		if t.text == "" || slices.Contains(ourTags, t.text) {
			errs = append(errs, c.fault(t.line, "tags: %q is not one that a parser may give", t.text))
		}
		c.tags = append(c.tags, t.text)
	}
	return errors.Join(errs...)
}

func (c *custom) checkSamples() error {
	var errs []error
	matching := 0
	for _, s := range c.samples {
		if s.Line.text == "" {
			errs = append(errs, c.fault(c.line, "%s: a sample has no line", c.name))
		}
		if !s.NoMatch {
			matching++
		} else if len(s.Fields) > 0 {
			errs = append(errs, c.fault(s.Line.line, "sample: it has fields and no_match"))
		}
	}
	if matching == 0 {
		errs = append(errs, c.fault(c.line, "%s: it needs a sample that it reads", c.name))
	}
	return errors.Join(errs...)
}

// neverMapped begins the names of what no parser may set: what was proven, what names the event, and what Belfry says.
var neverMapped = []string{
	"agent.", "host.", "observer.", "belfry.", "journald.", "systemd.", "data_stream.", "log.syslog.", "log.source.",
	"log.file.", "log.offset", "log.original_length", "event.id", "event.original", "event.created", "event.ingested",
	"event.timezone", "event.kind", "event.dataset", "tags", "details.", "tls.client.", "labels.log_time", "labels.raw_base64",
	"labels.dataset", "labels.stream", "ecs.",
}

// checkField reports why a parser cannot set a field.
func checkField(name string) error {
	switch {
	case !isLabel([]byte(name)):
		return errors.New("it cannot be the name of a field")
	case slices.ContainsFunc(neverMapped, func(never string) bool {
		return name == strings.TrimSuffix(never, ".") || never[len(never)-1] == '.' && strings.HasPrefix(name, never)
	}):
		return errors.New("no line may say that of itself")
	case name != "message" && name != "@timestamp" && strings.IndexByte(name, '.') < 0:
		return errors.New("it is not in a set of fields: write labels." + name)
	}
	return nil
}

// pattern is a regular expression, with what a text needs to have so that it can match.
type pattern struct {
	re      *regexp.Regexp
	groups  []string // by number, "" where one has no name
	literal string   // "" if nothing is known
	prefix  string   // what it begins with; "" likewise
}

// maxSteps bounds a pattern, in instructions of RE2: each byte of a line may take as many steps, and all lines wait for it.
const maxSteps = 5_000

func compilePattern(text string) (pattern, error) {
	if text == "" {
		return pattern{}, errors.New("it is empty, and would be found in every line")
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return pattern{}, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return pattern{}, err
	}
	if len(prog.Inst) > maxSteps {
		return pattern{}, fmt.Errorf("it takes %d steps, of which %d are allowed: repeat less", len(prog.Inst), maxSteps)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return pattern{}, err
	}
	return pattern{re, re.SubexpNames(), literalOf(tree), prefixOf(tree)}, nil
}

// may reports whether a text can match at all, as far as that is quickly seen.
func (q *pattern) may(text string) bool {
	return strings.HasPrefix(text, q.prefix) && (len(q.literal) <= len(q.prefix) || strings.Contains(text, q.literal))
}

// prefixOf returns the text that everything an expression matches begins with, if it is bound to the beginning.
func prefixOf(re *syntax.Regexp) string {
	if re.Op != syntax.OpConcat || re.Sub[0].Op != syntax.OpBeginText || re.Sub[1].Op != syntax.OpLiteral {
		return ""
	}
	return literalOf(re.Sub[1])
}

// literalOf returns the longest text that is in everything an expression matches.
func literalOf(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return literalOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return literalOf(re.Sub[0])
		}
	case syntax.OpConcat:
		longest := ""
		for _, sub := range re.Sub {
			if s := literalOf(sub); len(s) > len(longest) {
				longest = s
			}
		}
		return longest
	}
	return ""
}
