package cmdline

import (
	"fmt"
	"strings"
)

// roff is a text in the language of man(7).
type roff struct {
	script
	begun bool // a section, in which nothing stands yet
}

func (r *roff) begin(name string, section int, date, version string) {
	r.line(`.\" made by: %s man`, strings.TrimSuffix(name, ".yaml"))
	r.line(".TH %s %d %s %s", roffArgument(strings.ToUpper(name)), section, date, roffArgument(version))
	r.line(".nh")
	r.line(".ad l")
}

func (r *roff) section(name string) {
	r.line(".SH %s", roffArgument(name))
	r.begun = true
}

// paragraph begins one; a section has begun its first by itself.
func (r *roff) paragraph() {
	if !r.begun {
		r.line(".PP")
	}
	r.begun = false
}

// macro calls one with a single argument.
func (r *roff) macro(name, argument string) { r.line("%s %s", name, roffArgument(argument)) }

// width is how long a line of running text may be (mandoc(1), style).
const width = 80

// text writes a paragraph's words.
func (r *roff) text(text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(roffText(line+" "+word)) > width {
			r.line("%s", roffText(line))
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	r.line("%s", roffText(line))
}

func (r *roff) paragraphs(all []string) {
	for _, p := range all {
		r.paragraph()
		r.text(p)
	}
}

// item writes what is said of a name.
func (r *roff) item(name, text string) {
	r.line(".TP")
	r.macro(".B", name)
	r.text(text)
}

func (r *roff) items(all []Item) {
	for _, i := range all {
		r.item(i.Name, i.Text)
	}
}

// verbatim writes lines as they stand.
func (r *roff) verbatim(lines []string) {
	r.paragraph()
	r.line(".nf")
	for _, l := range lines {
		r.line("%s", roffText(l))
	}
	r.line(".fi")
}

// roffText makes a line of text: a backslash is one, a hyphen can be copied, and no line is taken for a macro.
func roffText(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	if text == "" {
		return `\&`
	}
	return text
}

// roffArgument makes one argument of a macro.
func roffArgument(text string) string {
	return fmt.Sprintf(`"%s"`, strings.ReplaceAll(roffText(text), `"`, `\(dq`))
}
