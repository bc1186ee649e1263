// Package quiet keeps off the standard error what libraries log while a program begins, before its main: a command would
// print it before its answer. Who imports it for that effect calls Over at the beginning of main.
//
// It imports nothing but the standard library, so it is initialized before them (The Go Programming Language
// Specification, Program initialization; packages are sorted by import path).
package quiet

import (
	"io"
	"log"
)

// before is where the log of libraries went.
var before = hush()

func hush() io.Writer {
	w := log.Writer()
	log.SetOutput(io.Discard)
	return w
}

// Over lets the log of libraries be read again.
func Over() { log.SetOutput(before) }
