package app

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// screen is where the command line prints.
type screen struct {
	terminal bool
	width    int  // in cells
	colour   bool // wanted
}

const defaultWidth = 80

// screen returns what is known of the standard output. color is auto, always or never; auto, which "" is too, means on a
// terminal alone, and not where NO_COLOR (https://no-color.org) is set.
func (c *CLI) screen(color string) screen {
	s := screen{width: defaultWidth}
	if c.Out == nil {
		s.terminal = isTerminal(os.Stdout)
		if w, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ); err == nil && w.Col > 0 {
			s.width = int(w.Col)
		}
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		s.width = n
	}
	switch color {
	case "always":
		s.colour = true
	case "never":
	default:
		s.colour = s.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

// The colours, as parameters of SGR (ECMA-48, 8.3.117).
const (
	dim     = "2"
	bold    = "1"
	red     = "31"
	green   = "32"
	cyan    = "36"
	foundAs = "1;33" // bold and yellow
)

// paint colours text, which must be printable already.
func (s screen) paint(sgr, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

// printable takes out what would act on a terminal: an attacker may have written the text.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	return mapPrintable(s)
}
