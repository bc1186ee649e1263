// Package terminal is what a command line must know of the terminal that it prints on: how wide it is, what text does to
// it, and how a view that is live takes it over and gives it back.
//
// The sequences are those of ECMA-48 and xterm's alternate screen, which all terminals of today understand.
package terminal

import (
	"os"

	"golang.org/x/sys/unix"
)

// Is reports whether a file is a terminal.
func Is(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Size returns the cells of a terminal, 80 by 24 where it does not say.
func Size(f *os.File) (width, height int) {
	width, height = 80, 24
	if w, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && w.Col > 0 && w.Row > 0 {
		width, height = int(w.Col), int(w.Row)
	}
	return width, height
}
