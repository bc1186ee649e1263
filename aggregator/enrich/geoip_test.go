package enrich

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The free database of countries, as it is fetched for operators.
func TestFetchedCountries(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "geoip/fetch.sh", "where").Output()
	path := filepath.Join(strings.TrimSpace(string(out)), "country.mmdb")
	if _, missing := os.Stat(path); err != nil || missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s was not fetched (see geoip/fetch.sh): %v", path, err)
		}
		t.Skipf("%s was not fetched: make deps does", path)
	}
	en := open(t, Config{GeoIP: GeoIP{Country: path}})
	f := func(addr, country string) {
		t.Helper()
		e := eventOf("source.ip=" + addr)
		en.Enrich(e, now)
		if got := e.Get("source.geo.country_iso_code"); got != country {
			t.Errorf("%s: %q, want %q", addr, got, country)
		}
	}
	// The registries' own servers do not move.
	f("193.0.6.139", "NL")               // RIPE NCC
	f("2001:67c:2e8:22::c100:68b", "NL") // the same
	f("199.212.0.160", "US")             // ARIN
	f("::ffff:193.0.6.139", "NL")
	f("192.168.1.1", "")
	f("127.0.0.1", "")
	f("fe80::1", "")
}
