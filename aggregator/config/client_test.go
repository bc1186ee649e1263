package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckServer(t *testing.T) {
	f := func(text, host string, ok bool) {
		t.Helper()
		if err := CheckServer(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if ok && text != "" && ServerHost(text) != host {
			t.Errorf("%q: %s", text, ServerHost(text))
		}
	}
	f("", "", true)
	f("https://logs.example.org", "logs.example.org:8443", true)
	f("https://logs.example.org:443/", "logs.example.org:443", true)
	f("https://[2001:db8::1]", "[2001:db8::1]:8443", true)
	f("http://logs.example.org:8443", "", false)
	f("logs.example.org:8443", "", false)
	f("https://", "", false)
	f("https://user:password@logs.example.org", "", false)
	f("https://logs.example.org/path", "", false)
	f("https://logs.example.org?q", "", false)
}

// Who searches needs the section and the socket, and no more of the file to be right.
func TestLoadClient(t *testing.T) {
	f := func(text string, want Client, socket, fault string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, at, err := LoadClient(path)
		if fault == "" && (err != nil || got != want || at != socket) || fault != "" && (err == nil || !strings.Contains(err.Error(), fault)) {
			t.Errorf("%s: %+v, %s, %v", text, got, at, err)
		}
	}
	f("", Client{}, defaultSocket, "")
	f("serve: {socket: /s}\nreceive: {http: {tls: {ca: /nowhere}}}", Client{}, "/s", "")
	f(`client: {server: "https://h:1", ca: /ca, token_file: /t}`, Client{"https://h:1", "/ca", "/t"}, defaultSocket, "")
	f(`client: {server: "http://h:1"}`, Client{}, "", "client.server: \"http://h:1\" is not https")
	f(`client: {token_file: /t}`, Client{}, "", "client.server: must be given")
	f(`client: {token: secret}`, Client{}, "", "unknown key")
}
