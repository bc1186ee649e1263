package mask

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Config is the mask section of the configuration.
type Config struct {
	Rules []Rule `yaml:"rules"` // beside the defaults; one of a default's name replaces it

	// Keep are RE2 patterns of what is no part of any secret, beside those of the defaults: what the writer of a line puts
	// behind a text that another chose. Without them, who is called "--password" hides from where he came.
	Keep []string `yaml:"keep"`
}

// Rule says where a secret stands.
type Rule struct {
	Name     string   `yaml:"name"`
	Off      bool     `yaml:"off"`      // mask nothing: to switch off a default of that name
	Programs []string `yaml:"programs"` // whose lines, as syslog names them; default all
	Words    []string `yaml:"words"`    // one of which is in each such line, in either case; at least 3 characters each
	Within   string   `yaml:"within"`   // RE2: only in what this matches; default the whole line
	Patterns []string `yaml:"patterns"` // RE2: each of their groups is a secret, or all that one matches if it has none
}

// Validate reports every fault, each with its key.
func (r Rule) Validate() error {
	var errs []error
	if r.Name == "" {
		errs = append(errs, errors.New("name: a rule must have one"))
	}
	if r.Off {
		return errors.Join(errs...)
	}
	if len(r.Words) == 0 {
		errs = append(errs, errors.New("words: at least one is needed, or every line would be searched by the patterns"))
	}
	for i, w := range r.Words {
		if len(w) < shortestWord {
			errs = append(errs, fmt.Errorf("words[%d]: %q has less than %d characters", i, w, shortestWord))
		}
	}
	if len(r.Patterns) == 0 {
		errs = append(errs, errors.New("patterns: at least one is needed"))
	}
	if err := CheckPattern(r.Within); err != nil {
		errs = append(errs, fmt.Errorf("within: %w", err))
	}
	for i, p := range r.Patterns {
		if err := CheckPattern(p); err != nil {
			errs = append(errs, fmt.Errorf("patterns[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// maxProgram bounds a pattern, in instructions: each byte of a line may take as many steps.
const maxProgram = 5_000

// CheckPattern reports why a text is no pattern of RE2, or one that is too large to be held against every line.
func CheckPattern(text string) error {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err == nil && len(prog.Inst) > maxProgram {
		err = fmt.Errorf("it takes %d steps, of which %d are allowed: repeat less", len(prog.Inst), maxProgram)
	}
	return err
}

//go:embed defaults.yml
var defaults []byte

// Defaults returns the rules that apply unless the configuration says otherwise, as YAML with comments.
func Defaults() string { return string(defaults) }

// compile puts the rules of the configuration over the defaults.
func (c Config) compile() (rules []rule, keep []*regexp.Regexp, err error) {
	var all Config
	dec := yaml.NewDecoder(bytes.NewReader(defaults))
	dec.KnownFields(true)
	if err := dec.Decode(&all); err != nil {
		return nil, nil, fmt.Errorf("mask: read the default rules: %w", err)
	}
	seen := make(map[string]bool)
	for _, r := range c.Rules {
		if seen[r.Name] {
			return nil, nil, fmt.Errorf("mask.rules: %s: there are two rules of that name", r.Name)
		}
		seen[r.Name] = true
		i := slices.IndexFunc(all.Rules, func(d Rule) bool { return d.Name == r.Name })
		if i < 0 && r.Off {
			return nil, nil, fmt.Errorf("mask.rules: %s: there is no rule of that name to switch off", r.Name)
		}
		if i < 0 {
			all.Rules = append(all.Rules, r)
		} else {
			all.Rules[i] = r
		}
	}
	for _, r := range all.Rules {
		if err := r.Validate(); err != nil {
			return nil, nil, fmt.Errorf("mask.rules: %s: %w", r.Name, err)
		}
		if !r.Off {
			rules = append(rules, r.compile())
		}
	}
	for _, p := range slices.Concat(all.Keep, c.Keep) {
		if err := CheckPattern(p); err != nil {
			return nil, nil, fmt.Errorf("mask.keep: %w", err)
		}
		keep = append(keep, regexp.MustCompile(p))
	}
	return rules, keep, nil
}

// compile makes a valid rule ready.
func (r Rule) compile() rule {
	out := rule{programs: r.Programs}
	for _, p := range r.Patterns {
		out.patterns = append(out.patterns, regexp.MustCompile(p))
	}
	for _, w := range r.Words {
		out.words = append(out.words, strings.ToLower(w))
	}
	if r.Within != "" {
		out.within = regexp.MustCompile(r.Within)
	}
	return out
}

// rule is a Rule that is ready.
type rule struct {
	programs []string
	words    []string // lower case
	within   *regexp.Regexp
	patterns []*regexp.Regexp
}

func (r *rule) isFor(program string) bool {
	return len(r.programs) == 0 || program == "" || slices.Contains(r.programs, program)
}

func (r *rule) speaksOf(text string) bool {
	return slices.ContainsFunc(r.words, func(w string) bool { return containsFold(text, w) })
}

// find appends the secrets of a text.
func (r *rule) find(found []span, text string) []span {
	if r.within == nil {
		return r.findIn(found, text, 0)
	}
	for _, region := range r.within.FindAllStringIndex(text, -1) {
		found = r.findIn(found, text[region[0]:region[1]], region[0])
	}
	return found
}

// findIn appends the secrets of a part of a text that begins at base.
func (r *rule) findIn(found []span, part string, base int) []span {
	for _, pattern := range r.patterns {
		quotes := quoteCount{text: part}
		for _, at := range pattern.FindAllStringSubmatchIndex(part, -1) {
			groups := at[2:]
			if len(groups) == 0 {
				groups = at
			}
			for i := 0; i < len(groups); i += 2 {
				if groups[i] >= 0 && !quotes.endBefore(groups[i]) {
					found = append(found, span{base + groups[i], base + groups[i+1]})
				}
			}
		}
	}
	return found
}

// quoteCount counts the quotes of a text that have no "\" before them. It goes on from where it was.
type quoteCount struct {
	text string
	at   int
	odd  bool
}

// endBefore reports whether what stands right before a place is a quote that ends one, as in msg="no password=" n=1: what
// comes then is no secret. Places are asked for in their order, more or less.
func (q *quoteCount) endBefore(place int) bool {
	if place < 2 || q.text[place-1] != '"' || q.text[place-2] == '\\' {
		return false
	}
	if place < len(q.text) && strings.IndexByte(" \t,;)]}", q.text[place]) < 0 {
		return false // be it that somebody wrote 5" for five inches: it is more likely one that begins
	}
	if place < q.at {
		q.at, q.odd = 0, false
	}
	for ; q.at < place; q.at++ {
		switch q.text[q.at] {
		case '"':
			q.odd = !q.odd
		case '\\':
			q.at++
		}
	}
	return q.at == place && !q.odd
}
