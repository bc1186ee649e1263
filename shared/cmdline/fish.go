package cmdline

import "strings"

// fish writes a script for fish 3 and later.
func fish(s *script, program string, all []command) {
	name := "__" + strings.ReplaceAll(program, "-", "_") + "_at"
	s.line("# fish completion of %s, made by: %s completion fish", program, program)
	s.line("function %s --description 'Whether the line has come to this command'", name)
	s.line("\tset -l path")
	s.line("\tset -l skip")
	s.line("\tfor word in (commandline -opc)[2..]")
	s.line("\t\tif set -q skip[1]")
	s.line("\t\t\tset skip")
	s.line("\t\t\tcontinue")
	s.line("\t\tend")
	s.line("\t\tswitch $word")
	if valued := valuedFlags(all); len(valued) > 0 {
		s.line("\t\t\tcase %s", strings.Join(valued, " "))
		s.line("\t\t\t\tset skip yes")
	}
	s.line("\t\t\tcase '-*'")
	s.line("\t\t\tcase '*'")
	s.line("\t\t\t\tif contains -- \"$path $word\" %s", strings.Join(spaced(paths(all)), " "))
	s.line("\t\t\t\t\tset path \"$path $word\"")
	s.line("\t\t\t\tend")
	s.line("\t\tend")
	s.line("\tend")
	s.line("\ttest \"$path\" = \"$argv[1]\"")
	s.line("end")
	s.line("complete -c %s -f", program)
	for _, c := range all {
		at := `""`
		if c.path != "" {
			at = `" ` + c.path + `"`
		}
		begin := "complete -c " + program + " -n " + quote(name+" "+at)
		for _, sub := range c.subs {
			s.line("%s -a %s -d %s", begin, sub.name, fishQuote(first(sub.help)))
		}
		for _, f := range c.flags {
			s.line("%s%s", begin, fishFlag(f))
		}
		if len(c.args) > 0 {
			switch a := c.args[0]; {
			case a.file:
				s.line("%s -F", begin)
			case len(a.words) > 0:
				s.line("%s -a %s", begin, quote(strings.Join(a.words, " ")))
			}
		}
	}
}

func fishFlag(f flag) string {
	text := " -l " + f.long
	if f.short != "" {
		text += " -s " + f.short
	}
	switch {
	case !f.takes():
	case f.file:
		text += " -r -F"
	case len(f.words) > 0:
		text += " -x -a " + quote(strings.Join(f.words, " "))
	default:
		text += " -x"
	}
	return text + " -d " + fishQuote(first(f.help))
}

// fishQuote is quote for fish, where a backslash counts between quotes too.
func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// spaced quotes paths as the script's function has them: with a space before each word.
func spaced(paths []string) (all []string) {
	for _, p := range paths {
		all = append(all, "' "+p+"'")
	}
	return all
}
