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

	"belfry/aggregator/notify/irc"
	"belfry/aggregator/topology"
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
	files, err := ca.Issue("belfry", certs.Request{CommonName: "belfry", Server: true, Client: true})
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
	path := filepath.Join(f.dir, "aggregator.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", f.dir)), 0o600); err != nil {
		f.t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		return c, strings.ReplaceAll(err.Error(), f.dir, "DIR")
	}
	return c, ""
}

// same compares by what is printed: pointers are followed, secrets are not shown.
func same(t *testing.T, got, want *Config) {
	t.Helper()
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

func TestFullFile(t *testing.T) {
	f := newFolder(t)
	c, err := f.load(`
state: /var/lib/other
receive:
  amqp: {urls: ["amqps://mq:5671/"], CERTS, user: u, password: hush, confirm_timeout: 90s, queues: 8, management: {url: "https://mq:15671", user: m, password: hush2, ca: DIR/ca.pem}}
  http:
    plain: "[::1]:8080"
    tls: {listen: "10.0.0.1:8443", CERTS}
enroll: {ca: "off", lifetime: 7d, url: "https://logs.example.org:8443", amqp: ["amqps://mq.example.org/"]}
ledger: {gap_grace: 2m, silence_after: 1h}
index: {engine: embedded, embedded: {retention: 30d, max_bytes: 1TiB, memory: 2GiB}}
parse: {parsers: ["/srv/parsers/*.yml"]}
alert: {rules: [/etc/belfry/rules.d, /srv/rules]}
notify: {irc: {server: "irc.example.org:6697", tls: true, ca: DIR/ca.pem, nick: belfry, channel: "#oncall", oncall: alice, sasl: {user: u, password: hush}}}
serve: {socket: /run/other.sock, metrics: "unix:/run/metrics.sock"}
`)
	if err != "" {
		t.Fatal(err)
	}
	same(t, c, &Config{
		State: "/var/lib/other",
		Receive: Receive{
			AMQP: &AMQP{Queues: 8, Config: broker.Config{
				URLs: []string{"amqps://mq:5671/"}, Files: f.files, User: "u", Password: "hush", Confirm: conf.Duration(90 * time.Second),
			}, Management: &topology.Management{URL: "https://mq:15671", User: "m", Password: "hush2", CA: f.files.CA}},
			HTTP: HTTP{Plain: "[::1]:8080", TLS: &TLS{Listen: "10.0.0.1:8443", Files: f.files}},
		},
		Enroll: Enroll{
			CA: "off", Lifetime: conf.Duration(7 * 24 * time.Hour), URL: "https://logs.example.org:8443", AMQP: []string{"amqps://mq.example.org/"},
		},
		Ledger: Ledger{GapGrace: conf.Duration(2 * time.Minute), SilenceAfter: conf.Duration(time.Hour)},
		Index: Index{Engine: "embedded", Embedded: Embedded{
			Retention: conf.Durations{"default": conf.Duration(30 * 24 * time.Hour)}, MaxBytes: 1 << 40, Memory: 2 << 30,
		}},
		Parse: Parse{Parsers: []string{"/srv/parsers/*.yml"}},
		Alert: Alert{Rules: []string{"/etc/belfry/rules.d", "/srv/rules"}},
		Notify: Notify{IRC: &irc.Config{
			Server: "irc.example.org:6697", TLS: true, CA: f.files.CA, Nick: "belfry", Channel: "#oncall", Oncall: "alice",
			SASL: &irc.SASL{User: "u", Password: "hush"},
		}},
		Serve: Serve{Socket: "/run/other.sock", Metrics: "unix:/run/metrics.sock"},
	})
	if c.Receive.AMQP.Password.Reveal() != "hush" || c.Notify.IRC.SASL.Password.Reveal() != "hush" {
		t.Error("a password is not what was set")
	}
	if c.Dir("index") != "/var/lib/other/index" {
		t.Errorf("folder %s", c.Dir("index"))
	}
}

func TestDefaults(t *testing.T) {
	f := newFolder(t)
	for _, empty := range []string{"", "# nothing\n", "receive:\nindex:\nnotify:\n"} {
		c, err := f.load(empty)
		if err != "" {
			t.Fatal(err)
		}
		same(t, c, &Config{
			State: "/var/lib/belfry", Receive: Receive{HTTP: HTTP{Plain: "127.0.0.1:8080"}},
			Enroll: Enroll{CA: "/var/lib/belfry/ca", Lifetime: conf.Duration(30 * 24 * time.Hour)},
			Ledger: Ledger{GapGrace: conf.Duration(5 * time.Minute), SilenceAfter: conf.Duration(5 * time.Minute)},
			Parse:  Parse{Parsers: []string{Parsers}},
			Index:  Index{Engine: "embedded", Embedded: Embedded{Retention: conf.Durations{"default": conf.Duration(90 * 24 * time.Hour)}}}, Serve: Serve{Socket: "/run/belfry/api.sock"},
		})
	}
	c, err := f.load("receive: {amqp: {urls: [\"amqps://mq/\"], CERTS}, http: {plain: off, tls: {CERTS}}}\n")
	if err != "" || c.Receive.AMQP.Queues != 4 || c.Receive.HTTP.Plain != "off" || c.Receive.HTTP.TLS.Listen != ":8443" {
		t.Errorf("%+v, %s", c, err)
	}
	for text, want := range map[string]string{
		"index: {elastic: {nodes: [\"https://es1:9200\"]}}\n":                   "elastic 2160h0m0s",
		"index: {elastic: {nodes: [\"https://es1:9200\"], retention: 400d}}\n":  "elastic 9600h0m0s",
		"index: {embedded: {retention: {auth: 400d}}}\n":                        "embedded 9600h0m0s",
		"index: {engine: embedded, elastic: {nodes: [\"https://es1:9200\"]}}\n": "embedded 2160h0m0s",
	} {
		c, err := f.load(text)
		if err != "" {
			t.Errorf("%s: %s", text, err)
		} else if got := c.Index.Engine + " " + c.Index.Retention().String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	c, err = f.load("receive: {amqp: {urls: [\"amqps://mq/\"], CERTS, management: {url: \"https://mq:15671\", user: m, password: p}}}\n")
	if err != "" || c.Receive.AMQP.Management.CA != f.files.CA {
		t.Errorf("%+v, %s", c.Receive.AMQP, err)
	}
	if _, err := Load("/nowhere/aggregator.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Every fault has its key; all of a file are told at once.
func TestFaults(t *testing.T) {
	dir := newFolder(t)
	f := func(text string, want ...string) {
		t.Helper()
		_, err := dir.load(text)
		for i, w := range want {
			want[i] = "DIR/aggregator.yaml:" + w
		}
		if err != strings.Join(want, "\n") {
			t.Errorf("%s\ngot\n%s\nwant\n%s", text, err, strings.Join(want, "\n"))
		}
	}
	f("enroll: {ca: DIR/none, lifetime: 1s, url: \"http://logs\", amqp: [\"amqp://mq\"]}\n",
		` enroll.ca: there is no authority in DIR/none: belfry ca init --dir DIR/none`,
		` enroll.lifetime: 1s is not between 10s and 87600h0m0s`,
		` enroll.url: "http://logs" is not https://host:port`,
		` enroll.amqp[0]: "amqp://mq" is not a URL such as amqps://broker:5671/`)
	f("enroll: {ca: ca}\n", ` enroll.ca: "ca" is not an absolute path`)
	f("receive: {amqp: {urls: [\"amqp://h/\"], CERTS, user: u, queues: 257}}\n",
		` receive.amqp.urls[0]: scheme "amqp": only amqps is spoken`,
		" receive.amqp.user: user and password go together",
		" receive.amqp.queues: 257 is not between 1 and 256")
	f("receive: {amqp: {CERTS, queues: -1}}\n", " receive.amqp.urls: at least one is needed",
		" receive.amqp.queues: -1 is not between 1 and 256")
	f("receive: {amqp: {urls: [\"amqps://h/\"], CERTS, management: {url: \"http://mq:15672\", user: u, ca: DIR/gone.pem}}}\n",
		` receive.amqp.management.url: "http://mq:15672" would send the password in the clear: https, or a loopback address`,
		" receive.amqp.management.user: user and password must both be set",
		" receive.amqp.management.ca: open DIR/gone.pem: no such file or directory")
	f("receive: {http: {plain: \"0.0.0.0:8080\"}}\n",
		` receive.http.plain: "0.0.0.0:8080" takes events without a token and must be a loopback address`)
	f("receive: {http: {plain: \":8080\"}}\n",
		` receive.http.plain: ":8080" takes events without a token and must be a loopback address`)
	f("receive: {http: {plain: \"logs.example.org:8080\"}}\n",
		` receive.http.plain: "logs.example.org:8080" takes events without a token and must be a loopback address`)
	f("receive: {http: {plain: \"8080\"}}\n", ` receive.http.plain: "8080" is not host:port`)
	f("receive: {http: {plain: \"localhost:8080\"}}\n")
	f("receive: {http: {tls: {listen: \"8443\"}}}\n", " receive.http.tls.ca: a file must be named",
		" receive.http.tls.cert: a file must be named", " receive.http.tls.key: a file must be named",
		` receive.http.tls.listen: "8443" is neither host:port nor unix:/PATH`)
	f("receive: {http: {tls: {ca: DIR/gone.pem, cert: DIR/belfry.pem, key: DIR/belfry.key}}}\n",
		" receive.http.tls.ca: open DIR/gone.pem: no such file or directory")
	f("receive: {http: {tls: {ca: DIR/belfry.key, cert: DIR/belfry.pem, key: DIR/belfry.key}}}\n",
		" receive.http.tls.ca: load authorities: no certificate in DIR/belfry.key")
	f("notify: {irc: {server: irc, nick: \"a b\", channel: oncall, ca: /x, sasl: {user: u}}}\n",
		` notify.irc.server: "irc" is not host:port`, ` notify.irc.nick: "a b" cannot be a nick`,
		` notify.irc.oncall: "" cannot be a nick`, ` notify.irc.channel: "oncall" is not a channel such as #ops`,
		" notify.irc.ca: means nothing without tls: true",
		" notify.irc.sasl: would send the password in the clear without tls: true",
		" notify.irc.sasl: user and password must both be set")
	f("index: {embedded: {retention: 1h, memory: 1MiB, names: -1}}\n",
		` index.embedded.retention: 1h0m0s is not between 24h0m0s and 438000h0m0s`,
		` index.embedded.memory: 1048576 bytes, at least 16777216 are needed`,
		` index.embedded.names: -1 is not between 1 and 268435456`)
	f("index: {engine: lucene, embedded: {retention: {auth: 400d, Web: 1h, default: 90d}, max_bytes: 1MB}}\n",
		` index.engine: "lucene" is neither embedded nor elastic`,
		` index.embedded.retention.Web: a class is 1 to 32 of a-z, 0-9 and _`,
		` index.embedded.retention.Web: 1h0m0s is not between 24h0m0s and 438000h0m0s`,
		` index.embedded.max_bytes: 1000000 bytes, at least 16777216 are needed`)
	f("index: {engine: elastic}\n", " index.elastic: must say where the servers are")
	f("index: {elastic: {nodes: [\"es1:9200\"], username: u, retention: {Web: 1h}}}\n",
		" index.elastic.nodes[0]: not a URL such as https://es1:9200",
		" index.elastic.username: username and password go together",
		" index.elastic.retention.Web: not a class: 1 to 32 of a-z, 0-9 and _",
		" index.elastic.retention.Web: 1h0m0s is not between a day and 50 years")
	f("ledger: {gap_grace: 100ms, silence_after: 8d}\n", " ledger.gap_grace: 100ms is not between 1s and 168h0m0s",
		" ledger.silence_after: 192h0m0s is not between 1s and 168h0m0s")
	f("state: here\n", ` state: "here" is not an absolute path`)
	f("serve: {metrics: nine}\n", ` serve.metrics: "nine" is neither host:port nor unix:/PATH`)
	// what the file's shape tells comes with its line, before all else
	f("recieve: {}\nreceive:\n  http:\n    port: 1\n  amqp:\n    queues: many\nindex:\n  embedded: {retention: -5d, memory: lots}\nalert:\n  rules: /etc\n",
		"1: recieve: unknown key; did you mean receive?",
		"4: receive.http.port: unknown key",
		`6: receive.amqp.queues: "many" is not a whole number that fits`,
		`8: index.embedded.retention: "-5d" is not a length of time such as 10s, 5m or 90d`,
		`8: index.embedded.memory: "lots" is not a size such as 64KiB or 10GB`,
		`10: alert.rules: "/etc" is not a list`)
	f("state: a\nstate: b\n", "2: state: stands twice, first on line 1")
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c, err := newFolder(t).load(`
receive: {amqp: {urls: ["amqps://mq/"], CERTS, user: u, password: hush, management: {url: "https://mq/", user: u, password: hush}}}
notify: {irc: {server: "h:1", tls: true, channel: "#a", oncall: b, sasl: {user: u, password: hush}}}
`)
	if err != "" {
		t.Fatal(err)
	}
	text, jsonErr := json.Marshal(c)
	shown := fmt.Sprintf("%+v %#v %+v %+v %+v %s", c, c.Receive.AMQP, *c.Receive.AMQP, *c.Receive.AMQP.Management, *c.Notify.IRC.SASL, text)
	if jsonErr != nil || strings.Contains(shown, "hush") || !strings.Contains(shown, "***") {
		t.Errorf("a secret shows: %s", shown)
	}
}

// With an authority in the state agents may enrol; what is needed to make one is read before anything else can be valid.
func TestEnroll(t *testing.T) {
	f := newFolder(t) // it is an authority's
	c, err := f.load("enroll: {ca: DIR}\n")
	if err != "" || !c.Enroll.On() {
		t.Errorf("%+v, %s", c.Enroll, err)
	}
	if c, err = f.load("state: DIR/state\n"); err != "" || c.Enroll.On() {
		t.Errorf("without an authority: %+v, %s", c.Enroll, err)
	}
	if c, err = f.load("enroll: {ca: \"off\"}\n"); err != "" || c.Enroll.On() {
		t.Errorf("off: %+v, %s", c.Enroll, err)
	}
	g := func(text, want string) {
		t.Helper()
		path := filepath.Join(f.dir, "some.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if dir, state, err := LoadAuthority(path); err != nil || dir+" "+state != want {
			t.Errorf("%q: %s %s, %v, want %s", text, dir, state, err, want)
		}
	}
	g("state: /srv\nreceive: {http: {tls: {ca: /none, cert: /none, key: /none}}}\n", "/srv/ca /srv")
	g("enroll: {ca: /etc/belfry/ca}\n", "/etc/belfry/ca /var/lib/belfry")
	if dir, _, err := LoadAuthority("/nowhere/aggregator.yaml"); err != nil || dir != "/var/lib/belfry/ca" {
		t.Errorf("no file: %s, %v", dir, err)
	}
	if got := Local([]string{"amqps://127.0.0.1:5671/", "amqps://mq/", "amqps://localhost/", "amqps://[::1]/"}); len(got) != 3 {
		t.Errorf("%v", got)
	}
}
