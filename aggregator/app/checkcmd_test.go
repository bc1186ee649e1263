package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// All that is wrong is told at once, rules and parsers with their samples too, each by its key.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const sound = "state: DIR/state\nserve: {socket: DIR/api.sock}\nindex: {engine: elastic, elastic: {nodes: [\"http://127.0.0.1:1\"]}}\n" +
		"alert: {rules: [DIR/rules]}\nparse: {parsers: [\"DIR/parsers/*.yml\"]}\n"
	f := func(config, flags string, code int, want ...string) {
		t.Helper()
		put("aggregator.yaml", config)
		out, _, err := belfry(t, append([]string{"--config", filepath.Join(dir, "aggregator.yaml"), "check"}, strings.Fields(flags)...)...)
		out = strings.ReplaceAll(out, dir, "DIR")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		ok := len(lines) == len(want) && ExitCode(err) == code
		for i := range min(len(lines), len(want)) {
			ok = ok && strings.HasPrefix(lines[i], want[i])
		}
		if !ok {
			t.Errorf("exit %d: %v\n%s\nwant %d\n%s", ExitCode(err), err, out, code, strings.Join(want, "\n"))
		}
	}
	put("rules/none.txt", "")
	f(sound, "--offline", 0, "DIR/aggregator.yaml: ok")
	f(sound, "", 0, "warning: index.elastic: ", "DIR/aggregator.yaml: 1 warning")
	f(sound+"notify: {irc: {server: \"127.0.0.1:1\", channel: \"#ops\", oncall: alice}}\n", "--strict", 1,
		"warning: index.elastic: ", "warning: notify.irc.server: connect: dial tcp 127.0.0.1:1: connect: connection refused",
		"DIR/aggregator.yaml: 2 warnings")
	f("stat: x\n", "", 2, "error: stat: DIR/aggregator.yaml:1: unknown key; did you mean state?", "DIR/aggregator.yaml: 1 error")
	put("threats.csv", "no list\n")
	f(sound+"enrich: {threats: [{path: DIR/threats.csv, format: csv, source: x}]}\n", "--offline", 0, // as the aggregator begins with it
		"warning: enrich.threats[0]: DIR/threats.csv:1: ", "DIR/aggregator.yaml: 1 warning")
	put("rules/bad.yml", "title: x\n")
	put("parsers/door.yml", "parsers:\n  - name: door\n    pattern: ['^door (?P<door>\\d+)$']\n    samples:\n      - {line: 'door x', fields: {labels.door: 1}}\n")
	f(sound, "--offline", 2, "error: alert.rules: DIR/rules/bad.yml:1: ", "error: alert.rules: DIR/rules/bad.yml:1: ",
		"error: parse.parsers: DIR/parsers/door.yml:5: ", "DIR/aggregator.yaml: 3 errors")
	for _, name := range []string{"rules/bad.yml", "parsers/door.yml"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	later(t, filepath.Join(dir, "state", "fleet.db"))
	f(sound, "--offline", 2, `error: state: open fleet DIR/state/fleet.db: its format is version "2", and this program knows 1`,
		"DIR/aggregator.yaml: 1 error")
}

// later makes a file as a later version of the program might.
func later(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("state"))
		if err != nil {
			return err
		}
		return b.Put([]byte("version"), []byte("2"))
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
