package cmdline

import "strings"

// example writes the page of a configuration file from its example. A block of comments ("# text") is prose, and all else,
// keys that are commented out too ("#key: value"), is shown as it stands.
func (r *roff) example(program, date string, m *Manual, text string) {
	name := program + ".yaml"
	r.begin(name, 5, date, m.Version)
	r.section("NAME")
	r.text(name + " - configuration of " + program)
	r.section("DESCRIPTION")
	var lines []string
	prose := false
	flush := func() {
		switch {
		case len(lines) == 0:
		case prose:
			r.prose(lines)
		default:
			r.verbatim(lines)
		}
		lines = nil
	}
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		words, isProse := strings.CutPrefix(strings.TrimSpace(l), "# ")
		isProse = isProse && !strings.HasPrefix(words, " ")
		if isProse != prose || l == "" || l == "#" {
			flush()
		}
		prose = isProse
		switch {
		case isProse:
			lines = append(lines, words)
		case l != "" && l != "#":
			lines = append(lines, l)
		}
	}
	flush()
	r.section("SEE ALSO")
	r.text(program + "(" + string(rune('0'+m.Section)) + ")")
}

// prose writes a paragraph, or a heading if it is one: "== Name".
func (r *roff) prose(lines []string) {
	if name, ok := strings.CutPrefix(lines[0], "== "); ok {
		r.section(strings.ToUpper(name))
		if lines = lines[1:]; len(lines) == 0 {
			return
		}
	}
	r.paragraph()
	r.text(strings.Join(lines, " "))
}
