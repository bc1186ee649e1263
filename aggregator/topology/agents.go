package topology

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds an agent's name: longer common names there are not (X.520).
const maxName = 64

// ReadAgents reads the names of agents, the common names of their certificates: one a line. What follows a # is a
// comment. Each line that is wrong is named, as FILE:LINE.
func ReadAgents(r io.Reader, file string) ([]string, error) {
	names := []string{} // not nil: that would be "not looked at"
	first := make(map[string]int)
	var errs []error
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		name := strings.TrimSpace(text)
		if name == "" {
			continue
		}
		err := checkName(name)
		if before, twice := first[name]; err == nil && twice {
			err = fmt.Errorf("%q stands twice, first on line %d", name, before)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, n, err))
			continue
		}
		first[name] = n
		names = append(names, name)
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("read %s: %w", file, err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return names, nil
}

func checkName(name string) error {
	odd := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	switch {
	case !utf8.ValidString(name):
		return fmt.Errorf("%q is not UTF-8", name)
	case strings.ContainsFunc(name, odd):
		return fmt.Errorf("%q is not one name: the common name of an agent's certificate, one a line", name)
	case len(name) > maxName:
		return fmt.Errorf("%.20q... is longer than %d bytes", name, maxName)
	}
	return nil
}
