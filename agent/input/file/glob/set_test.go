package glob

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

func compile(t testing.TB, include, exclude string) *Set {
	t.Helper()
	s, err := Compile(strings.Fields(include), strings.Fields(exclude))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMatch(t *testing.T) {
	f := func(include, exclude, paths, want string) {
		t.Helper()
		s := compile(t, include, exclude)
		var got []string
		for _, p := range strings.Fields(paths) {
			dir, base := split(p)
			matched := s.Match(p)
			if names := s.In(dir); names.Match([]byte(base)) != matched || names.Excludes([]byte(base)) != s.Excludes(p) {
				t.Errorf("%s - %s: In and Match differ over %s", include, exclude, p)
			}
			if matched {
				got = append(got, p)
			}
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s - %s: matched %q, want %q", include, exclude, got, want)
		}
	}
	f("/v/a.log", "", "/v/a.log /v/b.log /a.log /v/a.log/x", "/v/a.log")
	f("/v/*.log", "", "/v/a.log /v/.log /v/a.logs /v/d/a.log /w/a.log", "/v/a.log /v/.log")
	f("/v/*", "", "/v/a /v/.a /v/d/a /v", "/v/a /v/.a")
	f("/v/a*a", "", "/v/a /v/aa /v/aba", "/v/aa /v/aba") // the two ends do not overlap
	f("/v/?.log", "", "/v/a.log /v/ab.log /v/ö.log", "/v/a.log /v/ö.log")
	f("/v/[a-c]*[!0-9]", "", "/v/ab /v/a1 /v/d", "/v/ab")
	f("/v/*/x/*.log", "", "/v/a/x/a.log /v/x/a.log /v/a/b/x/a.log", "/v/a/x/a.log")
	f("/*.log", "", "/a.log /v/a.log", "/a.log")
	f("/**", "", "/a /v/b", "/a /v/b")
	f("/v/**", "", "/v /v/a /v/d/e/a /va", "/v/a /v/d/e/a")
	f("/v/**/*.log", "", "/v/a.log /v/d/e/a.log /v/d/a /w/a.log /va/a.log", "/v/a.log /v/d/e/a.log")
	f("/v/**/**/a", "", "/v/a /v/d/a", "/v/a /v/d/a")
	f("/v/**/x/*/a", "", "/v/x/b/a /v/b/x/x/b/a /v/x/x/a /v/x/a /v/x/b/c/a", "/v/x/b/a /v/b/x/x/b/a /v/x/x/a")
	f("/**/a/**/b/**/c", "", "/a/b/c /x/a/y/b/z/c /b/a/c /a/b/a/c", "/a/b/c /x/a/y/b/z/c /a/b/a/c")
	f("/{v,w/x}/{a,b{1,2}}.log", "", "/v/a.log /w/x/b1.log /w/a.log /v/b.log", "/v/a.log /w/x/b1.log")
	f("{/v,/w}/a{,.1}", "", "/v/a /w/a.1 /v/a.", "/v/a /w/a.1")
	f(`/v/a\*\{b\,`, "", `/v/a*{b, /v/ab{b,`, `/v/a*{b,`)
	f("/v/[[{]a", "", "/v/{a /v/[a /v/xa", "/v/{a /v/[a")

	f("/v/**", "*.gz", "/v/a /v/a.gz /v/d/a.gz /v/d.gz/a", "/v/a /v/d.gz/a")
	f("/v/**", "*.{gz,zst}", "/v/a /v/a.gz /v/d/a.zst", "/v/a")
	f("/v/**", "/v/old", "/v/a /v/old /v/old/a /v/old/d/a /v/older/a", "/v/a /v/older/a")
	f("/v/**", "/v/old/**", "/v/a /v/old /v/old/a /v/old/d/a", "/v/a /v/old")
	f("/v/**", "/v/old/", "/v/old /v/old/a", "/v/old")
	f("/v/**", "/v/*/**", "/v/a /v/d/a", "/v/a")
	f("/v/**", "/**/tmp", "/v/a /v/tmp/a /v/d/tmp/e/a", "/v/a")
	f("/v/**", "/v/**/*.log", "/v/a /v/a.log /v/d/a.log /v/d/a", "/v/a /v/d/a")
	f("/v/*", "/v/a", "a v/a", "") // never asked for, and no panic
}

func TestSpelt(t *testing.T) {
	s := compile(t, "/v/a /v/*.log /v/b.gz /w/c", "*.gz /w")
	if got := strings.Join(s.In("/v").Spelt(), " ") + strings.Join(s.In("/w").Spelt(), " "); got != "a" {
		t.Errorf("%q, want a", got)
	}
}

func TestCompileTellsEveryFault(t *testing.T) {
	_, err := Compile([]string{"/v/*.log", "v/*.log", "", "/v/[a", "/v/**.log", "/v//a", "/v/../a", "/v/", "/v/{a", "/v/a}", `/v/a\`,
		"/v/[a/b]", strings.Repeat("/{a,b}", 9), "/" + strings.Repeat("{", 5000), "/v/[]", "/v/\x00"},
		[]string{"*.gz", "/v/./a", "/**", "**", "a/b", "[", "/"})
	if err == nil {
		t.Fatal("no fault was found")
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		`paths[1]: "v/*.log": not an absolute path`,
		`paths[2]: "": not an absolute path`,
		`paths[3]: "/v/[a": a [ without its ]`,
		`paths[4]: "/v/**.log": ** means whole directories`,
		`paths[5]: "/v//a": not a clean path`,
		`paths[6]: "/v/../a": not a clean path`,
		`paths[7]: "/v/": a directory, where files are wanted`,
		`paths[8]: "/v/{a": a { without its }`,
		`paths[9]: "/v/a}": a } without its {`,
		`paths[10]: "/v/a\\": "a\\" is not a pattern of a name`,
		`paths[11]: "/v/[a/b]": "[a" is not a pattern of a name`,
		`paths[12]: "/{a,b}/{a,b}/{a,b}/{a,b}/{a,b}/{a,b}/{a,b}/{a,b}/{a,b}": its braces stand for more than 256`,
		`paths[13]: "/{{{`,
		`paths[14]: "/v/[]": "[]" is not a pattern`,
		`paths[15]: "/v/\x00": a zero byte`,
		`exclude[1]: "/v/./a": not a clean path`,
		`exclude[2]: "/**": it leaves nothing`,
		`exclude[3]: "**": it leaves nothing`,
		`exclude[4]: "a/b": not an absolute path`,
		`exclude[5]: "[": a [ without its ]`,
		`exclude[6]: "/": it leaves nothing`,
	}
	if len(got) != len(want) {
		t.Errorf("%d faults, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("fault %.100s, want %s", got[i], want[i])
		}
	}
}

// What a pattern means is what the field's library takes it to mean. Three things are ours: /a/** does not mean the file /a,
// a class never takes a slash, and one wrong byte is not as good as another.
func FuzzCompile(f *testing.F) {
	for _, p := range []string{"/v/*.log", "/v/**/x/*", "/{a,b}/**", "/a/**/b/**/c?", `/\*/[a-c]`, "/**/**/a*b*c"} {
		f.Add(p, "/v/d/x/a.log")
		f.Add(p, "/a/x/b/a/b/cc")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		s, err := Compile([]string{pattern}, nil)
		if len(name) > 512 || path.Clean(name) != name || !path.IsAbs(name) || name == "/" {
			return
		}
		if err != nil {
			if s != nil {
				t.Error("a set with faults")
			}
			return
		}
		dir, base := split(name)
		got := s.Match(name)
		if s.In(dir).Match([]byte(base)) != got {
			t.Errorf("%q: In and Match differ over %q", pattern, name)
		}
		if excluded, err := Compile(nil, []string{pattern}); err == nil && got && !excluded.Excludes(name) {
			t.Errorf("%q includes %q, but does not exclude it", pattern, name)
		}
		if strings.ContainsAny(pattern, "[\ufffd") || !utf8.ValidString(pattern) {
			return
		}
		all, _ := expand(pattern)
		want := false
		for _, one := range all {
			if strings.HasSuffix(one, "/**") {
				one += "/*"
			}
			want = want || doublestar.MatchUnvalidated(one, name)
		}
		if got != want {
			t.Errorf("%q matches %q: %v, doublestar says %v", pattern, name, got, want)
		}
	})
}

func TestMatchingAllocatesNothing(t *testing.T) {
	s := compile(t, "/v/*.log /v/d/** /v/*/x-[0-9]*.log /w/{a,b}/c", "*.gz /v/old /v/**/tmp/**")
	path := "/v/d/" + strings.Repeat("long", 20) + ".log"
	names, name := s.In("/v/d"), []byte(strings.Repeat("x-1", 30)+".log")
	if n := testing.AllocsPerRun(100, func() { s.Match(path); s.Excludes(path); names.Match(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	f := func(name, include, exclude string) {
		s := compile(b, include, exclude)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Match("/var/log/app/service-0123.log")
			}
		})
		b.Run(name+"/in", func(b *testing.B) {
			b.ReportAllocs()
			names, base := s.In("/var/log/app"), []byte("service-0123.log")
			for b.Loop() {
				names.Match(base)
			}
		})
	}
	f("affix", "/var/log/app/*.log", "*.gz /var/log/private")
	f("all", "/var/log/app/*", "")
	f("deep", "/var/log/**/*.log", "*.gz /var/log/private")
	f("class", "/var/log/*/service-[0-9]*.log", "*.gz /var/log/private")
}
