package terminal

import (
	"testing"
	"time"
)

func TestHuman(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(Bytes(0), "0")
	f(Bytes(999), "999")
	f(Bytes(1000), "1.0K")
	f(Bytes(1536), "1.5K")
	f(Bytes(1023*1024), "1.0M")
	f(Bytes(312<<20), "312M")
	f(Bytes(1e30), "867361737988E")
	f(Count(0), "0")
	f(Count(0.04), "0.0")
	f(Count(2.5), "2.5")
	f(Count(3), "3")
	f(Count(1234.5), "1234")
	f(Age(-time.Second), "0s")
	f(Age(59*time.Second), "59s")
	f(Age(184*time.Second), "3m04s")
	f(Age(5*time.Hour+12*time.Minute), "5h12m")
	f(Age(51*time.Hour), "2d03h")
	f(Printable("a\x1b[31m\u009b\u202eb\n"), "a\ufffd[31m\ufffd\ufffdb\ufffd")
	f(string(PrintableJSON([]byte("{\"a\":\"\u007f\u202e\"}"))), `{"a":"\u007f\u202e"}`)
}
