package mask

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Config is the mask section of the configuration.
type Config struct {
	Rules []Rule `yaml:"rules"` // beside the defaults; one of a default's name replaces it
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
	if _, err := regexp.Compile(r.Within); err != nil {
		errs = append(errs, fmt.Errorf("within: %w", err))
	}
	for i, p := range r.Patterns {
		if _, err := regexp.Compile(p); err != nil {
			errs = append(errs, fmt.Errorf("patterns[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

//go:embed defaults.yml
var defaults []byte

// Defaults returns the rules that apply unless the configuration says otherwise, as YAML with comments.
func Defaults() string { return string(defaults) }

// compile puts the rules of the configuration over the defaults.
func (c Config) compile() ([]rule, error) {
	var all Config
	dec := yaml.NewDecoder(bytes.NewReader(defaults))
	dec.KnownFields(true)
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("mask: read the default rules: %w", err)
	}
	for _, r := range c.Rules {
		i := slices.IndexFunc(all.Rules, func(d Rule) bool { return d.Name == r.Name })
		if i < 0 {
			all.Rules = append(all.Rules, r)
		} else {
			all.Rules[i] = r
		}
	}
	var out []rule
	for _, r := range all.Rules {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("mask.rules: %s: %w", r.Name, err)
		}
		if !r.Off {
			out = append(out, r.compile())
		}
	}
	return out, nil
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
		for _, at := range pattern.FindAllStringSubmatchIndex(part, -1) {
			groups := at[2:]
			if len(groups) == 0 {
				groups = at
			}
			for i := 0; i < len(groups); i += 2 {
				if groups[i] >= 0 && !inToken(part[groups[i]:], groups[i+1]-groups[i]) {
					found = append(found, span{base + groups[i], base + groups[i+1]})
				}
			}
		}
	}
	return found
}
