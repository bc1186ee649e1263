package parse

import (
	"strings"
	"testing"
)

// What a server says of itself, and of connections by other words.
func TestServerNotices(t *testing.T) {
	s := newLDAP(t)
	f := func(text string, want ...string) {
		t.Helper()
		check(t, s.says(s.program, text), append(want, "-event.outcome", "message="+text)...)
	}
	f("@(#) $OpenLDAP: slapd 2.5.13+dfsg-5 (Feb  8 2023 01:56:12) $#012\tDebian", "event.action=ldap-version",
		"service.version=2.5.13+dfsg-5")
	f("daemon: shutdown requested and initiated.", "event.action=ldap-stopping", "event.category=process", "event.type=info")
	f("slapd shutdown: waiting for 2 operations/tasks to finish", "event.action=ldap-stopping",
		"event.reason=slapd shutdown: waiting for 2 operations/tasks to finish")
	f(accept(7))
	f("SASL [conn=7] Failure: client response doesn't match", "event.action=ldap-sasl-failure", "ldap.connection=7",
		"event.reason=client response doesn't match", "source.ip=192.0.2.7", "event.category=authentication")
	f("connection_input: conn=7 deferring operation: too many executing", "event.action=ldap-deferred", "ldap.connection=7",
		"event.reason=too many executing", "source.ip=192.0.2.7")
	f("ppolicy_bind: Entry uid=old,dc=x has an expired password: 1 grace logins", "event.action=ldap-password-expired",
		"ldap.dn=uid=old,dc=x", "user.name=old", "ldap.grace_logins=1", "related.user=old")
	f("conn=7 op=1 do_extended: get_ctrls failed", "event.action=ldap-notice", "event.reason=do_extended: get_ctrls failed",
		"ldap.operation=1", "source.ip=192.0.2.7", "-ldap.result.code")
	f(`conn=7 op=1 ENTRY dn="uid=a,dc=x"`, "event.action=ldap-notice", `event.reason=ENTRY dn="uid=a,dc=x"`)
	f("conn=7 op=1 do_bind: x", "event.action=ldap-notice", "-ldap.dn")
	f("do_syncrepl: rid=001 rc 49 retrying (4 retries left)", "event.action=ldap-sync-failed", "event.type=error",
		"ldap.replica=001", "event.reason=rc 49 retrying (4 retries left)")
	f("do_syncrep2: rid=001 LDAP_RES_SEARCH_RESULT", "event.action=ldap-sync", "event.type=info")
	f("proxyp(12): via IP=192.0.2.9:40000", "event.action=ldap-proxied", "source.ip=192.0.2.9", "source.port=40000")
	f("conn=9 UDP request from IP=192.0.2.8:40001 (IP=0.0.0.0:389) accepted.", "event.action=ldap-accept",
		"source.ip=192.0.2.8", "source.port=40001", "network.transport=udp", "ldap.connection=9", "destination.port=389")
	f(`conn=9 op=0 SRCH base="" scope=0 deref=0 filter="(objectClass=*)"`, "source.ip=192.0.2.8")
	for _, text := range []string{
		"SASL [conn=x] Failure: y", "SASL [conn=1] Debug: y", "SASL [conn=1 Failure: y", "connection_input: conn=1 z",
		"ppolicy_bind: Entry x", "do_syncrepl: rid=x rc", "proxyp(1): x", "@(#) x", "daemon: bind(3) failed errno=98",
		"conn=9 UDP request from x", "slapd x",
	} {
		f(text, "-event.action", "-source.ip", "-ldap.connection")
	}
	if got := s.p.Close(); waited(got) != "9/0" {
		t.Errorf("incomplete: %s", waited(got))
	}
}

// A client may write into its session what looks like the rest of a line.
func TestSessionForged(t *testing.T) {
	const ana = "ana] RESULT tag=97 err=0 text="
	s := newLDAP(t)
	f := func(text string, want ...string) {
		t.Helper()
		check(t, s.says(s.program, text), want...)
	}
	f(`conn=1 op=0 [IP=127.0.0.1 NAME=vm USERNAME=`+ana+`] BIND dn="`+averezDN+`" method=128`, "event.action=ldap-bind-request",
		"-event.outcome", "user.name=averez", "tags=ambiguous", "client.user.name="+ana+"|ana", "client.ip=127.0.0.1")
	f(`conn=1 op=0 [IP=127.0.0.1 NAME=vm USERNAME=`+ana+`] RESULT tag=97 err=49 qtime=0.1 etime=0.1 text=`,
		"event.action=ldap-bind", "event.outcome=failure", "user.name=averez", "tags=ambiguous", "client.user.name="+ana+"|ana")
	const admin = `x] BIND dn="cn=admin" method=128`
	f(`conn=2 op=0 [USERNAME=`+admin+`] BIND dn="`+averezDN+`" method=128`, "user.name=averez", "tags=ambiguous",
		"client.user.name="+admin+"|x")
	f(`conn=2 op=0 [USERNAME=`+admin+`] RESULT tag=97 err=0 text=`, "event.action=ldap-bind", "event.outcome=success",
		"user.name=averez")
	// The name that is asked for may look so as well.
	f(`conn=3 op=0 [IP=192.0.2.1] SRCH base="dc=x" scope=2 deref=0 filter="(cn=] RESULT tag=97 err=0 text=)"`,
		"event.action=ldap-search-request", "ldap.base=dc=x", "client.ip=192.0.2.1")
	f(`conn=3 op=0 [IP=192.0.2.1] SEARCH RESULT tag=101 err=1 nentries=0 text=x] RESULT tag=97 err=0 text=`,
		"event.action=ldap-search", "event.outcome=failure", "event.reason=x] RESULT tag=97 err=0 text=", "-tags")
	f(`conn=4 op=0 [NAME=a b USERNAME=c d] BIND dn="" method=128`, "client.domain=a b", "client.user.name=c d", "-client.ip", "-tags")
	f(`conn=4 op=1 [1.2.3.4=x] UNBIND`, "event.action=ldap-unbind-request", "-client.user.name")
	f(`conn=4 op=2 [x] FROB`, "-event.action")
	f(`conn=4 op=2 [x`, "-event.action")
	f(`conn=5 op=0 BIND authcid="a" authzid="dn:uid=b,dc=x" authzid="c"`, "tags=ambiguous", "ldap.dn=c")
}

// At loglevel stats2 the values that are written stand in the log: the fields have names alone.
func TestModifyValues(t *testing.T) {
	s := newLDAP(t)
	for _, text := range []string{
		`MOD dn="uid=a,dc=x"`, `MOD userPassword+="{SSHA}secret attr="`, `MOD sn="x"`, "MOD mail-=", `MOD count#="1"`, "MOD -",
	} {
		e := s.says(s.program, "conn=1 op=0 "+text)
		check(t, e, "event.action=ldap-modify-request")
		for _, f := range e.Fields {
			if f.Name != "event.original" && f.Name != "message" && strings.Contains(f.Value, "secret") {
				t.Errorf("%s is %q", f.Name, f.Value)
			}
		}
	}
	s.f("conn=1 op=0 RESULT tag=103 err=0 text=", "event.action=ldap-modify ldap.dn=uid=a,dc=x",
		"ldap.attributes=userPassword|sn|mail|count event.outcome=success")
}

// slapd's own files have stamps in hexadecimal.
func TestSlapdFile(t *testing.T) {
	f := func(line, at, text string) {
		t.Helper()
		h := scanHeader(line)
		if h.program != "slapd" || h.format != "slapd" || h.text != text || h.stamp.isZero() {
			t.Fatalf("%q: %+v", line, h)
		}
		check(t, with(line), "@timestamp="+at, "process.name=slapd", "message="+line)
	}
	const text = "conn=1000 fd=14 ACCEPT from IP=127.0.0.1:39814 (IP=127.0.0.1:13389)"
	f("6b04864f.0b3f3c8f 0x7f62f6dfe6c0 "+text, "2026-11-23T18:30:39.188693647Z", text)
	f("6b04864f.2dc6b 0x7f62f6dfe6c0 "+text, "2026-11-23T18:30:39.187499Z", text)
	f("6b04864f "+text, "2026-11-23T18:30:39Z", text)
	f("6b04864f slapd starting", "2026-11-23T18:30:39Z", "slapd starting")
	for _, line := range []string{
		"6b04864f x", "6b04864g.0b3f3c8f 0x7 x", "6b04864f.ffffffff 0x7 x", "6b04864f.0b3f3c8f 7 x", "6b04864f.0b3f3c8f", "6b04864f-", "",
	} {
		if h := scanHeader(line); h.format == "slapd" {
			t.Errorf("%q is of slapd: %+v", line, h)
		}
	}
	check(t, with("Nov 23 18:36:15 ldap1 slapd[7]: "+text), "event.action=ldap-accept", "process.pid=7")
	check(t, with("2026-11-23T18:36:15.1234Z ldap1 slapd[7]: "+text), "event.action=ldap-accept", "process.pid=7")
}
