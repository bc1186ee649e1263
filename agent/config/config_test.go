package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/agent/input/file"
	"belfry/agent/input/journal"
	"belfry/agent/input/syslog"
	"belfry/agent/ship/https"
	"belfry/agent/spool"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/conf"
)

// folder holds a configuration and the certificates that it names.
type folder struct {
	t     *testing.T
	dir   string
	files certs.Files
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	dir := t.TempDir()
	ca, err := certs.NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := ca.Issue("agent", certs.Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	return &folder{t, dir, files}
}

// load loads a text, in which CERTS stands for the keys of the certificates, and DIR for the folder. The folder is DIR
// in the error too.
func (f *folder) load(text string) (*Config, string) {
	f.t.Helper()
	text = strings.ReplaceAll(text, "CERTS", fmt.Sprintf("ca: %s, cert: %s, key: %s", f.files.CA, f.files.Cert, f.files.Key))
	path := filepath.Join(f.dir, "agent.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", f.dir)), 0o600); err != nil {
		f.t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		return c, strings.ReplaceAll(err.Error(), f.dir, "DIR")
	}
	return c, ""
}

const full = `
state: /var/lib/other
host: web1
namespace: blue
timezone: Europe/Berlin
metrics: unix:/run/belfry-agent/metrics.sock
inputs:
  files:
    - {paths: ["/var/log/auth.log*", /var/log/secure], exclude: ["*.bak", /var/log/x], class: auth, start: end, tags: [a, b], fields: {site: fra}}
    - {paths: [/var/log/syslog]}
  syslog:
    - {listen: "udp://127.0.0.1:514", max_message: 8KiB}
    - {listen: "tcp://:601", max_connections: 20, max_per_address: 5, idle: 10m}
    - {listen: "tls://:6514", CERTS, clients: [web*], allow: [10.0.0.0/8], class: net, handshake: 5s}
  journal:
    - {directory: /var/log/journal/remote, class: auth}
spool: {max_bytes: 2GiB, min_free: 1GiB, sync_after: 20ms}
ship:
  lanes: 2
`

func TestFullFile(t *testing.T) {
	f := newFolder(t)
	text := strings.ReplaceAll(full, `"*.bak"`, `"/*.bak"`)
	c, err := f.load(text + `  amqp: {urls: ["amqps://mq1:5671/", "amqps://mq2:5671/v"], CERTS, user: u, password: hush, confirm_timeout: 90s}`)
	if err != "" {
		t.Fatal(err)
	}
	want := &Config{
		State: "/var/lib/other", Host: "web1", Namespace: "blue", Zone: "Europe/Berlin",
		Metrics: "unix:/run/belfry-agent/metrics.sock",
		Inputs: Inputs{
			Files: []file.Config{{
				Paths: []string{"/var/log/auth.log*", "/var/log/secure"}, Exclude: []string{"/*.bak", "/var/log/x"}, Class: "auth",
				Start: "end", Tags: []string{"a", "b"}, Fields: map[string]string{"site": "fra"},
			}, {Paths: []string{"/var/log/syslog"}}},
			Syslog: []syslog.Config{
				{Listen: "udp://127.0.0.1:514", MaxMessage: 8 << 10},
				{Listen: "tcp://:601", MaxConnections: 20, MaxPerAddress: 5, Idle: conf.Duration(10 * time.Minute)},
				{
					Listen: "tls://:6514", Files: f.files, Clients: []string{"web*"}, Allow: []string{"10.0.0.0/8"}, Class: "net",
					Handshake: conf.Duration(5 * time.Second),
				},
			},
			Journal: []journal.Config{{Directory: "/var/log/journal/remote", Class: "auth"}},
		},
		Spool: spool.Config{MaxBytes: 2 << 30, MinFree: 1 << 30, SyncAfter: conf.Duration(20 * time.Millisecond)},
		Ship: Ship{Lanes: 2, AMQP: &broker.Config{
			URLs: []string{"amqps://mq1:5671/", "amqps://mq2:5671/v"}, Files: f.files, User: "u", Password: "hush",
			Confirm: conf.Duration(90 * time.Second),
		}},
	}
	same(t, c, want)
	if got := c.Ship.AMQP.Password.Reveal(); got != "hush" {
		t.Errorf("password %q", got)
	}
	c, err = f.load(text + `  https: {url: "https://logs:8443", CERTS, timeout: 5s}`)
	want.Ship = Ship{Lanes: 2, HTTPS: &https.Config{URL: "https://logs:8443", Files: f.files, Timeout: conf.Duration(5 * time.Second)}}
	if err != "" {
		t.Fatal(err)
	}
	same(t, c, want)
}

// same compares by what is printed: pointers are followed, secrets are not shown.
func same(t *testing.T, got, want *Config) {
	t.Helper()
	if len(got.Hash) != 64 {
		t.Errorf("hash of the file: %q", got.Hash)
	}
	want.Hash = got.Hash
	g, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestDefaults(t *testing.T) {
	c, err := newFolder(t).load("inputs: {files: [{paths: [/var/log/syslog]}]}\nship: {https: {url: \"https://logs:8443\", CERTS}}\n")
	if err != "" {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	if c.State != "/var/lib/belfry-agent" || c.Host != host || c.Metrics != "" || c.Namespace != "" || c.Zone != "" {
		t.Errorf("%+v", c)
	}
	if _, err := Load("/nowhere/agent.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Every fault has its key; all of a file are told at once.
func TestFaults(t *testing.T) {
	dir := newFolder(t)
	const inputs = "inputs: {files: [{paths: [/a]}]}\n"
	const ship = "ship: {https: {url: \"https://h:1\", CERTS}}\n"
	f := func(text string, want ...string) {
		t.Helper()
		_, err := dir.load(text)
		for i, w := range want {
			want[i] = "DIR/agent.yaml:" + w
		}
		if err != strings.Join(want, "\n") {
			t.Errorf("%s\ngot\n%s\nwant\n%s", text, err, strings.Join(want, "\n"))
		}
	}
	f("", " inputs: nothing to read: give files, syslog or journal", " ship: nothing says where to ship to: belfry-agent enroll, or give one of amqp and https")
	f(inputs+ship+"metrics: nine\n", ` metrics: "nine" is neither host:port nor unix:/PATH`)
	f(inputs+ship+"metrics: \"unix:\"\n", ` metrics: "unix:" is neither host:port nor unix:/PATH`)
	f(inputs+ship+"metrics: \"localhost:\"\n", ` metrics: "localhost:" is neither host:port nor unix:/PATH`)
	// files
	f("inputs: {files: [{paths: [/a]}, {}]}\n"+ship, " inputs.files[1].paths: at least one glob is needed")
	f("inputs: {files: [{paths: [/a, b, \"/[\"], exclude: [c, \"/[\"]}]}\n"+ship,
		` inputs.files[0].paths[1]: "b": not an absolute path`,
		` inputs.files[0].paths[2]: "/[": a [ without its ]`,
		` inputs.files[0].exclude[1]: "/[": a [ without its ]`)
	f("inputs: {files: [{paths: [/a], hold: {disk_percent: 101}, mask_key_file: k, encoding: ebcdic}]}\n"+ship,
		` inputs.files[0].hold.disk_percent: 101 is not between 1 and 100`,
		` inputs.files[0].mask_key_file: "k" is not an absolute path`,
		` inputs.files[0].encoding: "ebcdic" is none of auto, utf-8, utf-16le, utf-16be and latin-1`)
	f("inputs: {files: [{paths: [/a], class: Auth!, start: middle}]}\n"+ship,
		` inputs.files[0].start: "middle" is neither beginning nor end`,
		` inputs.files[0].class: "Auth!": use 1 to 32 of a-z, 0-9 and _`)
	// syslog
	f("inputs: {syslog: [{listen: \"udp://:514\"}, {}]}\n"+ship,
		` inputs.syslog[1].listen: "" does not begin with udp://, tcp://, tls://, relp://, relp+tls://, unix:// or unixgram://`)
	f("inputs: {syslog: [{listen: \"udp://:514\"}, {listen: \"udp://:514\"}], journal: [{}, {class: auth}]}\n"+ship,
		` inputs.syslog[1].listen: "udp://:514" is the place of inputs.syslog[0] too`,
		` inputs.journal[1]: the same journal as inputs.journal[0]`)
	f("inputs: {syslog: [{listen: \"udp://:514\", max_message: 1MiB}]}\nspool: {max_bytes: 1MiB}\n"+ship,
		" inputs.syslog[0].max_message: 1048576 is more than a spool.max_bytes of 1048576 takes: 523232")
	f(inputs+"ship: {lanes: 17, https: {url: \"https://h:1\", CERTS}}\nspool: {sync_after: 1s}\n",
		" spool.sync_after: 1s is not between 0s and 100ms", " ship.lanes: 17 is not between 1 and 16")
	f("inputs: {syslog: [{listen: \"tcp://:514\", max_message: 1, max_connections: 1000000, max_per_address: 2000000, idle: 1ms}]}\n"+ship,
		" inputs.syslog[0].max_message: 1 is not between 480 and 1048576",
		" inputs.syslog[0].max_connections: 1000000 is not between 1 and 100000",
		" inputs.syslog[0].max_per_address: 2000000 is not between 1 and max_connections, 1000000",
		" inputs.syslog[0].idle: 1ms is less than 1s")
	// ship
	f(inputs+"ship: {https: {url: \"https://h:1\", CERTS}, amqp: {urls: [\"amqps://h/\"], CERTS}}\n", " ship: give exactly one of amqp and https")
	f(inputs+"ship: {https: {url: \"http://h:1\", CERTS}}\n",
		` ship.https.url: "http://h:1": want a URL that begins with https://, as https://aggregator:8443`)
	f(inputs+"ship: {https: {url: \"https://h:1\"}}\n", " ship.https.ca: a file must be named",
		" ship.https.cert: a file must be named", " ship.https.key: a file must be named")
	f(inputs+"ship: {https: {url: \"https://h:1\", ca: DIR/ca.pem, cert: DIR/agent.pem, key: DIR/gone.key}}\n",
		" ship.https.key: open DIR/gone.key: no such file or directory")
	f(inputs+"ship: {amqp: {urls: [\"amqp://h/\", \"amqps://u:p@h/\", x], CERTS, user: u}}\n",
		` ship.amqp.urls[0]: scheme "amqp": only amqps is spoken`,
		" ship.amqp.urls[1]: put the user into user and password",
		` ship.amqp.urls[2]: "x" is not a URL such as amqps://broker:5671/`,
		" ship.amqp.user: user and password go together")
	f(inputs+"ship: {amqp: {CERTS}}\n", " ship.amqp.urls: at least one is needed")
	// what the file's shape tells comes with its line, before all else
	f("input: {}\ninputs:\n  files:\n    - path: [/a]\n      tags: a\n  syslog:\n    - {listen: 5, idle: soon}\nship:\n  https:\n    urls: x\n",
		"1: input: unknown key; did you mean inputs?",
		"4: inputs.files[0].path: unknown key; did you mean paths?",
		`5: inputs.files[0].tags: "a" is not a list`,
		`7: inputs.syslog[0].idle: "soon" is not a length of time such as 10s, 5m or 90d`,
		"10: ship.https.urls: unknown key; did you mean url?")
	f("state: a\nstate: b\n", "2: state: stands twice, first on line 1")
	f("inputs: [\n", "1: did not find expected node content")
	f("ship: {amqp: {app_id: x}}\n", "1: ship.amqp.app_id: unknown key")
}

func TestSecretsAreNotPrinted(t *testing.T) {
	f := newFolder(t)
	c, err := f.load("inputs: {files: [{paths: [/a]}]}\nship: {amqp: {urls: [\"amqps://h/\"], CERTS, user: u, password: hush}}\n")
	if err != "" {
		t.Fatal(err)
	}
	_, short := f.load("ship: {amqp: {urls: [\"amqps://h/\"], CERTS, password: hush, confirm_timeout: hush}}\n")
	_, twice := f.load("inputs: {files: [{paths: [/a]}]}\nship: {amqp: {urls: [\"amqps://u:hush@h/\"], CERTS, password: hush}}\n")
	text, _ := json.Marshal(c)
	shown := fmt.Sprintf("%+v %#v %+v %s %s", c, c.Ship.AMQP, *c.Ship.AMQP, text, twice)
	if strings.Contains(shown, "hush") || !strings.Contains(shown, "***") || !strings.Contains(short, "confirm_timeout") {
		t.Errorf("a secret shows: %s", shown)
	}
}

// Without a section ship, what enrolment has written says where to; with one, that does.
func TestEnrolled(t *testing.T) {
	f := newFolder(t)
	const inputs = "state: DIR/state\ninputs: {files: [{paths: [/x]}]}\n"
	if _, err := f.load(inputs); err != "DIR/agent.yaml: ship: nothing says where to ship to: belfry-agent enroll, or give one of amqp and https" {
		t.Errorf("before: %s", err)
	}
	kept := filepath.Join(f.dir, "state", "certs")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	ship := func(text string) {
		t.Helper()
		for to, from := range map[string]string{"ca.pem": f.files.CA, "cert.pem": f.files.Cert, "key.pem": f.files.Key} {
			content, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(filepath.Join(kept, to), content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(kept, "ship.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ship(`{"v":1,"url":"https://logs:8443"}`)
	c, err := f.load(inputs)
	if err != "" || c.Ship.HTTPS == nil || c.Ship.HTTPS.URL != "https://logs:8443" || c.Ship.Files().Key != filepath.Join(kept, "key.pem") || !c.Ship.Enrolled {
		t.Errorf("%+v, %s", c.Ship.HTTPS, err)
	}
	if c, err = f.load(inputs + "ship: {https: {url: \"https://other:8443\", CERTS}}\n"); err != "" || c.Ship.HTTPS.URL != "https://other:8443" || c.Ship.Enrolled {
		t.Errorf("a section does not go first: %+v, %s", c.Ship, err)
	}
	own := "ship: {https: {url: \"https://other:8443\", ca: DIR/state/certs/ca.pem, cert: DIR/state/certs/cert.pem, key: DIR/state/certs/key.pem}}\n"
	if c, err = f.load(inputs + own); err != "" || c.Ship.HTTPS.URL != "https://other:8443" || !c.Ship.Enrolled {
		t.Errorf("a section with what enrolment has brought: %+v, %s", c.Ship, err)
	}
	ship(`{"v":1,"url":"https://logs:8443","amqp":["amqps://mq:5671/"]}`)
	if c, err = f.load(inputs + "ship: {lanes: 2}\n"); err != "" || c.Ship.AMQP == nil || c.Ship.AMQP.URLs[0] != "amqps://mq:5671/" || c.Ship.Lanes != 2 {
		t.Errorf("%+v, %s", c.Ship, err)
	}
	ship(`{"v":2}`)
	if _, err = f.load(inputs); !strings.HasPrefix(err, "DIR/agent.yaml: ship: what enrolment has written: DIR/state/certs/ship.json: version 2") {
		t.Error(err)
	}
}

func TestForEnrolling(t *testing.T) {
	f, err := LoadForEnrolling("/nowhere/agent.yaml")
	if err != nil || f.State != DefaultState || f.Host == "" {
		t.Errorf("no file: %+v, %v", f, err)
	}
	path := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(path, []byte("state: /srv/x\nhost: web01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err = LoadForEnrolling(path); err != nil || f != (ForEnrolling{"/srv/x", "web01"}) {
		t.Errorf("%+v, %v", f, err)
	}
}
