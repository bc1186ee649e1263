package lines

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"belfry/shared/conf"
)

// Encodings of a file.
const (
	Auto    = "auto" // UTF-8, unless the file begins with the byte order mark of UTF-16
	UTF8    = "utf-8"
	UTF16LE = "utf-16le"
	UTF16BE = "utf-16be"
	Latin1  = "latin-1"
)

// Formats of a line.
const (
	Plain      = "plain"
	CRI        = "cri"         // what Kubernetes' runtimes write: time, stream, P or F, text
	DockerJSON = "docker-json" // what Docker's json-file driver writes
)

// Bounds and defaults.
const (
	defaultLine    = 64 << 10
	smallestLine   = 16
	largestLine    = 1 << 20 // what the receiver takes of one event is 2 MiB, and JSON makes text longer
	defaultLines   = 500
	largestLines   = 100_000
	defaultTimeout = 5 * time.Second
)

// Config says how the bytes of a file become events. Its keys are part of an entry of inputs.files.
type Config struct {
	MaxLine   conf.Bytes `yaml:"max_line"`  // of a line that are sent, the rest is only counted; default 64KiB, at most 1MiB
	Encoding  string     `yaml:"encoding"`  // auto (default), utf-8, utf-16le, utf-16be or latin-1
	Format    string     `yaml:"format"`    // plain (default), cri or docker-json
	Multiline *Multiline `yaml:"multiline"` // joins lines that are one event
	Drop      []Rule     `yaml:"drop"`      // an event that one of them names is not sent
	Mask      []Rule     `yaml:"mask"`      // what they find is replaced by [masked:HMAC]
}

// Multiline joins lines by exactly one of its rules. A line is looked at without its line end, CR LF too.
type Multiline struct {
	Begins    string        `yaml:"begins"`    // RE2: a line that it matches begins an event
	Continues string        `yaml:"continues"` // RE2: a line that it matches belongs to the event before it
	Escaped   bool          `yaml:"escaped"`   // a line that ends with a backslash is continued by the next
	MaxLines  int           `yaml:"max_lines"` // of one event; default 500
	MaxBytes  conf.Bytes    `yaml:"max_bytes"` // likewise; default max_line, at most 1MiB
	Timeout   conf.Duration `yaml:"timeout"`   // an event ends when nothing came for so long; default 5s
}

// Rule names a text by a literal or by a regular expression.
type Rule struct {
	Contains string `yaml:"contains"` // these bytes
	Matches  string `yaml:"matches"`  // RE2; to mask, its first group if it has one
}

// Validate reports every fault, each with its key.
func (c *Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.MaxLine != 0 && (c.MaxLine < smallestLine || c.MaxLine > largestLine) {
		fault("max_line: %d is not between %d and %d bytes", c.MaxLine, smallestLine, largestLine)
	}
	switch c.Encoding {
	case "", Auto, UTF8, UTF16LE, UTF16BE, Latin1:
	default:
		fault("encoding: %q is none of %s, %s, %s, %s and %s", c.Encoding, Auto, UTF8, UTF16LE, UTF16BE, Latin1)
	}
	switch c.Format {
	case "", Plain:
	case CRI, DockerJSON:
		if c.Encoding != "" && c.Encoding != Auto && c.Encoding != UTF8 {
			fault("encoding: format %s is always %s", c.Format, UTF8)
		}
	default:
		fault("format: %q is none of %s, %s and %s", c.Format, Plain, CRI, DockerJSON)
	}
	if c.Multiline != nil {
		errs = append(errs, c.Multiline.validate()...)
	}
	errs = append(errs, validateRules("drop", c.Drop)...)
	errs = append(errs, validateRules("mask", c.Mask)...)
	return errors.Join(errs...)
}

func (m *Multiline) validate() (errs []error) {
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("multiline."+format, args...)) }
	rules := 0
	for _, r := range []struct{ key, text string }{{"begins", m.Begins}, {"continues", m.Continues}} {
		if r.text == "" {
			continue
		}
		rules++
		if _, err := regexp.Compile(r.text); err != nil {
			fault("%s: %w", r.key, err)
		}
	}
	if m.Escaped {
		rules++
	}
	if rules != 1 {
		errs = append(errs, errors.New("multiline: give exactly one of begins, continues and escaped"))
	}
	if m.MaxLines != 0 && (m.MaxLines < 2 || m.MaxLines > largestLines) {
		fault("max_lines: %d is not between 2 and %d", m.MaxLines, largestLines)
	}
	if m.MaxBytes != 0 && (m.MaxBytes < smallestLine || m.MaxBytes > largestLine) {
		fault("max_bytes: %d is not between %d and %d bytes", m.MaxBytes, smallestLine, largestLine)
	}
	return errs
}

func validateRules(key string, rules []Rule) (errs []error) {
	for i, r := range rules {
		if (r.Contains == "") == (r.Matches == "") {
			errs = append(errs, fmt.Errorf("%s[%d]: give either contains or matches", key, i))
		}
		if len(r.Contains) > overlap {
			errs = append(errs, fmt.Errorf("%s[%d].contains: %d bytes, at most %d", key, i, len(r.Contains), overlap))
		}
	}
	for i := range rules { // one by one: each fault is to be told
		if _, err := compileRules(key, rules[i:i+1]); err != nil {
			errs = append(errs, fmt.Errorf("%s[%d].matches: %w", key, i, errors.Unwrap(err)))
		}
	}
	return errs
}
