package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Name  string   `yaml:"name"`
	Count int      `yaml:"count"`
	Wait  Duration `yaml:"wait"`
	Size  Bytes    `yaml:"size"`
	Pass  Secret   `yaml:"pass"`
	Parts []struct {
		Path string `yaml:"path"`
	} `yaml:"parts"`
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
	s, err := load(t, "name: n\ncount: 3\nwait: 90d\nsize: 64KiB\npass: hush\nparts: [{path: /a}]\n")
	if err != "" || s.Name != "n" || s.Count != 3 || s.Wait != Duration(90*24*time.Hour) || s.Size != 64<<10 ||
		s.Pass.Reveal() != "hush" || len(s.Parts) != 1 {
		t.Errorf("%+v, %s", s, err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", s.Pass, s, s.Pass, s.Pass); strings.Contains(shown, "hush") {
		t.Errorf("a secret shows: %s", shown)
	}
	if _, err := load(t, ""); err != "" {
		t.Errorf("empty file: %s", err)
	}
}

func TestFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := load(t, text)
		for _, w := range want {
			if !strings.Contains(err, w) {
				t.Errorf("%q: error %q lacks %q", text, err, w)
			}
		}
	}
	f("name: n\nnam: m\ncount: x\n", "x.yaml:2: nam: unknown key", `x.yaml:3: "x" is not a number`)
	f("parts:\n  - path: /a\n    pathz: /b\n", "x.yaml:3: pathz: unknown key")
	f("name: a\nname: b\n", `x.yaml:2: "name" stands twice, first on line 1`)
	f("name: [\n", "x.yaml:")
	f("wait: soon\n", `x.yaml:1: "soon" is not a length of time`)
	f("size: big\n", `x.yaml:1: "big" is not a size`)
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
	f("1d12h", 36*time.Hour, true)
	f("2w", 14*24*time.Hour, true)
	f("1w1d1h1m", 8*24*time.Hour+time.Hour+time.Minute, true)
	f("d", 0, false)
	f("", 0, false)
	f("5", 0, false)
}
