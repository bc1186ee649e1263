// Command benchparse reads the output of `go test -bench`, where each operation is one line of a log, prints the medians
// of what each parser takes, and as its last line
//
//	bench-parse: mixed_lines_per_s=N bytes_per_op=N allocs_per_op=N vs_json_unmarshal=X
//
// The last is how many times more lines a second are parsed than encoding/json decodes the same lines as ECS objects.
package main

import (
	"fmt"
	"os"
)

func main() {
	all, err := read(os.Stdin)
	if err == nil {
		err = report(os.Stdout, all)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchparse:", err)
		os.Exit(1)
	}
}
