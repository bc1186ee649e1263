package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"belfry/shared/certs"
)

// The test binary is the agent when it is told so: that is faster than to build one.
func TestMain(m *testing.M) {
	if os.Getenv("BELFRY_AGENT_MAIN") != "" {
		main()
		return
	}
	m.Run()
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), "BELFRY_AGENT_MAIN=1")
	return c
}

// invoke runs the program and returns its exit code and what it printed.
func invoke(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := command(ctx, args...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), o.String(), e.String()
}

// folder is a place with certificates and a log, DIR in the texts.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ca, err := certs.NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue("agent", certs.Request{CommonName: "agent-h", Client: true}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.log"), []byte("a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const shipping = "ship: {https: {url: \"https://127.0.0.1:1\", ca: DIR/ca.pem, cert: DIR/agent.pem, key: DIR/agent.key}}\n"

const valid = "state: DIR/state\nhost: h\ninputs: {files: [{paths: [DIR/x.log]}]}\n" + shipping

func TestCommandLine(t *testing.T) {
	dir := folder(t)
	f := func(text, args string, wantCode int, wantOut string, wantErr ...string) {
		t.Helper()
		path := filepath.Join(dir, "agent.yaml")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errOut := invoke(t, append([]string{"--config", path}, strings.Fields(args)...)...)
		out, errOut = strings.ReplaceAll(out, dir, "DIR"), strings.ReplaceAll(errOut, dir, "DIR")
		if code != wantCode || !strings.Contains(out, wantOut) || code != 0 && out != "" {
			t.Errorf("%s %q: exit %d, want %d\n%s\nwant\n%s", args, text, code, wantCode, out, wantOut)
		}
		for _, want := range wantErr {
			if !strings.Contains(errOut, want) {
				t.Errorf("%s %q: error\n%s\nwant\n%s", args, text, errOut, want)
			}
		}
		if wantErr == nil && errOut != "" {
			t.Errorf("%s %q: error\n%s", args, text, errOut)
		}
	}
	f("", "version", 0, "belfry-agent "+version+"\n")
	f("", "", 2, "", "expected one of")
	f("", "chek", 2, "", "unexpected argument chek")
	f(valid, "check", 0, "DIR/agent.yaml: ok\n")
	f(strings.Replace(valid, "x.log", "y.log", 1), "check", 0,
		"warning: inputs.files[0].paths[0]: DIR/y.log matches nothing now\nDIR/agent.yaml: ok\n")
	f("state: DIR/state\ninputs:\n  files:\n    - pathz: [/a]\n", "check", 2, "",
		"DIR/agent.yaml:4: inputs.files[0].pathz: unknown key; did you mean paths?")
	f("inputs: {files: [{paths: [a]}]}\n", "check", 2, "",
		`DIR/agent.yaml: inputs.files[0].paths[0]: "a": not an absolute path`,
		"DIR/agent.yaml: ship: give exactly one of amqp and https")
	for _, cmd := range []string{"check", "run", "status", "status --json"} {
		f("inputs: [\n", cmd, 2, "", "DIR/agent.yaml:1: did not find")
	}
	f(valid, "status", 2, "", "ask the agent at DIR/state/agent.sock", "(is it running?)")
	f(valid+"metrics: \"192.0.2.1:9\"\n", "run", 2, "", "listen at 192.0.2.1:9")
}

func TestNoConfiguration(t *testing.T) {
	if code, _, errOut := invoke(t, "--config", "/nowhere/agent.yaml", "check"); code != 2 || !strings.Contains(errOut, "/nowhere/agent.yaml") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

func TestRunAndStatus(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(valid, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "x.log"), 0); err != nil { // nothing that a stop would wait for
		t.Fatal(err)
	}
	agent := command(t.Context(), "--config", path, "run")
	var log bytes.Buffer
	agent.Stderr = &log
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unix", filepath.Join(dir, "state", "agent.sock")); err == nil {
			c.Close()
			break
		}
	}
	if code, out, errOut := invoke(t, "--config", path, "status"); code != 0 || !strings.Contains(out, "host   h\n") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	if code, out, errOut := invoke(t, "--config", path, "status", "--json"); code != 0 || !strings.HasPrefix(out, `{"agent":"`) {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	if code, _, errOut := invoke(t, "--config", path, "run"); code != 2 || !strings.Contains(errOut, "another process works here") {
		t.Errorf("a second agent: exit %d\n%s", code, errOut)
	}
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := agent.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
}
