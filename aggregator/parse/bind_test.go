package parse

import (
	"strings"
	"testing"
)

func TestNamed(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says("named[1]", text), append(strings.Fields(kind), want...)...)
		check(t, newReader().line("23-Nov-2026 17:54:31.123 queries: info: "+text), append(strings.Fields(kind), want...)...)
		check(t, newReader().line("2026-11-23T17:54:31.123Z queries: debug 1: "+text), append(strings.Fields(kind), want...)...)
	}
	const query = "event.action=dns-query event.category=network event.type=connection|protocol dns.type=query -event.outcome"
	f("client 192.0.2.7#51234 (example.org): query: example.org IN A + (192.0.2.1)", query, "source.ip=192.0.2.7",
		"source.port=51234", "dns.question.name=example.org", "dns.question.type=A", "dns.question.class=IN",
		"dns.header_flags=RD", "network.transport=udp", "destination.ip=192.0.2.1", "network.protocol=dns")
	f("client 192.0.2.7#51234: query: example.org IN A -", query, "-dns.header_flags", "-destination.ip")
	f("client @0x7f0 2001:db8::7#5/key a.key (example.org): view in side: query: example.org IN AXFR -SE(0)TDCK (2001:db8::1)",
		query, "source.ip=2001:db8::7", "bind.key=a.key", "bind.view=in side", "network.transport=tcp", "dns.header_flags=DO|CD")
	f("client @0x7f0 192.0.2.7#5 (x): query: x IN A +E(0)K (192.0.2.1) [ECS 198.51.100.0/24/0]", query,
		"bind.client_subnet=198.51.100.0/24/0")
	f("client @0x7f0 192.0.2.7#5 (a): query failed (REFUSED) for a/b/IN/A at query.c:5708", "event.action=dns-query-failed -event.outcome",
		"dns.question.name=a/b", "dns.question.type=A", "dns.response_code=REFUSED")
	f("client @0x7f0 192.0.2.7#5 (a): query (cache) 'a' denied x/A/IN' denied (allow-query-cache did not match)",
		"event.action=dns-recursion-denied event.outcome=failure", "dns.question.name=a' denied x",
		"event.reason=allow-query-cache did not match")
	f("client @0x7f0 192.0.2.7#5: update 'a.example/IN' denied", "event.action=dns-update-denied event.outcome=failure",
		"dns.question.name=a.example")
	f("client @0x7f0 192.0.2.7#5 (a): zone transfer 'a/AXFR/IN' denied", "event.action=dns-transfer-denied event.outcome=failure",
		"dns.question.type=AXFR", "event.type=protocol|denied")
	f("client @0x7f0 192.0.2.7#5 (a): transfer of 'a/IN': AXFR started (serial 1)", "event.action=dns-transfer-started -event.outcome")
	f("client @0x7f0 192.0.2.7#5 (a): transfer of 'a/IN': AXFR-style IXFR ended: 1 messages", "event.action=dns-transfer event.outcome=success")
	f("transfer of 'a/IN' from 192.0.2.1#53: Transfer status: REFUSED", "event.action=dns-transfer event.outcome=failure",
		"destination.ip=192.0.2.1", "destination.port=53", "dns.question.name=a")
	f("client @0x7f0 192.0.2.7#5: request has invalid signature: TSIG k: tsig verify failure (BADSIG)",
		"event.action=dns-signature-failed event.outcome=failure", "bind.key_claimed=k", "-bind.key")
	f("validating example.com/A: no valid signature found", "event.action=dns-validation-failed", "dns.question.name=example.com",
		"dns.question.type=A")
	f("broken trust chain resolving 'example.com/A/IN': 192.0.2.1#53", "event.action=dns-validation-failed", "destination.ip=192.0.2.1")
	f("unexpected RCODE (REFUSED) resolving 'example.com/A/IN': 2001:db8::1#53", "event.action=dns-resolve-failed",
		"event.reason=unexpected RCODE (REFUSED)", "destination.ip=2001:db8::1")
	f("lame server resolving 'a.example' (in 'example'?): 192.0.2.1#53", "event.action=dns-resolve-failed", "event.reason=lame server",
		"dns.question.name=a.example")
	f("client @0x7f0 192.0.2.7#5 (a): rate limit drop response to 192.0.2.0/24 for a IN A  (1f)", "event.action=dns-rate-limited",
		"bind.network=192.0.2.0/24", "dns.question.name=a")
	f("client @0x7f0 192.0.2.7#5 (n5.x.example): rate limit drop NXDOMAIN response to 192.0.2.0/24 for x.example  (28653727)",
		"event.action=dns-rate-limited", "bind.network=192.0.2.0/24", "dns.question.name=x.example", "-dns.question.type", "source.ip=192.0.2.7")
	f("client @0x7f0 192.0.2.7#5 (a): rate limit slip NODATA response to 192.0.2.0/24 for a IN  (b250131a)", "dns.question.class=IN",
		"-dns.question.type")
	f("client @0x7f0 192.0.2.7#5 (a): rate limit slip REFUSED error response to 192.0.2.0/24", "event.action=dns-rate-limited",
		"source.ip=192.0.2.7", "-dns.question.name")
	f("limit all responses to 192.0.2.0/24", "event.action=dns-rate-limited", "bind.network=192.0.2.0/24")
	f("*stop limiting error responses to 2001:db8::/56", "event.action=dns-rate-limit-end", "bind.network=2001:db8::/56", "event.type=protocol|info")
	f("DNS format error from 192.0.2.1#53 resolving a/A for 192.0.2.7#5: reply has no answer", "event.action=dns-resolve-failed",
		"source.ip=192.0.2.7", "destination.ip=192.0.2.1")
	for _, text := range []string{"", "client", "client x#1: query: a IN A +", "client 192.0.2.7#: query: a IN A +", "client 192.0.2.7#5 (a: query: b",
		"client 192.0.2.7#5: query: ", "client 192.0.2.7#5: query 'a' denied", "running", "x resolving 'a/A/IN': y"} {
		f(text, "-event.action -event.outcome -source.ip -dns.question.name")
	}
}

// What dig asked is what is counted, and what it was refused.
func TestNamedOutcomes(t *testing.T) {
	want := counted(t, "bind/queries.txt")
	f := func(name string) {
		t.Helper()
		refused := 0
		for _, e := range corpusEvents(t, "bind", name) {
			switch e.Get("event.action") {
			case "dns-query-denied", "dns-recursion-denied":
				refused++
			}
		}
		if refused != want["REFUSED"] {
			t.Errorf("%s: %d refused, want %d", name, refused, want["REFUSED"])
		}
	}
	f("local")
	f("iso")
}

func FuzzNamed(f *testing.F) {
	fuzzProgram(f, "named[1]", "client @0x1 ::1#2/key a (b): view c: query: b IN A +E(0)TDC (::1) [ECS d]",
		"client ::1#2: query (cache) 'a/A/IN' denied (b)\ntransfer of 'a/IN' from ::1#53: Transfer status: success",
		"queries: info: client ::1#2: query failed (SERVFAIL) for a/IN/A at q\nx resolving 'a/A/IN': ::1#53\nlame server resolving 'a' (in 'b'?): ::1#53",
		"client ::1#2: updating zone 'a/IN': adding an RR at 'b' A c\nvalidating a/A: bad\nclient ::#0: transfer of '/': \nlimit responses to ::/56 for a IN A (b)\nzone a/IN/b: c")
}
