package query

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAppendFolded(t *testing.T) {
	f := func(value string, listed bool, want string) {
		t.Helper()
		if got := string(AppendFolded([]byte("x"), value, listed)); got != "x"+want {
			t.Errorf("%q, listed %v: %q, want %q", value, listed, got, want)
		}
	}
	f("", false, "")
	f("all lower, ünd 123 so_on", false, "")
	f("Failed password for ROOT from 10.0.0.1", false, " failed root")
	f("aB Ça İx (ÄÖ)x_Y", false, " ab ça ix äö x_y")
	f("lower ones", true, " lower ones")
	f("a \uFFFD b", false, " a b")
	f("a \xff b", false, " a b")
	f("1.5", false, " 1 5")
	f("2026-11-29T01:02:03Z", false, " 2026 11 29t01 02 03z")
	f("-12 is a number", false, "")
}

func TestFoldedHead(t *testing.T) {
	f := func(original, message, want string) {
		t.Helper()
		if got := FoldedHead(original, message); got != want {
			t.Errorf("%q, %q: %q, want %q", original, message, got, want)
		}
	}
	f("Nov 29 CRON[5]: Done", "Done", "Nov 29 CRON[5]: ")
	f("Nov 29 CRON[5]: Done", "", "Nov 29 CRON[5]: Done")
	f("Nov 29 CRON[5]: Done", "Other", "Nov 29 CRON[5]: Done")
	f("AllDone", "Done", "AllDone") // one word
	f("Done", "Done", "")
}

// A word of a value is in it in lower case, or among its folded words; and these are all words of it.
func TestFoldedIsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "B", "ß", "İ", "Σ", "ª", "1", "_", " ", ".", "\uFFFD", "\xc3", "Ⓐ"}), 0, 12).Draw(t, "value"), "")
		all := " " + Words(value) + " "
		folded := string(AppendFolded(nil, value, false)) + " "
		written := strings.FieldsFunc(value, func(r rune) bool { return !isWordRune(r) })
		for _, w := range strings.Fields(all) {
			if !strings.Contains(folded, " "+w+" ") && !slices.Contains(written, w) {
				t.Fatalf("%q: %s is not among %q", value, w, folded)
			}
		}
		for _, w := range strings.Fields(folded) {
			if !strings.Contains(all, " "+w+" ") || !utf8.ValidString(w) {
				t.Fatalf("%q: %s is no word of it", value, w)
			}
		}
	})
}

func BenchmarkAppendFolded(b *testing.B) {
	const line = "Nov 29 01:28:59 web017 sshd[4711]: Failed password for invalid user oracle from 203.0.113.77 port 51322 ssh2"
	var dst []byte
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendFolded(dst[:0], line, false)
	}
}
