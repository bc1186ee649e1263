package event

import (
	"strings"
	"testing"
)

// What a parser needs for a value is hundreds of times what a sender does: a text of some MiB must not cost GiB.
func TestDenseEvent(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := new(Decoder).Decode([]byte(text))
		switch {
		case want == "" && err != nil:
			t.Errorf("%.40s...: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.40s...: %v, want %s", text, err, want)
		}
	}
	many := strings.Repeat("1,", maxValues)
	f(`{"a":[`+many+`1]}`, "more than 32768 values")
	f(`{"a":[`+strings.Repeat(`[],`, maxValues)+`1]}`, "more than 32768 values")
	f(`{`+strings.Repeat(`"":1,`, maxValues)+`"a":1}`, "more than 32768 values")
	f(`{"s":"\\","a":[`+many+`1]}`, "more than 32768 values")
	f(`{"a":"`+many+`\"`+many+`","b":1}`, "") // one long text
	f(`{"a":[`+strings.Repeat(`[],`, maxValues-1)+`1]}`, "")
}
