package cmdline

import (
	"fmt"
	"strings"
)

// zsh writes a script for zsh's completion system (zshcompsys(1)): a function for each command.
func zsh(s *script, program string, all []command) {
	s.line("#compdef %s", program)
	s.line("# zsh completion of %s, made by: %s completion zsh", program, program)
	for _, c := range all {
		zshCommand(s, program, c)
	}
	name := zshName(program, "")
	s.line("if [ \"$funcstack[1]\" = %s ]; then %s \"$@\"; else compdef %s %s; fi", name, name, name, program)
}

func zshCommand(s *script, program string, c command) {
	s.line("%s() {", zshName(program, c.path))
	if len(c.subs) > 0 {
		s.line("\tlocal curcontext=$curcontext state line")
		s.line("\ttypeset -A opt_args")
	}
	s.line("\t_arguments -s -C \\")
	for _, f := range c.flags {
		for _, spec := range zshFlag(f) {
			s.line("\t\t%s \\", quote(spec))
		}
	}
	if len(c.subs) > 0 {
		s.line("\t\t'1: :->command' '*:: :->rest'")
		s.line("\tcase $state in")
		s.line("\tcommand)")
		s.line("\t\tlocal -a names=(")
		for _, sub := range c.subs {
			s.line("\t\t\t%s", quote(sub.name+":"+first(sub.help)))
		}
		s.line("\t\t)")
		s.line("\t\t_describe command names ;;")
		s.line("\trest)")
		s.line("\t\tcase $words[1] in")
		for _, sub := range c.subs {
			s.line("\t\t%s) %s ;;", sub.name, zshName(program, strings.TrimSpace(c.path+" "+sub.name)))
		}
		s.line("\t\tesac ;;")
		s.line("\tesac")
	} else {
		var specs []string
		for i, a := range c.args {
			place := fmt.Sprint(i + 1)
			if a.many {
				place = "*"
			}
			specs = append(specs, quote(place+":"+a.name+":"+zshAction(a)))
		}
		s.line("\t\t%s", strings.Join(specs, " "))
	}
	s.line("}")
}

func zshName(program, path string) string {
	return "_" + strings.NewReplacer("-", "_", " ", "__").Replace(strings.TrimSpace(program+" "+path))
}

// zshFlag is a flag as _arguments has it, each form of it; one excludes the other.
func zshFlag(f flag) (specs []string) {
	forms := f.forms()
	for _, form := range forms {
		spec := "(" + strings.Join(forms, " ") + ")" + form
		if f.many {
			spec = "*" + form
		}
		if f.takes() {
			spec += map[bool]string{true: "=", false: "+"}[strings.HasPrefix(form, "--")]
		}
		spec += "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(first(f.help)) + "]"
		if f.takes() {
			spec += ":" + strings.ReplaceAll(f.name, ":", `\:`) + ":" + zshAction(f.value)
		}
		specs = append(specs, spec)
	}
	return specs
}

func zshAction(v value) string {
	switch {
	case v.file:
		return "_files"
	case len(v.words) > 0:
		return "(" + strings.Join(v.words, " ") + ")"
	}
	return " "
}

// first is the first sentence of a help text: what a completion has room for.
func first(help string) string {
	sentence, _, _ := strings.Cut(help, ". ")
	sentence, _, _ = strings.Cut(sentence, ": ")
	return strings.TrimSuffix(sentence, ".")
}
