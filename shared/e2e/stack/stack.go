// Package stack starts real servers and the real programs of this project, for tests, the demo and benchmarks: each in
// a folder of its own, on loopback ports that were free, ended by its process id. Nothing it starts outlives the
// process that started it.
package stack

import (
	"os"
	"os/exec"
	"strings"
)

// TB is what Need needs of a test.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// folders of programs that are not on everybody's PATH: the same as those of deps.sh.
var folders = []string{"/usr/sbin", "/sbin", "/usr/local/sbin", "/lib/systemd"}

// Find returns the path of a program, "" if it is not installed.
func Find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range folders {
		if path, err := exec.LookPath(dir + "/" + program); err == nil {
			return path
		}
	}
	return ""
}

// Missing returns those of the programs that are not installed.
func Missing(programs ...string) []string {
	var missing []string
	for _, p := range programs {
		if Find(p) == "" {
			missing = append(missing, p)
		}
	}
	return missing
}

// Need skips a test that cannot run here for want of a program. In CI that is a failure.
func Need(t TB, programs ...string) {
	t.Helper()
	lack(t, Missing(programs...))
}

func lack(t TB, missing []string) {
	t.Helper()
	if len(missing) == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("not installed: %s", strings.Join(missing, ", "))
	}
	t.Skipf("not installed: %s", strings.Join(missing, ", "))
}
