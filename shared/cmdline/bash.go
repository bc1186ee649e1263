package cmdline

import (
	"strings"
)

// bash writes a script for bash 4 and later. It needs nothing of the package bash-completion.
//
// Bash cuts "--format=json" into three words, for "=" is in COMP_WORDBREAKS.
func bash(s *script, program string, all []command) {
	name := "_" + strings.ReplaceAll(program, "-", "_")
	s.line("# bash completion of %s, made by: %s completion bash", program, program)
	s.line("%s() {", name)
	s.line("\tlocal cur=${COMP_WORDS[COMP_CWORD]} flag= path= word i")
	s.line("\tfor ((i = 1; i < COMP_CWORD; i++)); do")
	s.line("\t\tword=${COMP_WORDS[i]} flag=")
	s.line("\t\tcase $word in")
	if valued := valuedFlags(all); len(valued) > 0 {
		s.line("\t\t%s)", strings.Join(valued, " | "))
		s.line("\t\t\tflag=$word")
		s.line("\t\t\tif [[ ${COMP_WORDS[i + 1]} == = ]]; then ((i++)); fi")
		s.line("\t\t\t((i++)) ;;")
	}
	s.line("\t\t-*) ;;")
	s.line("\t\t*)")
	s.line("\t\t\tcase ${path:+$path }$word in")
	if paths := paths(all); len(paths) > 0 {
		s.line("\t\t\t%s) path=${path:+$path }$word ;;", strings.Join(quoted(paths), " | "))
	}
	s.line("\t\t\tesac ;;")
	s.line("\t\tesac")
	s.line("\tdone")
	s.line("\tif ((i == COMP_CWORD)); then flag=; fi")
	s.line("\tif [[ $cur == = ]]; then cur=; fi")
	s.line("\tlocal words= files=")
	s.line("\tcase $path:$flag in")
	for _, c := range all {
		bashValues(s, c)
	}
	for _, c := range all {
		words := shortSubs(c)
		if len(c.args) > 0 {
			words = c.args[0].words
		}
		more := ""
		if len(c.args) > 0 && c.args[0].file {
			more = "; files=yes"
		}
		s.line("\t%s:) words=%s%s", quote(c.path), quote(strings.Join(words, " ")), more)
		s.line("\t\tif [[ $cur == -* ]]; then words=%s files=; fi ;;", quote(strings.Join(shortFlags(c), " ")))
	}
	s.line("\tesac")
	s.line("\tif [[ $files ]]; then")
	s.line("\t\tcompopt -o filenames 2>/dev/null")
	s.line("\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")")
	s.line("\telse")
	s.line("\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")")
	s.line("\tfi")
	s.line("}")
	s.line("complete -F %s %s", name, program)
}

// bashValues says what may follow the flags of a command.
func bashValues(s *script, c command) {
	for _, f := range c.flags {
		if !f.takes() {
			continue
		}
		what := ""
		switch {
		case f.file:
			what = " files=yes"
		case len(f.words) > 0:
			what = " words=" + quote(strings.Join(f.words, " "))
		default:
			continue
		}
		var cases []string
		for _, form := range f.forms() {
			cases = append(cases, quote(c.path)+":"+form)
		}
		s.line("\t%s)%s ;;", strings.Join(cases, " | "), what)
	}
}

// valuedFlags lists all forms of all flags that take a value.
func valuedFlags(all []command) (forms []string) {
	seen := map[string]bool{}
	for _, c := range all {
		for _, f := range c.flags {
			for _, form := range f.forms() {
				if f.takes() && !seen[form] {
					seen[form] = true
					forms = append(forms, form)
				}
			}
		}
	}
	return forms
}

// paths lists all commands but the program.
func paths(all []command) (list []string) {
	for _, c := range all[1:] {
		list = append(list, c.path)
	}
	return list
}

func shortSubs(c command) (names []string) {
	for _, s := range c.subs {
		names = append(names, s.name)
	}
	return names
}

func shortFlags(c command) (names []string) {
	for _, f := range c.flags {
		names = append(names, f.forms()...)
	}
	return names
}

// quote makes one word of a text, for every shell that is written here.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func quoted(texts []string) (all []string) {
	for _, t := range texts {
		all = append(all, quote(t))
	}
	return all
}
