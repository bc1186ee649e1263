package gauge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Pin writes a program into dir that has the name of another one, and runs it on the CPUs of a list ("1", "0,1") with at
// most so many threads of Go's at a time; 0 leaves that to Go. The process is the other program's own: its id is that
// of the script.
func Pin(dir, program, cpus string, threads int) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	var script strings.Builder
	script.WriteString("#!/bin/sh\n")
	if threads > 0 {
		fmt.Fprintf(&script, "export GOMAXPROCS=%d\n", threads)
	}
	fmt.Fprintf(&script, "exec taskset -c %s '%s' \"$@\"\n", cpus, program)
	return os.WriteFile(filepath.Join(dir, filepath.Base(program)), []byte(script.String()), 0o755)
}
