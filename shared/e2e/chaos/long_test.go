//go:build long

package main

// long says that tests may take longer than those of every day.
const long = true
