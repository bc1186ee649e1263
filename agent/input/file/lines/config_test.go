package lines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/conf"
)

func TestConfig(t *testing.T) {
	f := func(cfg Config, faults ...string) {
		t.Helper()
		got := ""
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != strings.Join(faults, "\n") {
			t.Errorf("%+v:\n%s\nwant\n%s", cfg, got, strings.Join(faults, "\n"))
		}
	}
	f(Config{})
	f(Config{MaxLine: 1 << 20, Encoding: Auto, Format: DockerJSON})
	f(Config{MaxLine: 1<<20 + 1, Encoding: "koi8-r", Format: "json"},
		"max_line: 1048577 is not between 16 and 1048576 bytes",
		`encoding: "koi8-r" is none of auto, utf-8, utf-16le, utf-16be and latin-1`,
		`format: "json" is none of plain, cri and docker-json`)
	f(Config{Encoding: Latin1, Format: CRI}, "encoding: format cri is always utf-8")
	f(Config{Multiline: &Multiline{}}, "multiline: give exactly one of begins, continues and escaped")
	f(Config{Multiline: &Multiline{Begins: "(", Escaped: true, MaxLines: 1, MaxBytes: -1}},
		"multiline.begins: error parsing regexp: missing closing ): `(`",
		"multiline: give exactly one of begins, continues and escaped",
		"multiline.max_lines: 1 is not between 2 and 100000",
		"multiline.max_bytes: -1 is not between 16 and 1048576 bytes")
	f(Config{Drop: []Rule{{}, {Contains: "a", Matches: "b"}, {Matches: "["}}, Mask: []Rule{{Matches: "a"}, {Contains: strings.Repeat("x", 4097)}}},
		"drop[0]: give either contains or matches", "drop[1]: give either contains or matches",
		"drop[2].matches: error parsing regexp: missing closing ]: `[`", "mask[1].contains: 4097 bytes, at most 4096")
	f(Config{Mask: []Rule{{Matches: strings.Repeat("x", 2000)}}},
		"mask[0].matches: too large to find what a cut leaves of it: expression nests too deeply")
	if _, err := Compile(Config{Mask: []Rule{{Contains: "x"}}}, nil); err == nil {
		t.Error("masks without a key")
	}
	if _, err := Compile(Config{Format: "x"}, nil); err == nil {
		t.Error("a faulty configuration")
	}
}

func TestConfigIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.yaml")
	err := os.WriteFile(file, []byte(`
max_line: 128KiB
encoding: utf-16le
multiline: {begins: '^\d', max_lines: 100, max_bytes: 1MiB, timeout: 2s}
drop: [{contains: healthz}]
mask: [{matches: 'password=(\S+)'}]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var cfg Config
	if err := conf.Read(file, &cfg); err != nil || cfg.Validate() != nil || cfg.MaxLine != 128<<10 || cfg.Multiline.MaxBytes != 1<<20 || len(cfg.Drop)+len(cfg.Mask) != 2 {
		t.Errorf("%+v, %v, %v", cfg, err, cfg.Validate())
	}
}

func TestLastLineEnd(t *testing.T) {
	f := func(encoding, b, head string, want int) {
		t.Helper()
		if got := compile(t, Config{Encoding: encoding}).LastLineEnd([]byte(b), []byte(head)); got != want {
			t.Errorf("%s %q: %d, want %d", encoding, b, got, want)
		}
	}
	f(Auto, "a\nb\nc", "", 4)
	f(Auto, "a\n", "", 2)
	f(Auto, "abc", "", -1)
	f(Auto, "a\x00\n\x00b\x00", "\xff\xfe", 4)
	f(UTF16LE, "\n\x00\x0a\n\x00\x01", "", 2) // one that is not on a unit
	f(UTF16BE, "\x00\n\x0a\x00\x0a", "", 2)
	f(UTF16BE, "", "", -1)
}
