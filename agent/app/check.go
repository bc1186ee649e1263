package app

import (
	"fmt"
	"os"
	"path/filepath"

	"belfry/agent/config"
)

// Check looks for what is valid but probably not meant: globs that match nothing, files that cannot be read.
func Check(cfg *config.Config) []string {
	var warnings []string
	for i, in := range cfg.Inputs.Files {
		for j, pattern := range in.Paths {
			paths, _ := filepath.Glob(pattern) // the pattern was checked
			if len(paths) == 0 {
				warnings = append(warnings, fmt.Sprintf("inputs.files[%d].paths[%d]: %s matches nothing now", i, j, pattern))
			}
			for _, p := range paths {
				if f, err := os.Open(p); err != nil {
					warnings = append(warnings, fmt.Sprintf("inputs.files[%d].paths[%d]: %v", i, j, err))
				} else if err := f.Close(); err != nil {
					warnings = append(warnings, fmt.Sprintf("inputs.files[%d].paths[%d]: %v", i, j, err))
				}
			}
		}
	}
	return warnings
}
