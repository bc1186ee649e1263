package query

import (
	"fmt"
	"strings"
	"testing"
)

func TestVerbatim(t *testing.T) {
	f := func(want bool, values ...string) {
		t.Helper()
		for _, v := range values {
			if got := Verbatim(v); got != want {
				t.Errorf("%q: %v, want %v", v, got, want)
			}
		}
	}
	f(true, "", "-", "0", "-1", "007", "18446744073709551615", "99999999999999999999", "1-2", "--1", "5s", "1e9", ".5", "5.", "1.2.3")
	f(true, "0.1", "-0.25", "3.14", "01.5", "10.0.0.1", "255.255.255.255", "1.2.3.4.5", "1.web.eu.prod", "1.2.3.4000", "1..2.3", "averez", "a_b", strings.Repeat("1", 28))
	f(true, "2026-11-30T17:54:15.123Z", "2024-02-29T00:00:00.000Z", "2026-11-30T17:54:15.123456Z", "2026-11-30x17-54:15.123Z")
	f(false, "_", "1_000", "-1_0", "1_0.5", "-0", "-0.0", "1.0", "1.10", "1.9", "0.30", "10.0.0.07", "10.0.0.1a", "1.2.3.4-5")
	f(false, "2026-11-31T17:54:15.123Z", "2026-02-29T00:00:00.000Z", "2026-11-30 17:54:15.123Z", "2026-11-30T17:54:60.123Z", "2026-13-01T00:00:00.000Z")
}

func BenchmarkVerbatim(b *testing.B) {
	values := []string{"sudo", "/var/log/auth.log", "4711", "2026-11-29T01:28:59.123Z", "10.0.0.1", "0.1.0", "web017", fmt.Sprint(strings.Repeat("x", 99))}
	for b.Loop() {
		for _, v := range values {
			Verbatim(v)
		}
	}
}
