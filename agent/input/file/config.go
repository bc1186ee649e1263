// Package file follows log files through rotation, renaming, truncation and compression.
//
// What is followed is a content, not a name: a run of bytes with an identity of its own (stream and epoch), wherever
// it lies: under its first name, under a rotated one, in an archive. An event is known by the content and the offset
// of its line there, so that a line read twice has one id. A content's cursor moves only over what the receiver has
// confirmed, and only without a hole.
//
// The identity of a content, and every step of its class and day, is on disk before the first event beyond it leaves.
// The package only reads. One goroutine, in Run, does all the work; Confirmed may be called from any other.
package file

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Start says where a file that is there at the very first look is read from.
const (
	StartBeginning = "beginning"
	StartEnd       = "end"
)

// Config is one entry of inputs.files.
type Config struct {
	Paths   []string          `yaml:"paths"`   // absolute globs; rotated siblings are found by themselves
	Exclude []string          `yaml:"exclude"` // globs of paths that are left alone
	Class   string            `yaml:"class"`   // names index and retention; default "default"
	Start   string            `yaml:"start"`   // beginning (default) or end
	Tags    []string          `yaml:"tags"`    // put on each event
	Fields  map[string]string `yaml:"fields"`  // put on each event, under labels
}

// Validate reports every fault, each with its key.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Paths) == 0 {
		errs = append(errs, errors.New("paths: at least one glob is needed"))
	}
	for i, p := range append(c.Paths[:len(c.Paths):len(c.Paths)], c.Exclude...) {
		key := fmt.Sprintf("paths[%d]", i)
		if i >= len(c.Paths) {
			key = fmt.Sprintf("exclude[%d]", i-len(c.Paths))
		}
		if !filepath.IsAbs(p) {
			errs = append(errs, fmt.Errorf("%s: %q is not an absolute path", key, p))
		}
		if _, err := filepath.Match(p, "/"); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", key, p, err))
		}
	}
	if c.Start != "" && c.Start != StartBeginning && c.Start != StartEnd {
		errs = append(errs, fmt.Errorf("start: %q is neither %s nor %s", c.Start, StartBeginning, StartEnd))
	}
	if c.Class != "" && !validClass(c.Class) {
		errs = append(errs, fmt.Errorf("class: %q: use 1 to 32 of a-z, 0-9 and _", c.Class))
	}
	return errors.Join(errs...)
}

// Excludes reports whether a path is to be left alone.
func (c *Config) Excludes(path string) bool {
	return slices.ContainsFunc(c.Exclude, func(pattern string) bool {
		byPath, _ := filepath.Match(pattern, path)
		return byPath
	})
}

// class returns the class with its default.
func (c *Config) class() string {
	if c.Class == "" {
		return "default"
	}
	return c.Class
}

func validClass(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return len(s) <= 32
}
