package conf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

type part struct {
	Path string `yaml:"path"`
	Tags map[string]int
}

type Shared struct {
	Cert string `yaml:"cert"`
}

type sample struct {
	Name   string   `yaml:"name"`
	Count  int      `yaml:"count"`
	On     bool     `yaml:"on"`
	Wait   Duration `yaml:"wait"`
	Size   Bytes    `yaml:"size"`
	Pass   Secret   `yaml:"pass"`
	Parts  []part   `yaml:"parts"`
	One    *part    `yaml:"one"`
	Shared `yaml:",inline"`
}

func (s *sample) Validate() error {
	var errs []error
	if s.Count > 9 {
		errs = append(errs, fmt.Errorf("count: %d is more than 9", s.Count))
	}
	if s.Name == "bad" {
		errs = append(errs, errors.New("name: bad"))
	}
	return errors.Join(errs...)
}

func load(t *testing.T, text string) (sample, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var s sample
	err := Load(path, &s)
	if err == nil {
		return s, ""
	}
	return s, strings.ReplaceAll(err.Error(), path, "x.yaml")
}

func TestLoad(t *testing.T) {
	s, err := load(t, "name: n\ncount: 3\nwait: 90d\nsize: 64KiB\npass: hush\ncert: c\non: true\n"+
		"parts: [{path: /a, tags: {x: 1}}]\none: {path: /b}\n")
	if err != "" || s.Name != "n" || s.Count != 3 || s.Wait != Duration(90*24*time.Hour) || s.Size != 64<<10 ||
		s.Pass.Reveal() != "hush" || len(s.Parts) != 1 || s.Parts[0].Tags["x"] != 1 || s.One.Path != "/b" ||
		s.Cert != "c" || !s.On {
		t.Errorf("%+v, %s", s, err)
	}
	s, err = load(t, "one: &a {path: /b}\nparts: [*a, {<<: *a, tags: {y: 2}}]\n")
	if err != "" || len(s.Parts) != 2 || s.Parts[1].Path != "/b" {
		t.Errorf("anchors: %+v, %s", s, err)
	}
	for _, empty := range []string{"", "\n", "# nothing\n", "---\n", "name:\nparts:\none:\n"} {
		if _, err := load(t, empty); err != "" {
			t.Errorf("%q: %s", empty, err)
		}
	}
	if err := Load("/nowhere/x.yaml", &s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if _, err := load(t, text); err != strings.Join(want, "\n") {
			t.Errorf("%q: error\n%s\nwant\n%s", text, err, strings.Join(want, "\n"))
		}
	}
	f("name: n\nnam: m\ncount: x\n",
		"x.yaml:2: nam: unknown key; did you mean name?", `x.yaml:3: count: "x" is not a whole number that fits`)
	f("parts:\n  - path: /a\n    pathz: /b\n", "x.yaml:3: parts[0].pathz: unknown key; did you mean path?")
	f("one:\n  certs: x\nwholly: 1\ncerts: 2\n", "x.yaml:2: one.certs: unknown key",
		"x.yaml:3: wholly: unknown key", "x.yaml:4: certs: unknown key; did you mean cert?")
	f("NAME: x\n", "x.yaml:1: NAME: unknown key; did you mean name?")
	f("name: a\nname: b\n", `x.yaml:2: name: stands twice, first on line 1`)
	f("one: {tags: {a: 1, a: 2, b: x}}\n", "x.yaml:1: one.tags.a: stands twice, first on line 1",
		`x.yaml:1: one.tags.b: "x" is not a whole number that fits`)
	f("parts: /a\none: 5\non: maybe\nname: [a]\n", `x.yaml:1: parts: "/a" is not a list`,
		`x.yaml:2: one: "5" is not a section of keys`, `x.yaml:3: on: "maybe" is not true or false`,
		"x.yaml:4: name: a list is not text")
	f("- a\n", "x.yaml:1: a list is not a section of keys")
	f("wait: soon\nsize: big\n", `x.yaml:1: wait: "soon" is not a length of time such as 10s, 5m or 90d`,
		`x.yaml:2: size: "big" is not a size such as 64KiB or 10GB`)
	f("name: a\n---\nname: b\n", "x.yaml:2: a second document begins here")
	f("name: [\n", "x.yaml:1: did not find expected node content")
	f("name: *b\n", "x.yaml: unknown anchor 'b' referenced")
	f("count: 10\nname: bad\n", "x.yaml: count: 10 is more than 9", "x.yaml: name: bad")
}

func TestParseDuration(t *testing.T) {
	f := func(in string, want time.Duration, ok bool) {
		t.Helper()
		if got, err := ParseDuration(in); got != want || (err == nil) != ok {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	f("10s", 10*time.Second, true)
	f("5m", 5*time.Minute, true)
	f("90d", 90*24*time.Hour, true)
	f("1d12h", 36*time.Hour, true)
	f("2w", 14*24*time.Hour, true)
	f("1w1d1h1m", 8*24*time.Hour+time.Hour+time.Minute, true)
	f("0", 0, true)
	f("0d", 0, true)
	f("d", 0, false)
	f("", 0, false)
	f("5", 0, false)
	f("-5m", 0, false)
	f("1d-5m", 0, false)
	f("1d1w", 0, false)
	f("15250w", 15250*7*24*time.Hour, true)
	f("15251w", 0, false)
	f("99999999999999999999d", 0, false)
}

func TestParseBytes(t *testing.T) {
	f := func(in string, want int64, ok bool) {
		t.Helper()
		if got, err := ParseBytes(in); got != want || (err == nil) != ok {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	f("64KiB", 64<<10, true)
	f("10MB", 10e6, true)
	f("1.5 GiB", 3<<29, true)
	f("512", 512, true)
	f("512B", 512, true)
	f("0", 0, true)
	f("", 0, false)
	f("KiB", 0, false)
	f("-1KiB", 0, false)
	f("NaN", 0, false)
	f("infMB", 0, false)
	f("1e3", 0, false)
	f("2000000TiB", 0, false)
}

func TestSecret(t *testing.T) {
	s := sample{Pass: "hush"}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "s", s, "pass", s.Pass)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "s", s, "pass", s.Pass)
	j, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d %s %s %s", s.Pass, s, s.Pass, s.Pass, s.Pass, s.Pass, s.Pass, logged.String(), j, y)
	if strings.Contains(shown, "hush") || strings.Contains(shown, "68757368") || !strings.Contains(shown, "***") {
		t.Errorf("a secret shows: %s", shown)
	}
	if (Secret("")).String() != "" {
		t.Error("an empty secret seems to be set")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("name: n\nparts: [{path: /a}]\none: &a {tags: {x: 1}}\n<<: *a\n")
	f.Add("one: &a [*a]\nwait: 1d\nsize: 1KiB")
	f.Fuzz(func(_ *testing.T, text string) {
		var s sample
		_ = decode([]byte(text), &s) // must only not panic
	})
}
