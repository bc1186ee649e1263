package rotate

import (
	"errors"
	"fmt"
	"path/filepath"

	"belfry/agent/rotate/logrotate"
)

// Check tells what of the configuration will not work on this machine, and what the process lacks for it: files that
// logrotate owns, that are links, that lie in directories which others may write. Each line begins with its key. It looks
// with the rights of who calls, and changes nothing. followed says whether an input has a file: of one that none has nothing
// rotated is ever deleted.
func Check(cfgs []Config, followed func(path string) bool) []string {
	return check(cfgs, followed, logrotate.Open("/"))
}

func check(cfgs []Config, followed func(path string) bool, owners *logrotate.Owners) []string {
	var all []string
	named := map[[2]int]bool{}
	r := &Rotator{owners: owners}
	for _, m := range find(cfgs) {
		named[[2]int{m.cfg, m.glob}] = true
		f := &family{path: m.path, dir: filepath.Dir(m.path), base: filepath.Base(m.path), cfg: &cfgs[m.cfg]}
		d, _, err := r.check(f)
		if err == nil {
			d.close()
		}
		switch {
		case err != nil:
			all = append(all, fmt.Sprintf("rotate[%d].paths[%d]: %s", m.cfg, m.glob, errorLine(m.path, err)))
		case !followed(m.path):
			all = append(all, fmt.Sprintf("rotate[%d].paths[%d]: %s is in no inputs.files: nothing rotated of it is ever deleted", m.cfg, m.glob, m.path))
		}
	}
	for i, c := range cfgs {
		for j, p := range c.Paths {
			if !named[[2]int{i, j}] {
				all = append(all, fmt.Sprintf("rotate[%d].paths[%d]: %s matches nothing now", i, j, p))
			}
		}
		all = append(all, checkCreate(i, c)...)
	}
	return all
}

func checkCreate(i int, c Config) (all []string) {
	if _, err := c.Create.like(stat{}); err != nil {
		all = append(all, fmt.Sprintf("rotate[%d].create: %v", i, err))
	}
	if c.Signal != nil {
		if _, _, err := c.Signal.read(); err != nil && !errors.Is(err, errNoWriter) {
			all = append(all, fmt.Sprintf("rotate[%d].signal.pid_file: %v", i, err))
		}
	}
	return all
}
