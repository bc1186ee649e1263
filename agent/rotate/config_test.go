package rotate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/shared/conf"
)

// entries is the part of agent.yaml.
type entries struct {
	Rotate []Config `yaml:"rotate"`
}

func load(t *testing.T, text string) (Config, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(path, []byte("rotate:\n  - "+text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var e entries
	if err := conf.Load(path, &e); err != nil {
		return Config{}, err.Error()
	}
	if err := e.Rotate[0].Validate(); err != nil {
		return Config{}, err.Error()
	}
	return e.Rotate[0], ""
}

func TestConfig(t *testing.T) {
	c, err := load(t, `{paths: [/var/log/app/*.log], size: 100MB, age: 24h, min_size: 1KiB, keep: 14, keep_for: 30d, compress: true,
      delay_compress: true, dateext: true, signal: {pid_file: /run/app.pid, signal: USR1}, wait: 2m,
      create: {mode: 0640, owner: app, group: adm}}`)
	if err != "" {
		t.Fatal(err)
	}
	if c.Size != 100e6 || c.Age != conf.Duration(24*time.Hour) || c.MinSize != 1024 || c.Keep != 14 || c.Create.Mode != 0o640 ||
		c.KeepFor != conf.Duration(30*24*time.Hour) || !c.compress() || c.wait() != 2*time.Minute || c.notice().Signal.Signal != "USR1" {
		t.Errorf("%+v", c)
	}
	if c, err = load(t, `{paths: [/a], age: 1h, compress: false}`); err != "" || c.compress() || c.wait() != time.Minute || c.notice() != nil || c.least() != 1 {
		t.Errorf("%+v, %s", c, err)
	}
}

func TestConfigFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if _, err := load(t, text); err != strings.Join(want, "\n") && !(len(want) == 1 && strings.HasSuffix(err, want[0])) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", text, err, strings.Join(want, "\n"))
		}
	}
	f("{}", "paths: at least one glob is needed", "size: neither size nor age is given: nothing would be rotated")
	f(`{paths: ["/l/**/x.log", "/l/{a,b}.log"], size: 1}`, `paths[0]: "/l/**/x.log": ** and {…} are for inputs.files alone: what is rotated is named folder by folder`,
		`paths[1]: "/l/{a,b}.log": ** and {…} are for inputs.files alone: what is rotated is named folder by folder`)
	f(`{paths: [a, "/["], size: 1}`, `paths[0]: "a" is not an absolute path`, `paths[1]: "/[": syntax error in pattern`)
	f("{paths: [/a], size: 1KiB, min_size: 2KiB}", "min_size: 2048 is more than size, 1024")
	f("{paths: [/a], age: 5s}", "age: 5s is less than 1m")
	f("{paths: [/a], size: 1, keep: -1}", "keep: -1 is not between 1 and 100000")
	f("{paths: [/a], size: 1, compress: false, delay_compress: true}", "delay_compress: compress is false")
	f("{paths: [/a], size: 1, postrotate: [kill]}", `postrotate: ["kill"] does not begin with the absolute path of a program; there is no shell`)
	f("{paths: [/a], size: 1, postrotate: []}", `postrotate: [] does not begin with the absolute path of a program; there is no shell`)
	f("{paths: [/a], size: 1, postrotate: [/bin/x], signal: {pid_file: x, signal: KILL}}", "signal: give either postrotate or signal",
		`signal.pid_file: "x" is not an absolute path`, `signal.signal: "KILL" is none of HUP, USR1 and USR2`)
	f("{paths: [/a], size: 1, nocreate: true, create: {mode: 0600}}", "create: nocreate is true")
	f("{paths: [/a], size: 1, create: {mode: 0999}}", `rotate[0].create.mode: "0999" is not a mode such as 0640`)
	f("{paths: [/a], size: 1, create: {mode: 04755}}", `rotate[0].create.mode: "04755" is not a mode such as 0640`)
	f("{paths: [/a], sise: 1}", `rotate[0].sise: unknown key; did you mean size?`)
}
