package alert

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"belfry/shared/event"
)

//go:embed rules/*.yml
var builtIn embed.FS

// maxFile bounds a file of rules, in bytes.
const maxFile = 1 << 20

// Rules is a set of compiled rules. It never changes and is safe for concurrent use.
type Rules struct {
	list   []*Rule
	filter *prefilter
}

// LoadRules reads the rules that are built in, and every *.yml and *.yaml below the folders but for hidden ones. A
// rule of a folder takes the place of a built-in one with the same id (with `belfry: {enabled: false}` it only takes
// it away). All faults of all files are reported at once, each with file and line.
func LoadRules(dirs []string) (*Rules, error) {
	c := &collection{byID: map[string]*Rule{}}
	if err := c.folder(builtIn, "rules", ""); err != nil {
		return nil, fmt.Errorf("read built-in rules: %w", err)
	}
	c.builtIn = len(c.list)
	for i, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("alert.rules[%d]: %w", i, err)
		}
		if err := c.folder(os.DirFS(dir), ".", dir); err != nil {
			return nil, fmt.Errorf("alert.rules[%d]: read rules in %s: %w", i, dir, err)
		}
	}
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	return compile(c.enabled()), nil
}

func compile(list []*Rule) *Rules { return &Rules{list: list, filter: newPrefilter(list)} }

// Match calls hit for each rule that matches, in the order of All.
func (rs *Rules) Match(e *event.Event, hit func(*Rule)) {
	m := rs.filter.candidates(e)
	for _, i := range m.rules {
		if r := rs.list[i]; r.when.match(e) {
			hit(r)
		}
	}
	rs.filter.pool.Put(m)
}

// All returns the rules: the built-in ones, then those of the folders, each in the order of file names.
func (rs *Rules) All() []*Rule { return append([]*Rule(nil), rs.list...) }

// CheckSamples runs every rule over its samples, and reports each sample that behaves otherwise than it must.
func (rs *Rules) CheckSamples() error {
	var errs []error
	for _, r := range rs.list {
		errs = append(errs, r.CheckSamples())
	}
	return errors.Join(errs...)
}

// collection is a set of rules that is being read.
type collection struct {
	list    []*Rule
	byID    map[string]*Rule
	builtIn int // how many of the list are built in
	errs    []error
}

func (c *collection) folder(fsys fs.FS, root, shown string) error {
	return fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && name != "." {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := path.Ext(name); d.IsDir() || ext != ".yml" && ext != ".yaml" {
			return nil
		}
		return c.file(fsys, name, filepath.Join(shown, name))
	})
}

func (c *collection) file(fsys fs.FS, name, shown string) error {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		c.errs = append(c.errs, fmt.Errorf("%s: not a regular file of at most %d bytes", shown, maxFile))
		return nil
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	rules, err := readRules(shown, text)
	c.errs = append(c.errs, err)
	for _, r := range rules {
		c.add(r)
	}
	return nil
}

func (c *collection) add(r *Rule) {
	id := strings.ToLower(r.ID)
	if old := c.byID[id]; old != nil {
		if c.builtIn == 0 || !c.isBuiltIn(old) {
			c.errs = append(c.errs,
				fmt.Errorf("%s:%d: id %s is that of %s:%d", r.File, r.Line, r.ID, old.File, old.Line))
			return
		}
		old.disabled = true
	}
	c.byID[id] = r
	c.list = append(c.list, r)
}

func (c *collection) isBuiltIn(r *Rule) bool {
	for _, b := range c.list[:c.builtIn] {
		if b == r {
			return true
		}
	}
	return false
}

func (c *collection) enabled() []*Rule {
	var on []*Rule
	for _, r := range c.list {
		if !r.disabled {
			on = append(on, r)
		}
	}
	return on
}
