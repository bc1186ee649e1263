package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"belfry/aggregator/app"
	"belfry/shared/e2e/stack"
)

// printed is a file with what a command of the program prints.
func printed(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	k, err := commandLine(new(app.CLI))
	if err != nil {
		t.Fatal(err)
	}
	k.Stdout = &out
	var ctx *kong.Context
	if ctx, err = k.Parse(args); err == nil {
		err = ctx.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func quietly(t *testing.T, program string, args ...string) string {
	t.Helper()
	stack.Need(t, program)
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// The manual page has nothing that mandoc would have otherwise, and each command.
func TestManual(t *testing.T) {
	page := printed(t, "page.1", "man")
	quietly(t, "mandoc", "-Tlint", "-Wstyle", page)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	k, err := commandLine(new(app.CLI))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range k.Model.Leaves(true) {
		if !strings.Contains(string(text), ".SS \""+strings.ReplaceAll(c.Path(), "-", `\-`)) {
			t.Errorf("no command %q in\n%s", c.Path(), text)
		}
	}
	quietly(t, "mandoc", "-Tlint", "-Wstyle", printed(t, "page.5", "man", "--yaml", "../packaging/aggregator.yaml"))
}

// Each shell can read its script; bash completes by it.
func TestCompletion(t *testing.T) {
	quietly(t, "zsh", "-n", printed(t, "zsh", "completion", "zsh"))
	quietly(t, "fish", "-n", printed(t, "fish", "completion", "fish"))
	out := quietly(t, "bash", "--norc", "-c",
		`source "$1"; COMP_WORDS=(belfry che) COMP_CWORD=1; _belfry; echo "${COMPREPLY[@]}"`, "bash", printed(t, "bash", "completion", "bash"))
	if out != "check\n" {
		t.Errorf("offered %q", out)
	}
}
