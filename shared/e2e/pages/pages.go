// Package pages holds what a program prints of its own command line, for people and for shells, to those who read it.
package pages

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"belfry/shared/e2e/stack"
)

// TB is what of a test is needed here.
type TB interface {
	stack.TB
	Errorf(format string, args ...any)
	TempDir() string
	Context() context.Context
}

// Program is one whose pages and scripts are tried.
type Program struct {
	Name        string
	Example     string // its example configuration, of which a page is made
	CommandLine func() (*kong.Kong, error)
}

// Manual checks that the manual pages have nothing that mandoc would have otherwise, and that the program's has each command.
func Manual(t TB, p Program) {
	page := p.printed(t, "page.1", "man")
	quietly(t, "mandoc", "-Tlint", "-Wstyle", page)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatalf("%v", err)
	}
	k, err := p.CommandLine()
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, c := range k.Model.Leaves(true) {
		if !strings.Contains(string(text), ".SS \""+strings.ReplaceAll(c.Path(), "-", `\-`)) {
			t.Errorf("no command %q in\n%s", c.Path(), text)
		}
	}
	quietly(t, "mandoc", "-Tlint", "-Wstyle", p.printed(t, "page.5", "man", "--yaml", p.Example))
}

// Completion checks that each shell can read its script, and that bash completes by it.
func Completion(t TB, p Program) {
	quietly(t, "zsh", "-n", p.printed(t, "zsh", "completion", "zsh"))
	quietly(t, "fish", "-n", p.printed(t, "fish", "completion", "fish"))
	complete := "_" + strings.ReplaceAll(p.Name, "-", "_")
	out := quietly(t, "bash", "--norc", "-c",
		`source "$1"; COMP_WORDS=(`+p.Name+` che) COMP_CWORD=1; `+complete+`; echo "${COMPREPLY[@]}"`, "bash", p.printed(t, "bash", "completion", "bash"))
	if out != "check\n" {
		t.Errorf("offered %q", out)
	}
}

// printed is a file with what a command of the program prints.
func (p Program) printed(t TB, name string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	k, err := p.CommandLine()
	if err != nil {
		t.Fatalf("%v", err)
	}
	k.Stdout = &out
	var ctx *kong.Context
	if ctx, err = k.Parse(args); err == nil {
		err = ctx.Run()
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

func quietly(t TB, program string, args ...string) string {
	t.Helper()
	stack.Need(t, program)
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}
