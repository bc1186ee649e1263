package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

// block returns the first block of code below a heading of the README.
func block(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n### "+heading+"\n")
	_, after, fenced := strings.Cut(after, "\n```")
	_, after, _ = strings.Cut(after, "\n") // the language
	code, _, ended := strings.Cut(after, "\n```")
	if !found || !fenced || !ended {
		t.Fatalf("no code below %q", heading)
	}
	return code
}

// oneLiner returns the README's command that posts an event.
func oneLiner(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "curl -XPOST http://localhost:8080/events ") {
			return line
		}
	}
	t.Fatal("the README posts no event by curl")
	return ""
}

// The README's certificates can be made as it says, and its configurations are valid with them.
func TestReadme(t *testing.T) {
	stack.Need(t, "bash", "openssl")
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	issue := exec.CommandContext(t.Context(), "bash", "-e", "-c", block(t, "Certificates"))
	issue.Dir = dir
	if out, err := issue.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "rules.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := func(program, file, text string) {
		t.Helper()
		text = strings.ReplaceAll(text, "/etc/belfry/", dir+"/")
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin.Dir, program), "--config", filepath.Join(dir, file), "check")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	agent := block(t, "/etc/belfry/agent.yaml")
	f("belfry-agent", "agent.yaml", agent)
	_, ship, _ := strings.Cut(agent, "\nship:")
	f("belfry-agent", "files.yaml", block(t, "Following files")+"\n"+block(t, "Rotating files")+"\nship:"+ship)
	f("belfry-agent", "relay.yaml", block(t, "Relaying syslog")+"\nship:"+ship)
	f("belfry-agent", "journal.yaml", block(t, "The journal")+"\nship:"+ship)
	f("belfry", "aggregator.yaml", block(t, "/etc/belfry/aggregator.yaml"))
}
