package cmdline

import (
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// Completion is the command that prints a script for a shell. It asks nobody when it completes: all words are in it.
type Completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell that the script is for: bash, zsh or fish."`
}

// Help says where the scripts go.
func (Completion) Help() string {
	return `bash: /usr/share/bash-completion/completions/PROGRAM, or: source <(PROGRAM completion bash)

zsh: a file _PROGRAM in a folder of $fpath

fish: ~/.config/fish/completions/PROGRAM.fish`
}

// Run prints the script.
func (c Completion) Run(k *kong.Context) error {
	var out script
	write := map[string]func(*script, string, []command){"bash": bash, "zsh": zsh, "fish": fish}[c.Shell]
	write(&out, k.Model.Name, commands(k.Model))
	_, err := io.WriteString(k.Stdout, out.String())
	return err
}

// script is a text that grows line by line.
type script struct{ text []byte }

func (s *script) line(format string, args ...any) {
	s.text = append(fmt.Appendf(s.text, format, args...), '\n')
}

// String returns all lines.
func (s *script) String() string { return string(s.text) }
