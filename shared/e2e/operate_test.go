package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

// program runs one of the programs with a configuration, and returns what it printed. An exit code is no fault.
func program(t *testing.T, name, config string, args ...string) (out string, code int) {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin.Dir, name), append([]string{"--config", config}, args...)...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// keys returns the keys of what a check warns of, but for the certificates of the road, which expire soon.
func keys(t *testing.T, name, config string) (all []string) {
	t.Helper()
	out, code := program(t, name, config, "check", "--json")
	var report struct {
		Findings []struct{ Level, Key, Text string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
		t.Fatalf("exit %d: %v: %s", code, err, out)
	}
	for _, f := range report.Findings {
		if f.Level != "warning" || !strings.Contains(f.Text, "expires on") {
			all = append(all, f.Key)
		}
	}
	return all
}

// A check finds that all can be reached, and what cannot.
func (w watch) check(t *testing.T) {
	for name, config := range map[string]string{"belfry-agent": w.Agent.Config, "belfry": w.Aggregator.Config} {
		if all := keys(t, name, config); len(all) > 0 {
			t.Errorf("%s warns of %q", name, all)
		}
	}
	// A certificate of the same authority whose name the broker does not know, and a receiver that is away.
	stranger, err := w.Sender("agent-stranger")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.Agent.Config)
	if err != nil {
		t.Fatal(err)
	}
	receiver := regexp.MustCompile(`(urls: \["amqps|url: "https)://127\.0\.0\.1:\d+`)
	own := filepath.Join(filepath.Dir(stranger.Cert), "agent-web01")
	for change, want := range map[string]string{
		strings.NewReplacer(own+".pem", stranger.Cert, own+".key", stranger.Key).Replace(string(text)): map[bool]string{true: "ship.amqp.urls[0]"}[w.Rabbit != nil],
		receiver.ReplaceAllString(string(text), "$1://127.0.0.1:1"):                                    map[bool]string{true: "ship.amqp.urls[0]", false: "ship.https.url"}[w.Rabbit != nil],
	} {
		path := filepath.Join(t.TempDir(), "agent.yaml")
		if err := os.WriteFile(path, []byte(change), 0o600); err != nil {
			t.Fatal(err)
		}
		if all := keys(t, "belfry-agent", path); strings.Join(all, " ") != want {
			t.Errorf("%q, want %s", all, want)
		}
		if out, code := program(t, "belfry-agent", path, "check", "--offline"); code != 0 || strings.Contains(out, "urls[0]") || strings.Contains(out, "https.url") {
			t.Errorf("exit %d: %s", code, out)
		}
	}
}

// The views of both sides show that lines are on their way.
func (w watch) top(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { // one line after the other, as long as somebody looks
		for ctx.Err() == nil {
			if err := w.Feeder.Write("x: somebody looks"); err != nil {
				done <- err
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		done <- nil
	}()
	for name, f := range map[string]struct{ config, moves string }{
		"belfry-agent": {w.Agent.Config, `shipped  [1-9][0-9.]* lines/s, [1-9][0-9.]*K? bytes/s, .*(?s:.*)\n +[1-9][0-9.]*K? .*/auth\.log\n`},
		"belfry":       {w.Aggregator.Config, `received  [1-9][0-9.]* events/s; (?s:.*)indexed   [1-9][0-9.]* events/s, `},
	} {
		until(t, name+" top", func(context.Context) error {
			out, code := program(t, name, f.config, "top", "--once", "--interval", "500ms")
			if code != 0 || !regexp.MustCompile(f.moves).MatchString(out) {
				return errors.New(out)
			}
			return nil
		})
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The bundles of both sides have what they are for, and no line, password or key.
func (w watch) bundle(t *testing.T) {
	key, err := os.ReadFile(filepath.Join(w.Aggregator.Dir, "..", "certs", "belfry.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{stack.ManagementPassword, strings.Split(string(key), "\n")[1], "COMMAND=", "Failed password"}
	want := strings.Fields("version.txt config.yaml check.txt status.json metrics.txt health.txt state.txt certificates.txt goroutines.txt heap.pb.gz process.txt host.txt disks.txt clock.txt")
	for name, config := range map[string]string{"belfry-agent": w.Agent.Config, "belfry": w.Aggregator.Config} {
		path := filepath.Join(t.TempDir(), "bundle.tar.gz")
		if out, code := program(t, name, config, "support-bundle", "--output", path); code != 0 {
			t.Fatalf("exit %d: %s", code, out)
		}
		all := stack.ReadBundle(t, path, name+"-support-")
		for _, part := range want {
			if len(all[part]) == 0 {
				t.Errorf("%s: no %s: %s", name, part, all["errors.txt"])
			}
		}
		for part, text := range all {
			if i := slices.IndexFunc(secrets, func(s string) bool { return strings.Contains(text, s) }); i >= 0 {
				t.Errorf("%s: %s has %q", name, part, secrets[i])
			}
		}
	}
}
