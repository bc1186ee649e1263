package enrich

import (
	"fmt"
	"strings"
	"testing"

	"belfry/shared/event"
)

// busy is an Enricher with something of everything.
func busy(b testing.TB) *Enricher {
	var hosts, users, list strings.Builder
	hosts.WriteString("name,ip,owner,team,criticality\n")
	users.WriteString("name,full_name,email,team\n")
	for i := range 5000 {
		fmt.Fprintf(&hosts, "web%d.example.org,10.1.%d.%d,Ann,web,high\n", i, i>>8, i&255)
		fmt.Fprintf(&users, "user%d,User %d,user%d@example.org,ops\n", i, i, i)
		fmt.Fprintf(&list, "198.51.%d.%d\nbad%d.example\n200.%d.%d.0/24\n", i>>8, i&255, i, i>>8, i&255)
	}
	geo := map[string]fields{}
	for i := range 200 {
		geo[fmt.Sprintf("81.%d.0.0/16", i)] = fields{"country_code": "GB", "autonomous_system_number": i + 1,
			"autonomous_system_organization": fmt.Sprintf("Network %d", i)}
	}
	db := mmdb(b, "all.mmdb", "all", geo)
	return open(b, Config{
		GeoIP: GeoIP{Country: db, ASN: db},
		Hosts: []string{file(b, "hosts.csv", hosts.String())}, Users: []string{file(b, "users.csv", users.String())},
		Threats:  []Threat{{Path: file(b, "bad", list.String()), Source: "x"}},
		Internal: []string{"203.0.113.0/24"},
	})
}

// attempt is an event as the parser makes it of a line of sshd.
func attempt(i int) *event.Event {
	ip := fmt.Sprintf("81.%d.%d.%d", i%200, i>>8&255, i&255)
	e := eventOf("@timestamp=2026-11-28T12:00:00.000000Z", "event.id=0123456789abcdef0123456789abcdef",
		"event.original=Nov 28 12:00:00 web7 sshd[42]: Failed password for user7 from "+ip+" port 4711 ssh2",
		"message=Failed password for user7", "event.created=2026-11-28T12:00:00.000000Z",
		"event.ingested=2026-11-28T12:00:00.000000Z", "agent.id=0123456789abcdef0123456789abcdef", "agent.version=1",
		"agent.name=web7", "log.file.path=/var/log/auth.log", "log.offset=4711", "host.name=web7.example.org",
		"process.name=sshd", "process.pid=42", "log.syslog.appname=sshd", "event.action=ssh-login-attempt",
		"event.category=authentication", "event.type=start", "event.outcome=failure", "user.name=user7",
		"source.ip="+ip, "source.port=4711", "destination.ip=10.1.0.7", "related.user=user7", "related.ip="+ip)
	e.Fields = append(make([]event.Field, 0, 64), e.Fields...)
	return e
}

func benchmark(b *testing.B, en *Enricher, events []*event.Event) {
	kept := len(events[0].Fields)
	for _, e := range events {
		en.Enrich(e, now)
		e.Fields = e.Fields[:kept]
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e := events[i%len(events)]
		en.Enrich(e, now)
		e.Fields = e.Fields[:kept]
		i++
	}
}

// What an event costs whose addresses were seen before, with everything configured.
func BenchmarkEnrich(b *testing.B) {
	events := make([]*event.Event, 1000)
	for i := range events {
		events[i] = attempt(i)
	}
	benchmark(b, busy(b), events)
}

// The same with nothing configured.
func BenchmarkEnrichNothing(b *testing.B) {
	benchmark(b, open(b, Config{}), []*event.Event{attempt(1)})
}

// What a new address and a new domain cost.
func BenchmarkEnrichMiss(b *testing.B) {
	en := busy(b)
	k := en.current.Load()
	events := []*event.Event{attempt(1)}
	events[0].Append("dns.question.name", "www.some.example.org")
	kept := len(events[0].Fields)
	b.ReportAllocs()
	for b.Loop() {
		en.current.Store(k.with(func(n *knowledge) { n.addresses.limit, n.domains.limit = 0, 0 }))
		en.Enrich(events[0], now)
		events[0].Fields = events[0].Fields[:kept]
	}
}

// An address that was seen before costs no allocation.
func TestNoAllocation(t *testing.T) {
	en := busy(t)
	e := attempt(3)
	e.Append("dns.question.name", "WWW.Bad7.example.")
	e.Append("source.address", "web1")
	kept := len(e.Fields)
	en.Enrich(e, now)
	if e.Get("source.geo.country_iso_code") != "GB" || e.Get("threat.indicator.name") != "bad7.example" || e.Get("user.email") == "" ||
		e.Get("labels.host_owner") == "" || e.Get("network.direction") != "inbound" || e.Get("source.as.number") == "" {
		t.Fatalf("%v", e.Fields)
	}
	if n := testing.AllocsPerRun(100, func() {
		e.Fields = e.Fields[:kept]
		en.Enrich(e, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
