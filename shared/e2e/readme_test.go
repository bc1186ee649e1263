package e2e_test

import (
	"errors"
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
	return blockWith(t, heading, "")
}

// blockWith returns the first block of code below a heading that has a word in it.
func blockWith(t *testing.T, heading, word string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n### "+heading+"\n")
	after, _, _ = strings.Cut(after, "\n### ")
	for fenced := true; fenced; {
		_, after, fenced = strings.Cut(after, "\n```")
		_, after, _ = strings.Cut(after, "\n") // the language
		code, rest, ended := strings.Cut(after, "\n```")
		if fenced && ended && strings.Contains(code, word) {
			return code
		}
		after = rest
	}
	t.Fatalf("no code with %q below %q", word, heading)
	return ""
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
	issue := exec.CommandContext(t.Context(), "bash", "-e", "-c", blockWith(t, "Certificates", "openssl"))
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

// So can those of an authority of Belfry's own; what comes after, TestEnroll does.
func TestReadmeAuthority(t *testing.T) {
	stack.Need(t, "bash")
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := strings.ReplaceAll(block(t, "/etc/belfry/aggregator.yaml"), "/etc/belfry", dir)
	config = strings.ReplaceAll(config, "/var/lib/belfry", dir+"/state")
	file := filepath.Join(dir, "aggregator.yaml")
	if err := errors.Join(os.WriteFile(file, []byte(config), 0o600), os.Mkdir(filepath.Join(dir, "rules.d"), 0o755)); err != nil {
		t.Fatal(err)
	}
	commands, token, ok := strings.Cut(block(t, "Certificates"), "\nbelfry ca token ")
	if !ok || !strings.HasPrefix(token, "web01 ") {
		t.Fatal("the third command makes no token for web01")
	}
	commands = strings.ReplaceAll(strings.ReplaceAll(commands, "belfry ca", "belfry --config "+file+" ca"), "/etc/belfry", dir)
	run := exec.CommandContext(t.Context(), "bash", "-e", "-c", commands+"\nbelfry --config "+file+" check")
	run.Env = append(os.Environ(), "PATH="+bin.Dir+":"+os.Getenv("PATH"))
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "enroll: agents may enrol") || strings.Contains(string(out), "warning: receive.http") {
		t.Errorf("%v\n%s", err, out)
	}
}
