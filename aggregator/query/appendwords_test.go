package query

import (
	"strings"
	"testing"
)

// AppendWords says what Words says.
func FuzzAppendWords(f *testing.F) {
	for _, s := range []string{"", " ", "Failed password for ROOT from 10.0.0.1", "Ärger ÄRGER_1 \xff\xfe x", "ǅ İ ẞ", "日本 語"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := Words(s)
		got, longest := AppendWords([]byte("x:"), s)
		if string(got) != "x:"+want {
			t.Errorf("%q: %q, want %q", s, got[2:], want)
		}
		most := 0
		for _, w := range strings.Fields(want) {
			most = max(most, len(w))
		}
		if longest != most {
			t.Errorf("%q: longest %d, want %d", s, longest, most)
		}
	})
}
