// Command tally reads the output of `go test -json`, prints what a reader needs of it (one line a package, the output
// of what failed, the reason of what was skipped, and each measurement that a test printed), and as its last line
//
//	N passed, N failed, N skipped
//
// A test that has subtests counts by them; a package that fails outside of its tests (a build, a panic) counts as one
// failure. The exit code is 1 if anything failed, or, with CI=true in the environment, was skipped.
package main

import (
	"fmt"
	"os"
)

func main() {
	t := newTally(os.Stdout)
	if err := t.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	if !t.sum(os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}
