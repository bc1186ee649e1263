// Package file follows log files through rotation, renaming, truncation and compression.
//
// What is followed is a content, not a name: a run of bytes with an identity of its own (stream and epoch), wherever
// it lies: under its first name, under a rotated one, in an archive. An event is known by the content and the offset
// of its line there, so that a line read twice has one id. A content's cursor moves only over what the receiver has
// confirmed, and only without a hole. What of a content nobody has any more is declared, with its size.
//
//	names ─▶ scan ─▶ examine ─▶ ident.Judge ─▶ act ─▶ follower ─▶ lines ─▶ Sink
//	        (glob)   evidence    verdict              (archive)             │
//	                    ▲          │                                        ▼
//	                  state ◀──────┴──────────── cursors ◀──────────── Confirmed
//
// The identity of a content, what is known of its bytes, and every step of its class and day, is kept before the first
// event beyond it leaves. The package only reads. One goroutine, in Run, does all the work but for reading through
// archives; Confirmed, Indexed, Status and the like may be called from any other.
package file

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"belfry/agent/input/file/glob"
	"belfry/agent/input/file/lines"
	"belfry/shared/batch"
	"belfry/shared/conf"
)

// Start says where a file that is there at the very first look is read from.
const (
	StartBeginning = "beginning"
	StartEnd       = "end"
)

// Defaults of Config.
const (
	defaultBackfill = 30 * 24 * time.Hour
	defaultRate     = 32 << 20
	defaultPercent  = 90
)

// Config is one entry of inputs.files.
type Config struct {
	Paths        []string          `yaml:"paths"`         // absolute globs, ** for any folders; rotated siblings are found by themselves
	Exclude      []string          `yaml:"exclude"`       // globs of paths, or of names, that are left alone
	OldDir       []string          `yaml:"olddir"`        // folders of rotated files, if not beside the log; relative to it or absolute
	Class        string            `yaml:"class"`         // names index and retention; default "default"
	Start        string            `yaml:"start"`         // beginning (default) or end
	Backfill     *conf.Duration    `yaml:"backfill"`      // how old a rotated file may be that is read at the first start; default 30d
	BackfillRate *conf.Bytes       `yaml:"backfill_rate"` // bytes a second of what is of the past; 0 is no limit; default 32MiB
	Hold         Hold              `yaml:"hold"`
	Tags         []string          `yaml:"tags"`          // put on each event
	Fields       map[string]string `yaml:"fields"`        // put on each event, under labels
	MaskKey      string            `yaml:"mask_key_file"` // of the HMAC that stands for what is masked; default one of this agent's own

	lines.Config `yaml:",inline"`

	set   *glob.Set
	lines *lines.Compiled
}

// ownLabels are the labels that the agent gives by itself.
var ownLabels = []string{"raw_base64", "stream"}

// Hold says how long deleted files are held.
type Hold struct {
	DiskPercent int `yaml:"disk_percent"` // one that is not read yet is given up when its disk is so full; default 90
}

func (h Hold) percent() int { return cmp.Or(h.DiskPercent, defaultPercent) }

// Validate reports every fault, each with its key.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Paths) == 0 {
		errs = append(errs, errors.New("paths: at least one glob is needed"))
	} else if _, err := glob.Compile(c.Paths, c.Exclude); err != nil {
		errs = append(errs, err)
	}
	if c.Start != "" && c.Start != StartBeginning && c.Start != StartEnd {
		errs = append(errs, fmt.Errorf("start: %q is neither %s nor %s", c.Start, StartBeginning, StartEnd))
	}
	if c.Class != "" && !batch.ValidClass(c.Class) {
		errs = append(errs, fmt.Errorf("class: %q: use 1 to 32 of a-z, 0-9 and _", c.Class))
	}
	if p := c.Hold.DiskPercent; p < 0 || p > 100 {
		errs = append(errs, fmt.Errorf("hold.disk_percent: %d is not between 1 and 100", p))
	}
	if c.MaskKey != "" && !filepath.IsAbs(c.MaskKey) {
		errs = append(errs, fmt.Errorf("mask_key_file: %q is not an absolute path", c.MaskKey))
	}
	for _, name := range ownLabels {
		if _, taken := c.Fields[name]; taken {
			errs = append(errs, fmt.Errorf("fields.%s: the agent itself gives this label", name))
		}
	}
	return errors.Join(append(errs, c.Config.Validate())...)
}

// compile makes of the configuration what is used for each name and line.
func (c *Config) compile(state string) (err error) {
	if c.set, err = glob.Compile(c.Paths, c.Exclude); err != nil {
		return err
	}
	key, err := maskKey(c, state)
	if err != nil {
		return err
	}
	c.lines, err = lines.Compile(c.Config, key)
	return err
}

// backfill is how old a rotated file may be that is read at the first start.
func (c *Config) backfill() time.Duration {
	if c.Backfill == nil {
		return defaultBackfill
	}
	return time.Duration(*c.Backfill)
}

// rate is how many bytes of the past are read in a second; 0 is no limit.
func (c *Config) rate() int64 {
	if c.BackfillRate == nil {
		return defaultRate
	}
	return int64(*c.BackfillRate)
}

// class returns the class with its default.
func (c *Config) class() string { return cmp.Or(c.Class, "default") }
