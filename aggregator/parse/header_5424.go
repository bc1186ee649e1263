package parse

import "strings"

// scan5424 reads what follows the version of RFC 5424, section 6, and reports whether it was such a header.
func (h *header) scan5424(s string) bool {
	st, rest, ok := scanStamp(s)
	if !ok {
		if rest, ok = strings.CutPrefix(s, "-"); !ok {
			return false
		}
	}
	var field [4]string
	for i := range field {
		if rest == "" || rest[0] != ' ' {
			return false
		}
		word := rest[1:]
		end := strings.IndexByte(word, ' ')
		if end < 0 {
			end = len(word)
		}
		if end == 0 || end > maxHost {
			return false
		}
		field[i], rest = word[:end], word[end:]
		if field[i] == "-" {
			field[i] = ""
		}
	}
	h.version, h.stamp = "1", st
	h.host, h.program, h.pid, h.msgid = field[0], field[1], field[2], field[3]
	if h.program != "" {
		h.program = programName(h.program)
	}
	h.data, rest = structuredData(strings.TrimPrefix(rest, " "))
	h.text = strings.TrimPrefix(strings.TrimPrefix(rest, " "), "\uFEFF")
	return true
}

// structuredData cuts off the elements "[id name="value"…]…" (RFC 5424, section 6.3). What is not well-formed is text.
func structuredData(s string) (data, rest string) {
	if s == "-" || strings.HasPrefix(s, "- ") {
		return "", s[1:]
	}
	i := 0
	for i < len(s) && s[i] == '[' {
		n := element(s[i:])
		if n == 0 {
			return "", s
		}
		i += n
	}
	return s[:i], s[i:]
}

// element returns the length of the element at the start of s, 0 if it is not well-formed. Values without quotes are
// let pass: VMware writes them.
func element(s string) int {
	i := 1 + sdName(s[1:])
	if i == 1 {
		return 0
	}
	for i < len(s) && s[i] == ' ' {
		n := sdName(s[i+1:])
		i += 1 + n
		if n == 0 || i+1 >= len(s) || s[i] != '=' {
			return 0
		}
		i++
		if s[i] != '"' {
			i += sdName(s[i:])
			continue
		}
		for i++; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' {
				i++
			}
		}
		i++
	}
	if i >= len(s) || s[i] != ']' {
		return 0
	}
	return i + 1
}

// sdName returns the length of the SD-NAME at the start of s.
func sdName(s string) int {
	i := 0
	for i < len(s) && s[i] > ' ' && s[i] != '=' && s[i] != ']' && s[i] != '"' {
		i++
	}
	return i
}
