package main

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

// bundle has the program write one, and holds its list to what is in it.
func bundled(t *testing.T, config string) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	code, out, errOut := invoke(t, "--config", config, "support-bundle", "-o", path)
	if code != 0 || errOut != "" {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	all := stack.ReadBundle(t, path, "belfry-agent-support-")
	for name := range all {
		if !strings.Contains(out, "  "+name+"\n") {
			t.Errorf("%s is not in the list\n%s", name, out)
		}
	}
	if code, _, errOut := invoke(t, "--config", config, "support-bundle", "-o", path); code != 2 || !strings.Contains(errOut, "file exists") {
		t.Errorf("over another one: exit %d: %s", code, errOut)
	}
	return all
}

// secrets are what must be in no bundle: the planted, and what the key is.
func secrets(t *testing.T, key string) []string {
	t.Helper()
	pem, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"hush", "BEGIN PRIVATE KEY"}, strings.Split(strings.TrimSpace(string(pem)), "\n")[1:2]...)
}

func silent(t *testing.T, all map[string]string, secrets []string) {
	t.Helper()
	for name, text := range all {
		for _, s := range secrets {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s has a secret: %q", name, text[max(0, i-100):min(len(text), i+100)])
			}
		}
	}
}

// All that helps is in a bundle, and nothing secret, wherever that stands: configuration, comments, URLs, environment, files
// that the configuration names, log lines, messages that wait in the spool.
func TestSupportBundle(t *testing.T) {
	t.Setenv("BELFRY_TOKEN", "hush-environment")
	dir := folder(t)
	for name, text := range map[string]string{"x.log": "hush-line\n", "mask.key": "hush-mask-key-0123456789"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	udp, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("DIR", dir, "UDP", udp).Replace(`# hush-comment
state: DIR/state
host: web01   # hush-comment
inputs:
  files:
    - paths: [DIR/*.log]
      fields: {site: prague, password: hush-field}
      mask_key_file: DIR/mask.key
      mask: [{matches: "hush-(pattern)"}]
  syslog: [{listen: "udp://UDP"}]
rotate:
  - {paths: [DIR/x.log], size: 1GiB, postrotate: [/bin/true, --login, hush-argument]}
ship: {amqp: {urls: ["amqps://127.0.0.1:1/"], user: belfry, password: hush-password, ca: DIR/ca.pem, cert: DIR/agent.pem, key: DIR/agent.key}}
`)
	config := runAgent(t, dir, text)
	c, err := net.Dial("udp", udp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("<13>Nov 23 17:54:31 h x: hush-message")); err != nil {
		t.Fatal(err)
	}
	wait(t, "message in the spool", func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "state", "spool", "*", "*.seg"))
		return slices.ContainsFunc(files, func(path string) bool {
			b, err := os.ReadFile(path)
			return err == nil && strings.Contains(string(b), "hush-message")
		})
	})
	key := filepath.Join(dir, "agent.key")
	all := bundled(t, config)
	silent(t, all, secrets(t, key))
	for name, want := range map[string]string{
		"config.yaml": "password: '[removed]'", "version.txt": "belfry-agent " + version + "\n", "check.txt": "ship.amqp.urls[0]: network: dial tcp",
		"status.json": `"path":"` + dir + `/x.log"`, "metrics.txt": "belfry_agent_ready 0\n", "health.txt": "ok\n",
		"state.txt": "identity.json\n", "certificates.txt": `agent.pem: subject "CN=agent-h", issuer "CN=Belfry CA"`, "process.txt": "Max open files",
		"host.txt": "Linux ", "disks.txt": "bytes, ", "clock.txt": "synchronised ",
	} {
		if !strings.Contains(all[name], want) {
			t.Errorf("%s: no %q in\n%s", name, want, all[name])
		}
	}
	for _, kept := range []string{"host: web01\n", "site: prague", "user: belfry", "/bin/true", "amqps://127.0.0.1:1/"} {
		if !strings.Contains(all["config.yaml"], kept) {
			t.Errorf("no %q in\n%s", kept, all["config.yaml"])
		}
	}
	for _, name := range []string{"goroutines.txt", "heap.pb.gz", "unit.txt", "journal.txt"} { // as far as this host has them
		if all[name] == "" && !strings.Contains(all["errors.txt"], name+": ") {
			t.Errorf("%s is not there, and nothing says why: %q, %s", name, slices.Sorted(maps.Keys(all)), all["errors.txt"])
		}
	}
}

// A bundle is of use above all where nothing works: the daemon is down, and the configuration is not one.
func TestSupportBundleOfWhatDoesNotWork(t *testing.T) {
	dir := folder(t)
	config := filepath.Join(dir, "agent.yaml")
	f := func(text, inErrors, inConfig, inCheck string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		all := bundled(t, config)
		silent(t, all, secrets(t, filepath.Join(dir, "agent.key")))
		for name, want := range map[string]string{"errors.txt": inErrors, "config.yaml": inConfig, "check.txt": inCheck, "disks.txt": "bytes, "} {
			if !strings.Contains(all[name], want) {
				t.Errorf("%s: no %q in\n%s", name, want, all[name])
			}
		}
		if !strings.Contains(all["errors.txt"], "status.json: ask at ") || !strings.Contains(all["errors.txt"], "(is it running?)") {
			t.Errorf("%s", all["errors.txt"])
		}
	}
	f(valid, "", "host: h\n", "agent.yaml: 1 warning")
	f(strings.Replace(valid, "https://", "https://u:hush-in-url@", 1)+"pasword: hush-misspelt\n", "", "https://[removed]@127.0.0.1:1", "pasword: ")
	f(strings.Replace(valid, "https://", "http://u:hush-in-url@", 1), "", "http://[removed]@127.0.0.1:1", "ship.https.url: ")
	f("inputs: [\nhush: {\n", "config.yaml: ", "", "error: ")
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if all := bundled(t, config); !strings.Contains(all["errors.txt"], "config.yaml: open ") || all["host.txt"] == "" {
		t.Errorf("%s", all["errors.txt"])
	}
}
