package glob

import (
	"errors"
	"fmt"
)

const (
	maxPattern      = 4096 // bytes: no path is longer (PATH_MAX)
	maxAlternatives = 256  // of one pattern: more is a slip of the pen, such as a dozen {a,b} in a row
)

// expand writes out the alternatives of a pattern: /{a,b}/x is /a/x and /b/x. They may lie within each other.
func expand(pattern string) ([]string, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("longer than %d bytes", maxPattern)
	}
	return appendAlternatives(nil, pattern)
}

func appendAlternatives(all []string, pattern string) ([]string, error) {
	marks, err := findBraces(pattern)
	if err != nil {
		return nil, err
	}
	if marks == nil {
		if len(all) == maxAlternatives {
			return nil, fmt.Errorf("its braces stand for more than %d patterns", maxAlternatives)
		}
		return append(all, pattern), nil
	}
	before, after := pattern[:marks[0]], pattern[marks[len(marks)-1]+1:]
	for i := range marks[1:] {
		all, err = appendAlternatives(all, before+pattern[marks[i]+1:marks[i+1]]+after)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// findBraces returns where the first pair of outer braces opens, where its commas are, and where it closes; nil if
// there is none.
func findBraces(pattern string) ([]int, error) {
	var marks []int
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '[':
			end := classEnd(pattern, i)
			if end < 0 {
				return nil, errors.New("a [ without its ]")
			}
			i = end
		case '{':
			if depth++; depth == 1 {
				marks = append(marks, i)
			}
		case ',':
			if depth == 1 {
				marks = append(marks, i)
			}
		case '}':
			if depth--; depth == 0 {
				return append(marks, i), nil
			}
			if depth < 0 {
				return nil, errors.New("a } without its {")
			}
		}
	}
	if depth > 0 {
		return nil, errors.New("a { without its }")
	}
	return nil, nil
}

// classEnd returns where the class closes that opens at i; -1 if nowhere.
func classEnd(pattern string, i int) int {
	for i++; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case ']':
			return i
		}
	}
	return -1
}
