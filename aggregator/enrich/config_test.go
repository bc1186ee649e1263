package enrich

import (
	"strings"
	"testing"
	"time"

	"belfry/shared/conf"
)

func TestValidate(t *testing.T) {
	f := func(c Config, want ...string) {
		t.Helper()
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != strings.Join(want, "\n") {
			t.Errorf("error\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}
	f(Config{})
	f(Config{GeoIP: GeoIP{City: "/c.mmdb"}, Hosts: []string{"/h.csv", "/h.YAML"}, Users: []string{"u.yml"},
		Threats:  []Threat{{Path: "/t", Source: "x", Format: "csv", TTL: conf.Duration(time.Hour), Expires: "2026-12-31"}},
		Internal: []string{"203.0.113.0/24", "203.0.113.7", "::ffff:203.0.113.0/120", "2001:db8::/32"}})
	f(Config{Hosts: []string{"/h.txt"}, Users: []string{"/u.csv", ""},
		Threats:  []Threat{{}, {Path: "/t", Source: "x", Format: "json", TTL: -1, Expires: "tomorrow"}},
		Internal: []string{"10.0.0.0/8", "10.0.0.0/33", "0.0.0.0/0", "fe80::1%eth0"}},
		`enrich.hosts[0]: "/h.txt" is not a path that ends in .csv, .yaml or .yml`,
		`enrich.users[1]: "" is not a path that ends in .csv, .yaml or .yml`,
		`enrich.threats[0].path: the file must be given`,
		`enrich.threats[0].source: who says so must be given`,
		`enrich.threats[1].format: "json" is not plain or csv`,
		`enrich.threats[1].ttl: -1ns is negative`,
		`enrich.threats[1].expires: "tomorrow" is no day as 2026-12-31 and no time as 2026-12-31T12:00:00Z`,
		`enrich.internal[1]: "10.0.0.0/33" is no address and no network as 203.0.113.0/24`,
		`enrich.internal[2]: "0.0.0.0/0" is every address`,
		`enrich.internal[3]: "fe80::1%eth0" is no address and no network as 203.0.113.0/24`)
}

// The example of the documentation, as the configuration file has it.
func TestKeys(t *testing.T) {
	var whole struct {
		Enrich Config `yaml:"enrich"`
	}
	path := file(t, "aggregator.yaml", `
enrich:
  geoip:
    country: /var/lib/belfry/geoip/country.mmdb
    city: /var/lib/belfry/geoip/city.mmdb
    asn: /var/lib/belfry/geoip/asn.mmdb
  hosts: [/etc/belfry/hosts.csv]
  users: [/etc/belfry/users.yaml]
  internal: [203.0.113.0/24]
  threats:
    - {path: /etc/belfry/bad.txt, source: CERT, feed: scanners, format: plain, ttl: 30d, expires: 2026-12-31}
`)
	if err := conf.Load(path, &whole); err != nil {
		t.Fatal(err)
	}
	got := whole.Enrich
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	want := Threat{"/etc/belfry/bad.txt", "CERT", "scanners", "plain", conf.Duration(30 * 24 * time.Hour), "2026-12-31"}
	if len(got.Threats) != 1 || got.Threats[0] != want || got.GeoIP.ASN != "/var/lib/belfry/geoip/asn.mmdb" {
		t.Errorf("%+v", got)
	}
}

func TestParseExpiry(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := ""
		if at, err := parseExpiry(text); err == nil {
			got = time.Unix(at, 0).UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f("2026-12-31", "2027-01-01T00:00:00Z") // the day counts
	f("2026-12-31T12:00:00Z", "2026-12-31T12:00:00Z")
	f("2026-12-31T12:00:00+02:00", "2026-12-31T10:00:00Z")
	f("2026-12-31T12:00:00.5Z", "2026-12-31T12:00:00Z")
	f("2026-12-31 12:00:00", "2026-12-31T12:00:00Z")
	f("2026-12-31T12:00:00", "2026-12-31T12:00:00Z")
	f("2026-02-30", "")
	f("31.12.2026", "")
	f("", "")
}
