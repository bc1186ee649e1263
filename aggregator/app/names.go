package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errBadNames says that a list of hosts cannot be read.
var errBadNames = errors.New("list of hosts")

// maxHostName is the longest name of a host (RFC 1035), and of a certificate (RFC 5280 has 64).
const maxHostName = 255

// readNames reads a list of hosts: one name a line; what follows a # is a comment. All its faults are reported at once,
// each with its line.
func readNames(r io.Reader) (names []string, err error) {
	var errs []error
	seen := make(map[string]int)
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		name := strings.TrimSpace(text)
		if n == 1 {
			name = strings.TrimPrefix(name, "\uFEFF")
		}
		switch {
		case name == "":
			continue
		case strings.ContainsAny(name, " \t"):
			errs = append(errs, fmt.Errorf("line %d: %q is more than one name", n, name))
		case len(name) > maxHostName || printable(name) != name:
			errs = append(errs, fmt.Errorf("line %d: %q is not a name", n, name[:min(len(name), 80)]))
		case seen[name] > 0:
			errs = append(errs, fmt.Errorf("line %d: %q stands in line %d already", n, name, seen[name]))
		default:
			seen[name] = n
			names = append(names, name)
		}
	}
	errs = append(errs, lines.Err())
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadNames, err)
	}
	return names, nil
}
