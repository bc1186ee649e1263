package cmdline

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Manual is what a program's manual page tells beside its commands and flags.
type Manual struct {
	Version     string
	Section     int // of the page, as 1
	Description []string
	Environment []Item // beside the variables of flags
	Files       []Item
	Exit        []Item
	Examples    []Item // the name is the command line
	SeeAlso     []string
}

// Item is a name and what is to be said of it.
type Item struct{ Name, Text string }

// Man is the command that prints a manual page, for who makes a package.
type Man struct {
	Date string `help:"Day that the page shows; default: that of the commit that was built, else today." placeholder:"YYYY-MM-DD"`
	YAML string `name:"yaml" help:"Example of the configuration file, whose page is printed instead." type:"existingfile"`
}

// Run prints the page.
func (m Man) Run(k *kong.Context, manual *Manual) error {
	out, date := new(roff), m.Date
	if date == "" {
		date = built()
	}
	if m.YAML == "" {
		out.program(k.Model.Name, k.Model.Help, date, manual, commands(k.Model))
	} else {
		text, err := os.ReadFile(m.YAML)
		if err != nil {
			return fmt.Errorf("read example: %w", err)
		}
		out.example(k.Model.Name, date, manual, string(text))
	}
	_, err := io.WriteString(k.Stdout, out.String())
	return err
}

// built is the day of the commit that the program was built from, or today.
func built() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if day, _, cut := strings.Cut(s.Value, "T"); cut && s.Key == "vcs.time" {
				return day
			}
		}
	}
	return time.Now().UTC().Format(time.DateOnly)
}

// program writes the page of a program.
func (r *roff) program(name, help, date string, m *Manual, all []command) {
	r.begin(name, m.Section, date, m.Version)
	r.section("NAME")
	r.text(name + " - " + strings.ToLower(help[:1]) + strings.TrimSuffix(help[1:], "."))
	r.section("SYNOPSIS")
	r.macro(".B", name)
	r.text("[OPTION]... COMMAND [ARGUMENT]...")
	r.section("DESCRIPTION")
	r.paragraphs(m.Description)
	r.section("OPTIONS")
	r.text("All commands take these. A flag's value follows it or a =.")
	for _, f := range all[0].flags {
		r.flag(f)
	}
	r.section("COMMANDS")
	for _, c := range all[1:] {
		if len(c.subs) == 0 {
			r.command(c)
		}
	}
	r.section("ENVIRONMENT")
	r.items(append(environment(all), m.Environment...))
	r.section("FILES")
	r.items(m.Files)
	r.section("EXIT STATUS")
	r.items(m.Exit)
	r.section("EXAMPLES")
	r.items(m.Examples)
	r.section("SEE ALSO")
	r.text(strings.Join(m.SeeAlso, ", "))
}

// command writes what one command does, and the flags of its own.
func (r *roff) command(c command) {
	r.macro(".SS", c.usage)
	r.text(c.help)
	for _, a := range c.args {
		if a.help != "" {
			r.item(a.name, a.help)
		}
	}
	for _, f := range c.flags[len(c.flags)-c.own:] {
		r.flag(f)
	}
}

func (r *roff) flag(f flag) {
	text := f.help
	if len(f.words) > 0 && !strings.Contains(text, f.words[0]) {
		text += " One of " + strings.Join(f.words, ", ") + "."
	}
	if f.defaultValue != "" {
		text += " Default: " + f.defaultValue + "."
	}
	forms := f.forms()
	if f.takes() {
		forms[len(forms)-1] += "=" + f.name
	}
	r.item(strings.Join(forms, ", "), text)
}

// environment lists the variables that flags are read from.
func environment(all []command) (items []Item) {
	seen := map[string]bool{}
	for _, c := range all {
		for _, f := range c.flags {
			for _, e := range f.env {
				if !seen[e] {
					seen[e] = true
					items = append(items, Item{e, "As --" + f.long + ", which goes before it."})
				}
			}
		}
	}
	return items
}
