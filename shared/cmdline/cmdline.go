// Package cmdline makes of a command line's own definition, kong's model of it, what its users have beside it: completions
// for bash, zsh and fish, and the manual page. So a command or flag that is new is in all of them, and none tells of what
// is no more.
//
// A program embeds Completion and Man as its commands, and binds a Manual.
package cmdline

import (
	"strings"

	"github.com/alecthomas/kong"
)

// command is one command of a program, or the program itself, which has no name.
type command struct {
	path  string // from the program on, as "hosts list"; "" is the program
	help  string
	usage string // with its arguments, as "gaps accept ID REASON..."
	flags []flag // those of the commands above it too
	own   int    // how many of flags, at the end, are of this command alone
	args  []value
	subs  []sub
}

// sub is the name of a command within another.
type sub struct{ name, help string }

// value is an argument, or what a flag takes.
type value struct {
	name   string // as users see it: QUERY
	help   string
	words  []string // that it may be; none: anything
	file   bool     // it is the path of a file or folder
	many   bool     // and it may be repeated
	needed bool
}

// flag is one option.
type flag struct {
	value        // of what it takes; its name is empty if it takes nothing
	long, short  string
	env          []string
	defaultValue string
}

// takes reports whether a value comes with the flag.
func (f flag) takes() bool { return f.name != "" }

// forms are the ways to write it.
func (f flag) forms() []string {
	if f.short == "" {
		return []string{"--" + f.long}
	}
	return []string{"-" + f.short, "--" + f.long}
}

// commands lists the program and all its commands that are not hidden, each before those below it.
func commands(app *kong.Application) []command {
	var all []command
	var walk func(n *kong.Node, path string, above []flag)
	walk = func(n *kong.Node, path string, above []flag) {
		own := flagsOf(n)
		c := command{path: path, help: n.Help, flags: append(above[:len(above):len(above)], own...), own: len(own)}
		words := []string{path}
		for _, p := range n.Positional {
			v := valueOf(p)
			v.name = strings.ToUpper(p.Name)
			c.args = append(c.args, v)
			words = append(words, v.shown())
		}
		c.usage = strings.TrimSpace(strings.Join(words, " "))
		for _, child := range n.Children {
			if !child.Hidden {
				c.subs = append(c.subs, sub{child.Name, child.Help})
			}
		}
		below := c.flags
		if n.DefaultCmd != nil { // it may go without its name, and its flags then follow this one
			c.flags = append(c.flags[:len(c.flags):len(c.flags)], flagsOf(n.DefaultCmd)...)
		}
		all = append(all, c)
		for _, child := range n.Children {
			if !child.Hidden {
				walk(child, strings.TrimSpace(path+" "+child.Name), below)
			}
		}
	}
	walk(app.Node, "", nil)
	return all
}

// shown is an argument as the line that begins a manual has it.
func (v value) shown() string {
	name := v.name
	if v.many {
		name += "..."
	}
	if !v.needed {
		name = "[" + name + "]"
	}
	return name
}

func flagsOf(n *kong.Node) (all []flag) {
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		one := flag{value: valueOf(f.Value), long: f.Name, env: f.Envs}
		if f.Short != 0 {
			one.short = string(f.Short)
		}
		if !f.IsBool() && !f.IsCounter() {
			one.name = placeholder(f)
			if f.HasDefault {
				one.defaultValue = f.Default
			}
		}
		all = append(all, one)
	}
	return all
}

// placeholder names what a flag takes. Kong would show its default there.
func placeholder(f *kong.Flag) string {
	switch {
	case f.PlaceHolder != "":
		return f.PlaceHolder
	case f.Enum != "":
		return "WORD"
	case isFile(f.Value):
		return "FILE"
	case f.HasDefault:
		return "N"
	}
	return f.FormatPlaceHolder()
}

func valueOf(v *kong.Value) value {
	one := value{help: v.Help, file: isFile(v), many: v.IsCumulative(), needed: v.Required}
	if v.Enum != "" {
		for _, word := range v.EnumSlice() {
			if word != "" {
				one.words = append(one.words, word)
			}
		}
	}
	return one
}

func isFile(v *kong.Value) bool {
	switch v.Tag.Type {
	case "path", "existingfile", "existingdir":
		return true
	}
	return v.Tag.PlaceHolder == "FILE"
}
