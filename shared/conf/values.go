package conf

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a length of time, never negative: 10s, 5m, 36h, 90d, 2w, or several together, as 1d12h.
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

// UnmarshalText reads the written form, of a flag.
func (d *Duration) UnmarshalText(text []byte) error {
	got, err := ParseDuration(string(text))
	*d = Duration(got)
	return err
}

// String is the written form, without days and weeks.
func (d Duration) String() string { return time.Duration(d).String() }

// days are the units that the standard library does not know, in the order in which they stand.
var days = []struct {
	unit string
	size time.Duration
}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}}

// ParseDuration reads what Duration describes.
func ParseDuration(s string) (time.Duration, error) {
	fault := fmt.Errorf("%q is not a length of time such as 10s, 5m or 90d", s)
	rest, sum := s, time.Duration(0)
	for _, u := range days {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		after, ok := strings.CutPrefix(rest[digits:], u.unit)
		if digits == 0 || !ok {
			continue
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil || n > int64((math.MaxInt64-sum)/u.size) {
			return 0, fault
		}
		sum += time.Duration(n) * u.size
		rest = after
	}
	if rest == "" && s != "" {
		return sum, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > math.MaxInt64-sum {
		return 0, fault
	}
	return sum + d, nil
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

// maxBytes is more than any disk, and far from overflow.
const maxBytes = 1 << 60

// ParseBytes reads what Bytes describes.
func ParseBytes(s string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		number = strings.TrimSpace(number)
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || strings.Trim(number, "0123456789.") != "" || n*u.size > maxBytes {
			break
		}
		return int64(n * u.size), nil
	}
	return 0, fmt.Errorf("%q is not a size such as 64KiB or 10GB", s)
}

// Secret is text that must not be shown: however it is printed, it prints as ***.
type Secret string

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String hides the text, but not whether there is any.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format hides the text from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalYAML hides the text.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// MarshalText hides the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
