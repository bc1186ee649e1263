package conf

import (
	"slices"
	"strings"
	"testing"
)

type redacted struct {
	Name     string            `yaml:"name"`
	Password Secret            `yaml:"password"`
	Hidden   Secret            `yaml:"hidden"`
	Key      string            `yaml:"key"`
	Fields   map[string]string `yaml:"fields"`
	URLs     []string          `yaml:"urls"`
	After    []string          `yaml:"postrotate"`
	Keep     Durations         `yaml:"retention"`
	Mask     []map[string]any  `yaml:"mask"`
	Inner    *redacted         `yaml:"inner"`
}

// What is told to others has no secret, wherever it stood, and all else as it was.
func TestRedact(t *testing.T) {
	f := func(text, want string, secrets ...string) {
		t.Helper()
		clean, removed, err := Redact([]byte(text), new(redacted))
		if err != nil || strings.TrimSpace(string(clean)) != want {
			t.Errorf("%s\ngot\n%s%v\nwant\n%s", text, clean, err, want)
		}
		for _, s := range secrets {
			if strings.Contains(string(clean), s) || !slices.Contains(removed, s) {
				t.Errorf("%s\n%q is in\n%s\nor was not told: %q", text, s, clean, removed)
			}
		}
	}
	f("", "")
	f("# hush1\nname: web01 # hush2\n# hush3\n", "name: web01")
	f("password: hush1\nhidden: hush2\nkey: /etc/hush3\n", "password: '[removed]'\nhidden: '[removed]'\nkey: '[removed]'", "hush1", "hush2", "/etc/hush3")
	f("password: [hush1, {a: hush2}]\n", "password: '[removed]'", "hush1", "hush2")
	f("pasword: hush1\ninner: {recieve: {a: hush2}, name: x}\n", "pasword: '[removed]'\ninner: {recieve: '[removed]', name: x}", "hush1", "hush2")
	f("fields: {site: prague, api-token: hush1}\n", "fields: {site: prague, api-token: '[removed]'}", "hush1")
	f("retention: {auth: 400d}\n", "retention: {auth: 400d}")
	f("mask: [{matches: hush1}]\n", "mask: '[removed]'", "hush1")
	f("postrotate: [/usr/bin/x, --login, hush1]\n", "postrotate: [/usr/bin/x, '[removed]', '[removed]']", "hush1")
	f("urls: [\"amqps://u:hush1@mq:5671/vhost\"]\n", `urls: ["amqps://[removed]@mq:5671/vhost"]`, "hush1")
	f("urls: [\"amqps://u:hu/sh1?@mq:5671/\"]\n", `urls: ["amqps://[removed]@mq:5671/"]`, "hu/sh1?")
	f("urls: [\"https://hooks.example.org/services/hush1\", \"https://h?token=hush2\", \"https://h:8443/\", \"unix:///run/x\"]\n",
		`urls: ["https://hooks.example.org/[removed]", "https://h/[removed]", "https://h:8443/", "unix:///run/x"]`, "services/hush1", "token=hush2")
	f("name: run it with --password hush1 and TOKEN=hush2\n", `name: "run it with --password [removed] and TOKEN=[removed]"`, "hush1", "hush2")
	f("name: &n hush1\npassword: *n\n", "name: &n '[removed]'\npassword: *n", "hush1")
	f("inner: &i {name: hush1}\nhidden: *i\n", "inner: &i '[removed]'\nhidden: *i", "hush1")
	for _, broken := range []string{"name: [\nhush1", "name: *hush1\n", "\t- hush1: hush1: hush1"} {
		clean, removed, err := Redact([]byte(broken), new(redacted))
		if err == nil || clean != nil || removed != nil || strings.Contains(err.Error(), "hush1") || !strings.Contains(err.Error(), "lines cannot be read") {
			t.Errorf("%q: %s, %v", broken, clean, err)
		}
	}
}
