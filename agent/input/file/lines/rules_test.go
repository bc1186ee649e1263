package lines

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// token returns what stands for a secret; the key is "key".
func token(t *testing.T, secret string) string {
	t.Helper()
	c := compile(t, Config{})
	return string(appendToken(nil, c.pool.Get().(*scratch).mac, []byte(secret)))
}

func TestToken(t *testing.T) {
	// printf %s The quick brown fox jumps over the lazy dog | openssl dgst -sha256 -hmac key
	if got := token(t, "The quick brown fox jumps over the lazy dog"); got != "[masked:f7bc83f430538424]" {
		t.Error(got)
	}
}

func TestDrop(t *testing.T) {
	cfg := Config{Drop: []Rule{{Contains: "health"}, {Matches: `GET /(a|b)\b`}, {Matches: `^$`}}}
	want(t, cfg, "x\na healthy one\nGET /a HTTP\nGET /ab\n\n", `event [0,2) "x" raw= length=1 lines=1`, `skip [2,16) rule`,
		`skip [16,28) rule`, `event [28,36) "GET /ab" raw= length=7 lines=1`, `skip [36,37) rule`)
	cfg.Format = CRI // its pieces are covered, or they would be missing
	want(t, cfg, criTime+"stdout P hea\n"+criTime+"stderr F x\n"+criTime+"stdout F lth\n", `joined [0,86)`,
		`event [44,86) "x" raw= length=1 lines=1 stderr2016-10-06T00:17:09.669794202Z`, `joined [0,130)`, `covered [86,130)`, `skip [0,44) rule`)
}

func TestMask(t *testing.T) {
	f := func(rules []Rule, line, text, flags string) {
		t.Helper()
		want(t, Config{Mask: rules, MaxLine: 64}, line+"\n",
			strings.TrimSpace(fmt.Sprintf("event [0,%d) %q raw= length=%d lines=1 %s", len(line)+1, text, len(line), flags)))
	}
	pass, any := []Rule{{Matches: `pass=(\S+)`}}, []Rule{{Matches: `\d+`}, {Contains: "23a"}}
	f(pass, "user=x pass=hunter2 y", "user=x pass="+token(t, "hunter2")+" y", "M")
	f(pass, "pass=a pass=a", "pass="+token(t, "a")+" pass="+token(t, "a"), "M")
	f(pass, "no", "no", "")
	f(pass, "\xff pass=a", "\xff pass="+token(t, "a"), "IM") // its raw bytes are not kept
	f(any, "a123abc", "a"+token(t, "123a")+"bc", "M")        // what overlaps is one
	f([]Rule{{Matches: `a(b)?`}}, "xa", "x"+token(t, "a"), "M")
	f([]Rule{{Matches: `z*`}}, "abc", "abc", "")
	f([]Rule{{Contains: "a"}}, strings.Repeat("a.", 8), token(t, "a")+"."+token(t, "a")+".", "TM") // no half of a token
	f([]Rule{{Matches: `(?i)PASS=(\S+)`}}, "Pass=x", "Pass="+token(t, "x"), "M")
}

// A secret that lies across the cut must not show, however long it is.
func TestMaskAtTheCut(t *testing.T) {
	f := func(rule, line, text, flags string) {
		t.Helper()
		want(t, Config{Mask: []Rule{{Matches: rule}}, MaxLine: 64}, line+"\n",
			fmt.Sprintf("event [0,%d) %q raw= length=%d lines=1 %s", len(line)+1, text, len(line), flags))
	}
	pad, tail := strings.Repeat(".", 30), strings.Repeat(".", 2*overlap)
	long := strings.Repeat("x", 2*overlap)
	seen := len(pad) + len("key=")
	kept := long[:64+4+overlap-seen] // of the secret
	f(`key=(x+);`, pad+"key="+long[:50]+";", pad+"key="+token(t, long[:50]), "TM")
	f(`key=(x+);`, pad+"key="+long+";", pad+"key="+token(t, kept), "TM")
	f(`key=x+;`, pad+"key="+long+";", pad+token(t, "key="+kept), "TM")
	f(`key=(x+)`, pad+"key="+long+";", pad+"key="+token(t, kept), "TM")
	f(`(\d+) key=x+;`, pad+"77 key="+long+";", pad+token(t, "77")+" key="+long[:64-len(pad)-tokenSize-5], "TM")
	f(`(\d+) key=x+;`, pad+"77 key="+long[:64]+tail, (pad + "77 key=" + long)[:64], "T") // it is no match whatever comes
	euros := strings.Repeat("€", overlap)
	f(`x; €(€+)`, "x; €"+euros, "x; €"+token(t, euros[:64+4+overlap-6]), "TM") // what is kept ends in half a character
	// What follows a secret does not move up, or the beginning of the next one might.
	f(`k=(x+)`, pad+"k="+long[:overlap]+" k="+long, pad+"k="+token(t, long[:overlap]), "TM")
}

// Whatever an expression matches, each beginning of it is found.
func TestBegun(t *testing.T) {
	t.Parallel()
	exprs := []string{`abc`, `a(b|cd)*e`, `[ab]+c{2,3}d`, `(?i)ab?c`, `(a|bb)(c+?)d`, `a{0}b`, `(?:ab){2}(c|)d`, `\bab\b.*c$`, `(?s)a.b`, `a.*€b`, `((a)b)+c`,
		`a|b(c|d)`, `(?:)`, `[^a]b`, `a??b`, `ä+(ß{2,}) x`}
	rapid.Check(t, func(rt *rapid.T) {
		expr := rapid.SampledFrom(exprs).Draw(rt, "expr")
		b, err := compileBegun(regexp.MustCompile(expr))
		if err != nil {
			rt.Fatal(err)
		}
		text := rapid.StringOfN(rapid.SampledFrom([]rune("aabbccde€ßäx ")), 0, 12, -1).Draw(rt, "text")
		if rapid.Bool().Draw(rt, "fitting") {
			text = rapid.StringMatching(strings.NewReplacer(`\b`, "", "$", "").Replace(expr)).Draw(rt, "match")
		}
		m := regexp.MustCompile(expr).FindStringSubmatchIndex(text)
		if m == nil {
			return
		}
		hide := m[:2]
		if len(m) > 2 {
			hide = m[2:4]
		}
		for i := m[0]; i <= m[1]; i++ {
			if hide[0] < 0 || len(wholeRunes([]byte(text[:i]))) <= hide[0] || i-m[0] < len(b.prefix) {
				continue // nothing of it is there, or so little that it lies behind what is sent
			}
			got := b.span(nil, []byte(text[:i]))
			if !slices.ContainsFunc(got, func(s span) bool { return s.first <= uint64(hide[0]) && s.end >= min(uint64(i), uint64(hide[1])) }) {
				rt.Fatalf("%s in %q, cut after %q: %v does not hide %d", expr, text, text[:i], got, hide)
			}
		}
	})
}

func TestNeeds(t *testing.T) {
	f := func(expr, want string) {
		t.Helper()
		if got := string(needs(expr)); got != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
	f(`abc`, "abc")
	f(`^\S+ (password)=\w+`, "password")
	f(`a+bcd?e`, "bc")
	f(`(?:xyz){2,}`, "xyz")
	f(`(?:xyz)*ab|c`, "")
	f(`(?i)abc`, "")
	f("a\uFFFDb", "") // an invalid byte matches it
}
