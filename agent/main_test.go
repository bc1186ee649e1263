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
		if code != wantCode || !strings.Contains(out, wantOut) || code != 0 && wantOut == "" && out != "" {
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
	f(valid, "check --offline", 0, "DIR/agent.yaml: ok\n")
	f(valid, "check", 0, "warning: ship.https.url: Get \"https://127.0.0.1:1/v1/acks\": dial tcp 127.0.0.1:1: connect: connection refused\n"+
		"DIR/agent.yaml: 1 warning\n")
	absent := strings.Replace(valid, "x.log", "y.log", 1)
	f(absent, "check --offline", 0, "warning: inputs.files[0].paths[0]: DIR/y.log matches nothing now\nDIR/agent.yaml: 1 warning\n")
	f(absent, "check --offline --strict", 1, "DIR/agent.yaml: 1 warning\n")
	f(absent, "check --offline --json", 0, `{"file":"DIR/agent.yaml","errors":0,"warnings":1,"findings":[{"level":"warning",`+
		`"key":"inputs.files[0].paths[0]","text":"DIR/y.log matches nothing now"}]}`+"\n")
	f("state: DIR/state\ninputs:\n  files:\n    - pathz: [/a]\n", "check", 2,
		"error: inputs.files[0].pathz: DIR/agent.yaml:4: unknown key; did you mean paths?\nDIR/agent.yaml: 1 error\n")
	f("inputs: {files: [{paths: [a]}]}\n", "check", 2, `error: inputs.files[0].paths[0]: "a": not an absolute path`+"\n"+
		"error: ship: nothing says where to ship to: belfry-agent enroll, or give one of amqp and https\nDIR/agent.yaml: 2 errors\n")
	f("inputs: [\n", "check", 2, "error: DIR/agent.yaml:1: did not find")
	for _, cmd := range []string{"run", "status", "status --json"} {
		f("inputs: [\n", cmd, 2, "", "DIR/agent.yaml:1: did not find")
	}
	f(valid, "status", 2, "", "ask the agent at DIR/state/agent.sock", "(is it running?)")
	f(valid, "reload", 2, "", "ask for a reload at DIR/state/agent.sock", "(is it running?)")
	f(valid+"metrics: \"192.0.2.1:9\"\n", "run", 2, "", "listen at 192.0.2.1:9")
}

func TestNoConfiguration(t *testing.T) {
	if code, out, errOut := invoke(t, "--config", "/nowhere/agent.yaml", "check"); code != 2 || !strings.Contains(out, "/nowhere/agent.yaml") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
}

// Root sees what the service could not do: the kernel is asked with the service's rights. It reads what is root's, by its
// one capability, and may not write where it must.
func TestCheckByRootLooksAsTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := folder(t)
	path := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(valid, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(as, want string) {
		t.Helper()
		code, out, errOut := invoke(t, "--config", path, "check", "--offline", "--as", as)
		if out = strings.ReplaceAll(out, dir, "DIR"); code != 0 || errOut != "" || out != want {
			t.Errorf("as %s: exit %d\n%s%s\nwant\n%s", as, code, out, errOut, want)
		}
	}
	const ok = "DIR/agent.yaml: ok\n"
	f("root", ok)
	f("no-such-user", ok)
	f("nobody", "warning: state: DIR/state cannot be made: DIR cannot be written: permission denied (looked at as the user nobody)\n"+
		"DIR/agent.yaml: 1 warning\n")
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(state, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	f("nobody", ok)
	if err := os.WriteFile(filepath.Join(state, "lock"), nil, 0o600); err != nil { // as root's own run leaves it
		t.Fatal(err)
	}
	f("nobody", "warning: state: DIR/state/lock cannot be written by the user nobody, it belongs to root: permission denied\n"+
		"DIR/agent.yaml: 1 warning\n")
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
