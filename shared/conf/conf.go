// Package conf reads configuration files in YAML, strictly: a key that nothing knows, a value of the wrong type or a
// key that stands twice is an error with file and line. All faults of a file are reported at once.
package conf

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// validator is a configuration that can check itself.
type validator interface{ Validate() error }

// Load reads the file at path into a pointer to a struct with yaml tags. If that has a method Validate() error, each
// of the faults that it joins is reported with the name of the file. An empty file is the zero configuration.
func Load(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if err := decode(text, into); err != nil {
		return prefix(path+":", err)
	}
	if v, ok := into.(validator); ok {
		return prefix(path+": ", v.Validate())
	}
	return nil
}

func decode(text []byte, into any) error {
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	dec.KnownFields(true)
	err := dec.Decode(into)
	var faults *yaml.TypeError
	switch {
	case err == nil || err.Error() == "EOF":
		return nil
	case errors.As(err, &faults):
		var errs []error
		for _, f := range faults.Errors {
			errs = append(errs, errors.New(readable(f)))
		}
		return errors.Join(errs...)
	}
	return errors.New(readable(strings.TrimPrefix(err.Error(), "yaml: ")))
}

var (
	atLine  = regexp.MustCompile(`^(?:[^:]*: )?line (\d+): (?s:(.*))$`)
	unknown = regexp.MustCompile(`^field (\S+) not found in type .*$`)
	twice   = regexp.MustCompile(`^mapping key ("[^"]*") already defined at line (\d+)$`)
	unfit   = regexp.MustCompile("^cannot unmarshal (\\S+)(?: `(.*)`)? into (.*)$")
)

// readable turns the library's words into "LINE: key: what is wrong".
func readable(fault string) string {
	m := atLine.FindStringSubmatch(fault)
	if m == nil {
		return " " + fault
	}
	line, what := m[1], m[2]
	if u := unknown.FindStringSubmatch(what); u != nil {
		what = u[1] + ": unknown key"
	} else if u := twice.FindStringSubmatch(what); u != nil {
		what = fmt.Sprintf("%s stands twice, first on line %s", u[1], u[2])
	} else if u := unfit.FindStringSubmatch(what); u != nil {
		what = fmt.Sprintf("%q is not a %s", u[2], kind(u[3]))
	}
	return line + ": " + what
}

func kind(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "list"
	case strings.HasPrefix(goType, "map["), strings.Contains(goType, "."):
		return "section of keys"
	case strings.Contains(goType, "int"):
		return "number"
	case goType == "bool":
		return "true or false"
	}
	return goType
}

func prefix(p string, err error) error {
	var errs []error
	for _, e := range Split(err) {
		errs = append(errs, fmt.Errorf("%s%w", p, e))
	}
	return errors.Join(errs...)
}

// Split returns the errors that were joined into one, so that each can be given the name of its section.
func Split(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, Split(e)...)
		}
		return all
	}
	return []error{err}
}

// Duration is a length of time: 10s, 5m, 36h, 90d, 2w, or several together, as 1d12h.
type Duration time.Duration

// UnmarshalYAML reads the written form.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	got, err := ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*d = Duration(got)
	return nil
}

// ParseDuration reads what Duration describes.
func ParseDuration(s string) (time.Duration, error) {
	rest, days := s, time.Duration(0)
	for unit, length := range map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour} {
		i := strings.Index(rest, unit)
		if i < 0 {
			continue
		}
		from := strings.LastIndexFunc(rest[:i], func(r rune) bool { return r < '0' || r > '9' }) + 1
		n, err := strconv.Atoi(rest[from:i])
		if err != nil || n > 36500 {
			return 0, fmt.Errorf("%q is not a length of time such as 10s, 5m or 90d", s)
		}
		days += time.Duration(n) * length
		rest = rest[:from] + rest[i+1:]
	}
	if rest == "" && days > 0 {
		return days, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("%q is not a length of time such as 10s, 5m or 90d", s)
	}
	return days + d, nil
}

// Bytes is a size: 512, 64KiB, 10MiB, 2GiB (powers of 1024), or KB, MB, GB (powers of 1000).
type Bytes int64

// UnmarshalYAML reads the written form.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) error {
	got, err := ParseBytes(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*b = Bytes(got)
	return nil
}

var units = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// ParseBytes reads what Bytes describes.
func ParseBytes(s string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || n < 0 || n*u.size > 1<<62 {
			break
		}
		return int64(n * u.size), nil
	}
	return 0, fmt.Errorf("%q is not a size such as 64KiB or 10GB", s)
}

// Secret is text that must not be shown: it prints as ***.
type Secret string

// String hides the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the text.
func (s Secret) GoString() string { return s.String() }

// MarshalYAML hides the text.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// MarshalText hides the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }
