package rotate

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"belfry/shared/conf"
)

// Config is one entry of rotate. A file is rotated when it is as large as Size or as old as Age.
type Config struct {
	Paths         []string      `yaml:"paths"`          // absolute globs of live files; their rotated ones are found by themselves
	Size          conf.Bytes    `yaml:"size"`           // rotate from this size on; default not by size
	Age           conf.Duration `yaml:"age"`            // rotate a file that was begun so long ago; default not by age
	MinSize       conf.Bytes    `yaml:"min_size"`       // leave a smaller file alone, however old; default 1 byte
	Keep          int           `yaml:"keep"`           // delete older ones than so many rotated files; default keep all
	KeepFor       conf.Duration `yaml:"keep_for"`       // delete what was last written so long ago; default never
	Compress      *bool         `yaml:"compress"`       // gzip rotated files; default true
	DelayCompress bool          `yaml:"delay_compress"` // leave the newest rotated file plain; default false
	DateExt       bool          `yaml:"dateext"`        // NAME-YYYYMMDD-HHMMSS in local time; default NAME.1, NAME.2…
	Postrotate    []string      `yaml:"postrotate"`     // program and arguments that tell the writer; no shell; default none
	Signal        *Signal       `yaml:"signal"`         // or a signal to the writer; default none
	Wait          conf.Duration `yaml:"wait"`           // how long a rotated file must be quiet where its writer cannot be seen; default 1m
	NoCreate      bool          `yaml:"nocreate"`       // the writer makes the new file itself; default false
	Create        *Create       `yaml:"create"`         // how the new file is made; default as the old one was
}

// Signal says how the writer learns that it is to open its file anew.
type Signal struct {
	PIDFile string `yaml:"pid_file" json:"pid_file"` // file with the writer's process id
	Signal  string `yaml:"signal" json:"signal"`     // HUP, USR1 or USR2; default HUP
}

// Create says how a new live file is made. What is not set is as with the old file.
type Create struct {
	Mode  Mode   `yaml:"mode"`  // octal, as 0640
	Owner string `yaml:"owner"` // name or number
	Group string `yaml:"group"` // name or number
}

// Mode is a file's permissions, written in octal. Zero is not set.
type Mode uint32

// UnmarshalText reads the octal form.
func (m *Mode) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(strings.TrimPrefix(string(text), "0o"), 8, 32)
	if err != nil || v == 0 || v > 0o777 {
		return fmt.Errorf("%q is not a mode such as 0640", text)
	}
	*m = Mode(v)
	return nil
}

const (
	defaultWait = time.Minute
	maxKeep     = 100000
)

func (c *Config) compress() bool      { return c.Compress == nil || *c.Compress }
func (c *Config) wait() time.Duration { return cmp.Or(time.Duration(c.Wait), defaultWait) }
func (c *Config) least() int64        { return max(int64(c.MinSize), 1) }

// notice returns how the writer is told, nil if it is not.
func (c *Config) notice() *notice {
	if len(c.Postrotate) == 0 && c.Signal == nil {
		return nil
	}
	return &notice{Command: c.Postrotate, Signal: c.Signal}
}

// Validate reports every fault, each with its key.
func (c *Config) Validate() error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf(key+": "+format, args...))
	}
	if len(c.Paths) == 0 {
		fault("paths", "at least one glob is needed")
	}
	for i, p := range c.Paths {
		key := fmt.Sprintf("paths[%d]", i)
		if !filepath.IsAbs(p) {
			fault(key, "%q is not an absolute path", p)
		}
		if _, err := filepath.Match(p, "/"); err != nil {
			fault(key, "%q: %w", p, err)
		}
		if strings.Contains(p, "**") || strings.ContainsAny(p, "{}") {
			fault(key, "%q: ** and {…} are for inputs.files alone: what is rotated is named folder by folder", p)
		}
	}
	if c.Size == 0 && c.Age == 0 {
		fault("size", "neither size nor age is given: nothing would be rotated")
	}
	if c.Size > 0 && c.MinSize > c.Size {
		fault("min_size", "%d is more than size, %d", c.MinSize, c.Size)
	}
	if c.Age > 0 && c.Age < conf.Duration(time.Minute) {
		fault("age", "%v is less than 1m", c.Age)
	}
	if c.Keep < 0 || c.Keep > maxKeep {
		fault("keep", "%d is not between 1 and %d", c.Keep, maxKeep)
	}
	if c.DelayCompress && !c.compress() {
		fault("delay_compress", "compress is false")
	}
	return errors.Join(append(errs, c.validateWriter()...)...)
}

// validateWriter checks how the writer is told, and what it gets.
func (c *Config) validateWriter() (errs []error) {
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf(key+": "+format, args...))
	}
	if c.Signal != nil && len(c.Postrotate) > 0 {
		fault("signal", "give either postrotate or signal")
	}
	if c.Postrotate != nil && (len(c.Postrotate) == 0 || !filepath.IsAbs(c.Postrotate[0])) {
		fault("postrotate", "%q does not begin with the absolute path of a program; there is no shell", c.Postrotate)
	}
	if s := c.Signal; s != nil {
		if !filepath.IsAbs(s.PIDFile) {
			fault("signal.pid_file", "%q is not an absolute path", s.PIDFile)
		}
		if _, ok := signals[s.Signal]; !ok {
			fault("signal.signal", "%q is none of HUP, USR1 and USR2", s.Signal)
		}
	}
	if c.NoCreate && c.Create != nil {
		fault("create", "nocreate is true")
	}
	return errs
}
