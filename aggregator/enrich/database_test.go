package enrich

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"
)

// The layouts that are about: MaxMind's and DB-IP's, those of ip-location-db, IPinfo's.
func TestLayouts(t *testing.T) {
	f := func(r fields, want record) {
		t.Helper()
		d, err := openDatabase(mmdb(t, "x.mmdb", "x", map[string]fields{"81.2.69.0/24": r}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.find(netip.MustParseAddr("81.2.69.142"))
		if err != nil || got == nil || *got != want {
			t.Errorf("%v:\n got %+v, %v\nwant %+v", r, got, err, want)
		}
		if none, err := d.find(netip.MustParseAddr("81.2.70.1")); none != nil || err != nil {
			t.Errorf("beyond: %+v, %v", none, err)
		}
	}
	f(fields{"country": fields{"iso_code": "GB", "names": fields{"en": "United Kingdom", "fr": "Royaume-Uni"}, "geoname_id": 2635167},
		"registered_country": fields{"iso_code": "US"}, "continent": fields{"code": "EU"},
		"city": fields{"names": fields{"en": "London"}}, "location": fields{"latitude": 51.5142, "longitude": -0.0931, "time_zone": "Europe/London"},
		"subdivisions": []any{fields{"iso_code": "ENG", "names": fields{"en": "England"}}, fields{"iso_code": "WBK"}}},
		record{country: "GB", countryName: "United Kingdom", continent: "EU", region: "GB-ENG", regionName: "England", city: "London",
			zone: "Europe/London", location: "51.5142,-0.0931"})
	f(fields{"country_code": "GB"}, record{country: "GB"})
	f(fields{"country_code": "GB", "city": "London", "state1": "England", "state2": "", "latitude": float32(51.5), "longitude": float32(-0.25),
		"postcode": "SE1", "timezone": "Europe/London"},
		record{country: "GB", city: "London", regionName: "England", location: "51.5,-0.25", zone: "Europe/London"})
	f(fields{"autonomous_system_number": 20712, "autonomous_system_organization": "Andrews"}, record{number: "20712", organization: "Andrews"})
	f(fields{"asn": "AS20712", "as_name": "Andrews", "country": "United Kingdom", "country_code": "GB", "continent": "Europe", "continent_code": "EU"},
		record{country: "GB", continent: "EU", number: "20712", organization: "Andrews"})
	f(fields{"country": "GB", "lat": "51.5", "lng": "x", "asn": "ASX"}, record{country: "GB"})
	f(fields{"country_code": "gb", "city": "London", "latitude": 91.0, "longitude": 0.0}, record{city: "London"})
	f(fields{"city": "x", "latitude": "NaN", "longitude": "Inf", "subdivisions": []any{}, "asn": "AS4294967296"}, record{city: "x"})
}

// An IPv4 database answers nothing about IPv6.
func TestVersion4(t *testing.T) {
	path := file(t, "4.mmdb", string(mmdbBytes(t, "x", 4, map[string]fields{"81.2.69.0/24": {"country_code": "GB"}})))
	d, err := openDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(addr, want string) {
		t.Helper()
		r, err := d.find(netip.MustParseAddr(addr))
		got := ""
		if r != nil {
			got = r.country
		}
		if got != want || err != nil {
			t.Errorf("%s: %q, %v", addr, got, err)
		}
	}
	f("81.2.69.1", "GB")
	f("2a02::1", "")
	f("::5102:4501", "") // 81.2.69.1, if it were cut off
}

// A broken database is refused when it is opened, not found out by a crash.
func TestBrokenDatabase(t *testing.T) {
	good := mmdbBytes(t, "x", 6, map[string]fields{"81.2.69.0/24": {"country_code": "GB"}, "2a02::/16": {"country_code": "FR"}})
	f := func(b []byte, want string) {
		t.Helper()
		path := file(t, "x.mmdb", string(b))
		_, err := Open(Config{GeoIP: GeoIP{Country: path}}, quiet, nil)
		if got := faultsOf(t, path, err)[0]; !strings.HasPrefix(got, "enrich.geoip.country: "+want) {
			t.Errorf("%s\nwant %s…", got, want)
		}
	}
	f(nil, "read database x.mmdb: ")
	f([]byte("name,ip\n"), "read database x.mmdb: ")
	f(good[:len(good)/2], "read database x.mmdb: ")
	f(good[100:], "read database x.mmdb: ") // the tree is shorter than it says
	nodes := bytes.Clone(good)
	for i := range 300 {
		nodes[i] = 0xff // records that point beyond the file
	}
	f(nodes, "read database x.mmdb: ")
	r, err := maxminddb.OpenBytes(good)
	if err != nil {
		t.Fatal(err)
	}
	circle := bytes.Clone(good)
	clear(circle[:r.Metadata.NodeCount*6]) // both sides of each node lead to the first one
	f(circle, `read database x.mmdb: "x" tells no country`)
	f(mmdbBytes(t, "other", 6, map[string]fields{"81.2.69.0/24": {"user_count": 5}}),
		`read database x.mmdb: "other" tells no country, city or autonomous system in a layout that is known`)
	f(mmdbBytes(t, "empty", 6, nil), `read database x.mmdb: "empty" tells no country`)
}

// A tree whose branches share their ends has few nodes and very many leaves.
func TestBranchesThatMeet(t *testing.T) {
	const depth = 60
	good := mmdbBytes(t, "x", 6, map[string]fields{"::/1": {"country_code": "GB"}, "8000::/1": {"country_code": "FR"}})
	start := bytes.LastIndex(good, []byte("\xab\xcd\xefMaxMind.com"))
	separator := bytes.Index(good, make([]byte, 16)) // between tree and data
	var tree []byte
	for i := range depth {
		next := uint32(i + 1)
		if i == depth-1 {
			next = depth // empty
		}
		for range 2 {
			tree = append(tree, binary.BigEndian.AppendUint32(nil, next)[1:]...)
		}
	}
	count := bytes.Index(good[start:], []byte("node_count")) + start + len("node_count")
	meta := append(bytes.Clone(good[start:count]), 0xc1, depth) // uint32 of one byte
	rest := good[count:]
	meta = append(meta, rest[1+int(rest[0]&0x1f):]...)
	whole := append(append(tree, good[separator:start]...), meta...)
	_, err := openDatabase(file(t, "x.mmdb", string(whole)))
	if err == nil || !strings.HasSuffix(err.Error(), `"x" tells no country, city or autonomous system in a layout that is known`) {
		t.Error(err)
	}
}

func FuzzDatabase(f *testing.F) {
	f.Add(mmdbBytes(f, "x", 6, map[string]fields{"81.2.69.0/24": {"country_code": "GB"}, "2a02::/16": {"city": "x", "asn": 1}}), "81.2.69.1")
	f.Add(mmdbBytes(f, "x", 4, map[string]fields{"0.0.0.0/1": {"country": fields{"iso_code": "GB"}, "subdivisions": []any{"x"}}}), "::1")
	f.Fuzz(func(t *testing.T, text []byte, addr string) {
		d, err := openDatabase(file(t, "x", string(text)))
		a, ok := parseAddr(addr)
		if err != nil || !ok {
			return
		}
		_, _ = d.find(a) // must only not panic
	})
}
