package enrich

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/conf"
	"belfry/shared/event"
)

func TestGeo(t *testing.T) {
	berlin := fields{
		"continent": fields{"code": "EU"}, "country": fields{"iso_code": "DE", "names": fields{"en": "Germany", "de": "Deutschland"}},
		"city": fields{"names": fields{"en": "Berlin"}}, "subdivisions": []any{fields{"iso_code": "BE", "names": fields{"en": "Land Berlin"}}},
		"location": fields{"latitude": 52.5196, "longitude": 13.4069, "time_zone": "Europe/Berlin"},
	}
	en := open(t, Config{
		GeoIP: GeoIP{
			Country: mmdb(t, "country.mmdb", "country", map[string]fields{
				"81.2.69.0/24": {"country_code": "GB"}, "2a02::/16": {"country_code": "FR"}, "89.0.0.0/8": {"country_code": "AT"},
				"10.0.0.0/8": {"country_code": "US"}, "203.0.113.0/24": {"country_code": "NL"},
			}),
			City: mmdb(t, "city.mmdb", "GeoLite2-City", map[string]fields{"89.160.0.0/16": berlin}),
			ASN: mmdb(t, "asn.mmdb", "asn", map[string]fields{
				"81.2.0.0/16": {"autonomous_system_number": 20712, "autonomous_system_organization": "Andrews & Arnold Ltd"},
			}),
		},
		Internal: []string{"81.2.70.0/24", "2001:db8:1::/48"},
	})
	f := func(pairs []string, fields ...string) { t.Helper(); want(t, en, pairs, fields...) }

	f(on("source.ip=81.2.69.142"), "labels.source_class=public", "source.geo.country_iso_code=GB", "source.as.number=20712",
		"source.as.organization.name=Andrews & Arnold Ltd")
	f(on("destination.ip=89.160.20.112"), "labels.destination_class=public", "destination.geo.country_iso_code=DE",
		"destination.geo.country_name=Germany", "destination.geo.continent_code=EU", "destination.geo.region_iso_code=DE-BE",
		"destination.geo.region_name=Land Berlin", "destination.geo.city_name=Berlin", "destination.geo.timezone=Europe/Berlin",
		"destination.geo.location=52.5196,13.4069")
	f(on("client.ip=89.1.1.1"), "labels.client_class=public", "client.geo.country_iso_code=AT") // no city: the country's
	f(on("server.ip=2a02::1"), "labels.server_class=public", "server.geo.country_iso_code=FR")

	// IPv4 in IPv6, with a zone, and what is no address.
	f(on("source.ip=::ffff:81.2.69.1"), "labels.source_class=public", "source.geo.country_iso_code=GB", "source.as.number=20712",
		"source.as.organization.name=Andrews & Arnold Ltd")
	f(on("source.ip=fe80::1%eth0"), "labels.source_class=link_local")
	f(on("source.ip=81.2.69"))
	f(on("source.ip=81.2.69.142/32"))

	// No geography for what is inside, be it in the database.
	f(on("source.ip=10.1.2.3"), "labels.source_class=private")
	f(on("source.ip=81.2.70.1"), "labels.source_class=internal")

	// What the sender told is not mixed with ours; each group by itself.
	f(on("source.ip=81.2.69.142", "source.geo.city_name=Nowhere"), "labels.source_class=public", "source.as.number=20712",
		"source.as.organization.name=Andrews & Arnold Ltd")
	f(on("source.ip=81.2.69.142", "source.as.number=1", "labels.source_class=mine"), "source.geo.country_iso_code=GB")

	// Directions.
	d := func(from, to, want string) {
		t.Helper()
		e := eventOf("source.ip="+from, "destination.ip="+to)
		en.Enrich(e, now)
		if got := e.Get("network.direction"); got != want {
			t.Errorf("%s to %s: %q, want %q", from, to, got, want)
		}
	}
	d("10.0.0.1", "192.168.1.1", "internal")
	d("10.0.0.1", "81.2.69.1", "outbound")
	d("81.2.69.1", "81.2.70.1", "inbound")
	d("81.2.69.1", "203.0.113.1", "external")
	d("2001:db8:1::5", "2001:db8:2::5", "outbound")
	d("fe80::1%eth0", "ff02::fb", "internal")
	d("0.0.0.0", "255.255.255.255", "") // DHCP: from nobody yet
	d("10.0.0.1", "x", "")
	f(on("client.ip=10.0.0.1", "server.ip=10.0.0.2"), "labels.client_class=private", "labels.server_class=private",
		"network.direction=internal")
	f(on("client.ip=10.0.0.1", "server.ip=10.0.0.2", "network.direction=ingress"), "labels.client_class=private",
		"labels.server_class=private")
}

const hostsCSV = "\ufeffName,IP,Owner,Team,Criticality,Cost Centre,organization\r\n" +
	"web1.example.org,10.0.0.1 2001:db8::1,Ann,\"web, \"\"front\"\"\",high,4711,Example\r\n" +
	"# a comment\r\n" +
	"DB1,10.0.0.2|10.0.0.9,Bob,data,,,\r\n" +
	"mail.example.org,10.0.0.9,,,low,,\r\n" +
	"mail.example.net,,,,low,,\r\n"

const usersYAML = `
- name: alice
  full_name: Alice Example
  email: alice@example.org
  team: [ops, dba]
  criticality: high
- {name: root, full_name: Superuser, badge: 0042}
`

func TestInventory(t *testing.T) {
	en := open(t, Config{Hosts: []string{file(t, "hosts.csv", hostsCSV)}, Users: []string{file(t, "users.yml", usersYAML)}})
	f := func(pairs []string, fields ...string) { t.Helper(); want(t, en, pairs, fields...) }
	web1 := on("labels.host_owner=Ann", `labels.host_team=web, "front"`, "labels.host_criticality=high",
		"labels.host_cost_centre=4711", "organization.name=Example")
	f(on("host.name=web1.example.org"), web1...)
	f(on("host.name=WEB1.Example.org."), web1...)
	f(on("host.name=web1"), web1...) // the only one of that name
	f(on("host.name=web1.example.net"))
	f(on("host.name=db1"), "labels.host_owner=Bob", "labels.host_team=data")
	f(on("host.name=db1.example.org"), "labels.host_owner=Bob", "labels.host_team=data") // the inventory has no domain
	f(on("host.name=mail"))                                                              // of two
	f(on("host.name=other", "host.ip=127.0.0.1", "host.ip=::ffff:10.0.0.1"), web1...)
	f(on("host.name=other", "host.ip=10.0.0.9")) // two have it
	f(on("host.name=" + strings.Repeat("x", 300)))
	f(on("host.name=db1", "labels.host_owner=Eve"), "labels.host_team=data")
	f(on("source.ip=10.0.0.1", "destination.ip=10.0.0.2"), "labels.source_class=private", "labels.destination_class=private",
		"labels.source_host=web1.example.org", "labels.destination_host=db1", "network.direction=internal")

	f(on("user.name=alice"), "user.full_name=Alice Example", "user.email=alice@example.org", "labels.user_team=ops",
		"labels.user_team=dba", "labels.user_criticality=high")
	f(on("user.name=Alice"))
	f(on("user.name=other", "user.name=alice")) // whose fields would they be?
	f(on("user.name=alice", "user.email=x@example.net", "user.target.name=root", "user.effective.name=root"),
		"user.full_name=Alice Example", "labels.user_team=ops", "labels.user_team=dba", "labels.user_criticality=high",
		"user.target.full_name=Superuser", "labels.user_target_badge=0042",
		"user.effective.full_name=Superuser", "labels.user_effective_badge=0042")
	f(on("user.name=alice", "labels.user_team=x"), "user.full_name=Alice Example", "user.email=alice@example.org",
		"labels.user_criticality=high")
}

func TestThreats(t *testing.T) {
	bad := file(t, "bad.txt", "# who attacks us\n81.2.69.142 # scanner\n203.0.113.0/24 ; SBL1\n2001:db8:bad::/48\n10.0.0.0/8\n10.6.6.6\n"+
		"Evil.Example.\n*.bücher.example\n198.51.100.7 2026-11-28T12:00:01Z\n198.51.100.8 2026-11-28T12:00:00Z\n198.51.100.9 2026-11-27\n"+
		"198.51.100.0/28 2026-11-28\n200.1.1.0/24\n")
	more := file(t, "more.csv", "ip,expires,comment\n81.2.69.142,2027-01-01,\"botnet, \"\"x\"\"\"\n89.1.1.1,2020-01-01,old\n")
	aged := file(t, "aged.txt", "89.1.1.3")
	if err := os.Chtimes(aged, now, now.Add(-24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	en := open(t, Config{Threats: []Threat{
		{Path: bad, Source: "Example CERT", Feed: "scanners"},
		{Path: more, Source: "abuse desk"},
		{Path: file(t, "gone.txt", "89.1.1.2 2030-01-01"), Source: "x", Expires: "2026-11-27"},
		{Path: aged, Source: "x", TTL: conf.Duration(24 * time.Hour)},
		{Path: aged, Source: "still", TTL: conf.Duration(24*time.Hour + time.Second)},
	}})
	f := func(pairs []string, fields ...string) {
		t.Helper()
		var got []string
		for _, g := range added(t, en, pairs...) {
			if strings.HasPrefix(g, "t") || strings.HasPrefix(g, "labels.threat") {
				got = append(got, g)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(fields) {
			t.Errorf("%v:\n got %s\nwant %s", pairs, strings.Join(got, "\n     "), strings.Join(fields, "\n     "))
		}
	}
	one := func(field, kind, name, value string) []string {
		valueField := "threat.indicator.ip="
		all := on("labels.threat_field="+field, "tags=threat_match", "threat.feed.name=scanners")
		if kind == domainKind {
			return append(all, "threat.indicator.name="+name, "threat.indicator.provider=Example CERT",
				"threat.indicator.type="+kind, "threat.indicator.url.domain="+value)
		}
		return append(all, valueField+value, "threat.indicator.name="+name, "threat.indicator.provider=Example CERT",
			"threat.indicator.type="+kind)
	}
	f(on("related.ip=10.0.0.1", "related.ip=200.1.1.9"), one("related.ip", v4Kind, "200.1.1.0/24", "200.1.1.9")...)
	f(on("source.ip=200.1.1.9", "related.ip=200.1.1.9", "client.ip=::ffff:200.1.1.9"),
		append(on("labels.threat_field=client.ip"), one("source.ip", v4Kind, "200.1.1.0/24", "200.1.1.9")...)...)
	f(on("source.ip=81.2.69.142", "related.ip=81.2.69.142"), "labels.threat_field=source.ip",
		"tags=threat_match", "threat.feed.name=abuse desk", "threat.feed.name=scanners",
		`threat.indicator.description=botnet, "x"`, "threat.indicator.description=scanner", "threat.indicator.ip=81.2.69.142",
		"threat.indicator.name=81.2.69.142", "threat.indicator.provider=Example CERT", "threat.indicator.provider=abuse desk",
		"threat.indicator.type=ipv4-addr")
	f(on("destination.ip=2001:db8:bad::1"), one("destination.ip", v6Kind, "2001:db8:bad::/48", "2001:db8:bad::1")...)
	f(on("dns.question.name=evil.example"), one("dns.question.name", domainKind, "evil.example", "evil.example")...)
	f(on("source.domain=a.B.EVIL.example."), one("source.domain", domainKind, "evil.example", "a.b.evil.example")...)
	f(on("url.domain=www.BÜCHER.example"), one("url.domain", domainKind, "xn--bcher-kva.example", "www.xn--bcher-kva.example")...)
	f(on("url.domain=xn--bcher-kva.example"), one("url.domain", domainKind, "xn--bcher-kva.example", "xn--bcher-kva.example")...)
	f(on("url.domain=notevil.example"))
	f(on("url.domain=evil.example.org"))
	f(on("source.address=evil.example"), one("source.address", domainKind, "evil.example", "evil.example")...)
	f(on("url.domain=[2001:db8:bad::2]"), one("url.domain", v6Kind, "2001:db8:bad::/48", "2001:db8:bad::2")...)

	// A network does not reach what is inside; who is named, is.
	f(on("source.ip=10.1.1.1"))
	f(on("source.ip=10.6.6.6"), one("source.ip", v4Kind, "10.6.6.6", "10.6.6.6")...)

	// Expiry: of the entry, of the list, by age.
	f(on("source.ip=198.51.100.7"), append(one("source.ip", v4Kind, "198.51.100.7", "198.51.100.7")[:4:4],
		"threat.indicator.name=198.51.100.0/28", "threat.indicator.name=198.51.100.7",
		"threat.indicator.provider=Example CERT", "threat.indicator.type=ipv4-addr")...)
	f(on("source.ip=198.51.100.8"), one("source.ip", v4Kind, "198.51.100.0/28", "198.51.100.8")...)
	f(on("source.ip=89.1.1.1"))
	f(on("source.ip=89.1.1.2"))
	f(on("source.ip=89.1.1.3"), "labels.threat_field=source.ip", "tags=threat_match", "threat.feed.name=still",
		"threat.indicator.ip=89.1.1.3", "threat.indicator.name=89.1.1.3", "threat.indicator.provider=still",
		"threat.indicator.type=ipv4-addr")
	e := eventOf("source.ip=198.51.100.7")
	en.Enrich(e, now.AddDate(0, 0, 1)) // it is in the cache, and gone all the same
	if e.Has("tags") {
		t.Errorf("a threat after its expiry: %v", e.Fields)
	}

	// What the sender told stays, and hides nothing.
	e = eventOf("source.ip=203.0.113.5", "threat.feed.name=theirs", "tags=x")
	en.Enrich(e, now)
	if got := fmt.Sprint(e.All("threat.feed.name"), e.All("tags")); got != "[theirs scanners] [x threat_match]" {
		t.Error(got)
	}
}

// An event may hold anything.
func TestOddEvents(t *testing.T) {
	en := open(t, Config{Internal: []string{"10.0.0.0/8"}, Hosts: []string{file(t, "h.csv", hostsCSV)},
		Threats: []Threat{{Path: file(t, "t", "evil.example"), Source: "x"}}})
	for _, name := range []string{"source.ip", "related.ip", "url.domain", "source.domain", "host.name", "host.ip", "user.name"} {
		for _, v := range []string{".", "..", "%", "1.2.3.4%" + strings.Repeat("z", 1000), "[", "]", "[]", ":", "1", "1.", "xn--", "xn--a.b",
			"\xff\xfe", "a b", strings.Repeat("ü.", 2000), strings.Repeat("evil.example.", 100), "-", "𝔢vil.example", "evil。example"} {
			en.Enrich(&event.Event{Fields: []event.Field{{Name: "", Value: "x"}, {Name: name, Value: v}}}, now)
		}
	}
	if n := en.faults.Get(); n != 0 {
		t.Errorf("%d faults", n)
	}
	want(t, en, on("url.domain=evil。example"), "labels.threat_field=url.domain", "tags=threat_match", "threat.feed.name=x",
		"threat.indicator.name=evil.example", "threat.indicator.provider=x", "threat.indicator.type=domain-name",
		"threat.indicator.url.domain=evil.example") // U+3002 is a dot of a domain name (RFC 3490, section 3.1)
}

// A bug of ours must not cost the event: here, knowledge that is broken.
func TestFault(t *testing.T) {
	en := open(t, Config{})
	k := newKnowledge()
	k.threats = []*list{nil}
	en.current.Store(k)
	want(t, en, on("source.ip=81.2.69.142", "url.domain=x.example"))
	if en.faults.Get() != 1 {
		t.Error("the fault was not counted")
	}
}

// Nothing configured: the class of an address is known all the same.
func TestNothing(t *testing.T) {
	en := open(t, Config{})
	want(t, en, on("source.ip=192.168.1.1", "host.name=a", "user.name=b", "url.domain=c.example"), "labels.source_class=private")
	want(t, en, nil)
}

func TestMetrics(t *testing.T) {
	set := metrics.NewSet()
	en, err := Open(Config{Hosts: []string{file(t, "h.csv", hostsCSV)},
		Threats: []Threat{{Path: file(t, "t", "evil.example\n1.2.3.4\n1.2.3.4\n1.2.0.0/16"), Source: "x"}}}, quiet, set)
	if err != nil {
		t.Fatal(err)
	}
	defer en.Close()
	for range 3 {
		en.Enrich(eventOf("source.ip=1.2.3.4"), now)
	}
	f := func(name, want string) {
		t.Helper()
		if got := count(t, set, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	f("belfry_enrich_events_total", "3")
	f("belfry_enrich_cache_misses_total", "1")
	f("belfry_enrich_threat_matches_total", "3")
	f("belfry_enrich_errors_total", "0")
	f("belfry_enrich_loads_total", "0")
	f("belfry_enrich_load_errors_total", "0")
	f("belfry_enrich_files_refused", "0")
	f(`belfry_enrich_entries{kind="hosts"}`, "4")
	f(`belfry_enrich_entries{kind="users"}`, "0")
	f(`belfry_enrich_entries{kind="threats"}`, "3")
}

// Many goroutines, more addresses than the cache holds, and files that change: run with -race.
func TestConcurrent(t *testing.T) {
	en := open(t, Config{Threats: []Threat{{Path: file(t, "t", "81.0.0.0/8\nevil.example"), Source: "x"}}})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 30_000 {
				e := eventOf(fmt.Sprintf("source.ip=81.%d.%d.%d", g, i>>8, i&255), fmt.Sprintf("url.domain=%d.evil.example", i))
				en.Enrich(e, now)
				if len(e.All("threat.indicator.type")) != 2 {
					t.Errorf("%v", e.Fields)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			en.mu.Lock()
			en.reload(en.parts[0])
			en.mu.Unlock()
		}
	})
	wg.Wait()
	k := en.current.Load()
	if k.addresses.size() > maxAddresses || k.domains.size() > maxDomains {
		t.Errorf("%d addresses, %d domains held", k.addresses.size(), k.domains.size())
	}
}
