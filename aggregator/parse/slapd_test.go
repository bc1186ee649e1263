package parse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"belfry/shared/corpus"
)

const (
	bound     = "event.action=ldap-bind event.category=authentication event.type=start ldap.complete=true ldap.request=bind "
	bindOK    = bound + "event.outcome=success ldap.result.code=0 ldap.result.name=success"
	bindBad   = bound + "event.outcome=failure ldap.result.code=49 ldap.result.name=invalidCredentials"
	bindAsked = "event.action=ldap-bind-request event.category=authentication event.type=info -event.outcome"
	bindGoes  = "event.action=ldap-bind-continue -event.outcome ldap.result.code=14 ldap.result.name=saslBindInProgress"
	bindAnon  = bound + "event.outcome=success ldap.anonymous=true -ldap.dn -user.name ldap.result.code=0"
	fromPeer  = "source.ip=192.0.2.7 source.port=40960 destination.ip=192.0.2.1 destination.port=389"
	averezDN  = "uid=averez,ou=people,dc=example,dc=com"
	asAverez  = "ldap.dn=" + averezDN + " user.name=averez ldap.mechanism=SIMPLE"
)

// accept is the first line of a connection, from fromPeer.
func accept(conn int) string {
	return fmt.Sprintf("conn=%d fd=15 ACCEPT from IP=192.0.2.7:40960 (IP=192.0.2.1:389)", conn)
}

// ldap is a server that writes to a reader.
type ldap struct {
	t *testing.T
	*reader
	program string
}

func newLDAP(t *testing.T) *ldap { return &ldap{t, newReader(), "slapd[19243]"} }

// f parses a line and checks the fields, each list of which may name several.
func (s *ldap) f(text string, want ...string) {
	s.t.Helper()
	e := s.says(s.program, text)
	for _, w := range want {
		check(s.t, e, strings.Fields(w)...)
	}
}

func TestBind(t *testing.T) {
	s := newLDAP(t)
	s.f(accept(1000),
		"event.action=ldap-accept -event.outcome event.category=network event.type=connection|start ldap.connection=1000",
		fromPeer, "-ldap.tls related.ip=192.0.2.7")
	s.f(`conn=1000 op=0 BIND dn="`+averezDN+`" method=128`, bindAsked, fromPeer, asAverez,
		"ldap.connection=1000 ldap.operation=0")
	s.f(`conn=1000 op=0 BIND dn="`+averezDN+`" mech=SIMPLE bind_ssf=0 ssf=0`, bindAsked, fromPeer, asAverez,
		"ldap.ssf=0")
	s.f("conn=1000 op=0 RESULT tag=97 err=0 qtime=0.000016 etime=0.000163 text=", bindOK, fromPeer, asAverez,
		"ldap.connection=1000 ldap.operation=0 ldap.queue_time=0.000016 event.duration=163000 ldap.tls=false -ldap.anonymous",
		"-event.reason related.user=averez related.ip=192.0.2.7 ldap.ssf=0")
	s.f("conn=1000 op=1 UNBIND", "event.action=ldap-unbind-request -event.outcome", fromPeer)
	s.f("conn=1000 fd=15 closed", "event.action=ldap-closed -event.outcome event.type=connection|end -event.reason",
		fromPeer)

	s.f(accept(1001))
	s.f(`conn=1001 op=0 BIND dn="`+averezDN+`" method=128`, bindAsked)
	s.f("conn=1001 op=0 RESULT tag=97 err=49 qtime=0.000014 etime=0.000089 text=no such luck", bindBad, fromPeer,
		asAverez)
	s.f("conn=1001 fd=15 closed (connection lost)", "event.action=ldap-closed")

	// A connection that is bound binds anew: the first line is of who it was.
	s.f(`conn=1002 op=1 BIND anonymous mech=implicit bind_ssf=0 ssf=0`, bindAsked, "-ldap.anonymous -ldap.mechanism")
	s.f(`conn=1002 op=1 BIND dn="`+averezDN+`" method=128`, bindAsked)
	s.f("conn=1002 op=1 RESULT tag=97 err=49 text=", bindBad, asAverez)
	s.f(`conn=1002 op=2 BIND anonymous mech=implicit bind_ssf=0 ssf=0`)
	s.f(`conn=1002 op=2 BIND dn="" method=163`)
	s.f("conn=1002 op=2 RESULT tag=97 err=7 text=SASL(-4): no mechanism available", bound,
		"event.outcome=failure ldap.mechanism=SASL",
		"-ldap.anonymous")
}

// An anonymous bind is told apart.
func TestBindAnonymous(t *testing.T) {
	s := newLDAP(t)
	s.f(accept(1))
	s.f(`conn=1 op=0 BIND dn="" method=128`, bindAsked, "ldap.anonymous=true -ldap.dn")
	s.f("conn=1 op=0 RESULT tag=97 err=0 text=", bindAnon, fromPeer, "ldap.mechanism=SIMPLE")
	s.f(`conn=1 op=1 BIND anonymous mech=implicit bind_ssf=0 ssf=0`)
	s.f(`conn=1 op=1 BIND dn="" method=128`)
	s.f("conn=1 op=1 RESULT tag=97 err=0 text=", bindAnon)
	// A name without a password is no anonymous bind.
	s.f(`conn=1 op=2 BIND dn="` + averezDN + `" method=128`)
	s.f("conn=1 op=2 RESULT tag=97 err=53 text=unauthenticated bind (DN with no password) disallowed", bound, asAverez,
		"event.outcome=failure ldap.result.name=unwillingToPerform -ldap.anonymous")
}

// SASL's steps are no attempts but the last, and the name comes from the server.
func TestBindSASL(t *testing.T) {
	s := newLDAP(t)
	s.f(accept(1))
	s.f(`conn=1 op=0 BIND dn="" method=163`, bindAsked, "ldap.mechanism=SASL -ldap.anonymous")
	s.f("conn=1 op=0 RESULT tag=97 err=14 text=SASL(0): successful result: security flags do not match", bindGoes,
		fromPeer)
	s.f(`conn=1 op=1 BIND dn="" method=163`)
	s.f(`conn=1 op=1 BIND authcid="averez@example.com" authzid="dn:`+averezDN+`"`, bindAsked, "ldap.dn="+averezDN)
	s.f(`conn=1 op=1 BIND dn="`+averezDN+`" mech=DIGEST-MD5 bind_ssf=128 ssf=128`, bindAsked, "ldap.ssf=128")
	s.f("conn=1 op=1 RESULT tag=97 err=0 text=", bindOK, fromPeer, "ldap.dn="+averezDN,
		"user.name=averez ldap.mechanism=DIGEST-MD5")
	s.f(`conn=1 op=2 BIND dn="" method=163`)
	s.f("conn=1 op=2 RESULT tag=97 err=49 text=SASL(-13): user not found", bindBad, "-ldap.dn ldap.mechanism=SASL")
	// A local user, by the socket.
	s.f("conn=2 fd=12 ACCEPT from PATH=/run/slapd/ldapi (PATH=/run/slapd/ldapi)", "source.address=/run/slapd/ldapi",
		"destination.address=/run/slapd/ldapi -source.ip -source.port -related.ip")
	s.f(`conn=2 op=0 BIND dn="gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth" mech=EXTERNAL bind_ssf=0 ssf=71`)
	s.f("conn=2 op=0 RESULT tag=97 err=0 text=", bindOK, "user.id=0 -user.name ldap.mechanism=EXTERNAL ldap.ssf=71",
		"source.address=/run/slapd/ldapi -source.ip")
}

// A name that is none has no BIND line.
func TestBindInvalid(t *testing.T) {
	s := newLDAP(t)
	s.f(accept(1))
	s.f("conn=1 op=0 RESULT tag=97 err=34 qtime=0.000011 etime=0.000049 text=invalid DN", bound, fromPeer,
		"event.outcome=failure ldap.result.name=invalidDNSyntax -ldap.dn -user.name")
	s.f("conn=1 op=1 do_bind: invalid dn (averez)", bindAsked, "ldap.dn=averez -user.name")
	s.f("conn=1 op=1 RESULT tag=97 err=34 text=invalid DN", bound, "event.outcome=failure ldap.dn=averez")
	// What was said before the first line that we saw is not known.
	s.f("conn=7 op=3 RESULT tag=97 err=49 text=", bindBad, "-source.ip -ldap.dn -ldap.tls")
}

// Lines of several connections, servers and processes come mixed; RESULT comes behind UNBIND and closed.
func TestBindInterleaved(t *testing.T) {
	s := newLDAP(t)
	from := func(port int) string {
		return fmt.Sprintf("conn=1000 fd=15 ACCEPT from IP=192.0.2.7:%d (IP=192.0.2.1:389)", port)
	}
	as := func(host, program string) { s.host, s.program = host, program }
	bind := func(name string) string { return fmt.Sprintf(`conn=1000 op=0 BIND dn="uid=%s,dc=x" method=128`, name) }
	servers := []struct{ host, program, name string }{
		{"ldap1", "slapd[7]", "a"}, {"ldap2", "slapd[7]", "b"}, {"ldap1", "slapd[8]", "c"}, {"ldap1", "slapd", "d"},
	}
	for i, v := range servers {
		as(v.host, v.program)
		s.f(from(1000 + i))
		s.f(bind(v.name))
	}
	for i, v := range servers {
		as(v.host, v.program)
		s.f("conn=1000 op=1 UNBIND")
		s.f("conn=1000 op=0 RESULT tag=97 err=49 text=", bindBad, fmt.Sprintf("source.port=%d user.name=%s", 1000+i,
			v.name))
	}
	for i, v := range servers {
		as(v.host, v.program)
		s.f(`conn=1000 op=2 SRCH base="dc=x" scope=0 deref=0 filter="(uid=` + v.name + `)"`)
		s.f("conn=1000 fd=15 closed",
			fmt.Sprintf("event.action=ldap-closed source.port=%d -ldap.request -ldap.complete", 1000+i))
		s.f("conn=1000 op=2 SEARCH RESULT tag=101 err=0 nentries=3 text=",
			"ldap.base=dc=x ldap.scope=base ldap.entries=3",
			fmt.Sprintf("ldap.filter=(uid=%s) source.port=%d event.action=ldap-search event.outcome=success", v.name,
				1000+i))
	}
	// The numbers begin again: nothing is left of what they were.
	for i, v := range servers {
		as(v.host, v.program)
		s.f("conn=1000 fd=15 TLS established tls_ssf=256 ssf=256", "event.action=ldap-tls")
		s.f(from(2000+i), fmt.Sprintf("source.port=%d", 2000+i))
		s.f("conn=1000 op=0 RESULT tag=97 err=0 text=", bindOK, fmt.Sprintf("source.port=%d -user.name ldap.tls=false",
			2000+i))
	}
	// Also where the first was never closed, and the peer is the same.
	as("ldap3", "slapd[1]")
	s.f(accept(5))
	s.f(`conn=5 op=0 BIND dn="uid=a,dc=x" method=128`)
	s.f(accept(5))
	s.f("conn=5 op=0 RESULT tag=97 err=0 text=", bindOK, fromPeer, "-user.name")
	// An operation's number comes again without the beginning: it is another operation.
	s.f(`conn=6 op=0 BIND dn="uid=a,dc=x" method=128`)
	s.f("conn=6 op=0 RESULT tag=97 err=0 text=", bindOK, "user.name=a")
	s.f(`conn=6 op=0 BIND dn="uid=b,dc=x" method=163`)
	s.f("conn=6 op=0 RESULT tag=97 err=49 text=", bindBad, "user.name=b ldap.mechanism=SASL")
}

func TestLDAPTLS(t *testing.T) {
	const secured = "ldap.tls=true tls.version=1.3 tls.version_protocol=tls tls.cipher=AES-256-GCM"
	s := newLDAP(t)
	s.f(accept(1))
	s.f("conn=1 op=0 EXT oid=1.3.6.1.4.1.1466.20037", "event.action=ldap-extended-request ldap.tls=false")
	s.f("conn=1 op=0 STARTTLS", "event.action=ldap-starttls-request ldap.tls=false")
	s.f("conn=1 op=0 RESULT oid= err=0 text=",
		"event.action=ldap-starttls event.outcome=success ldap.oid=1.3.6.1.4.1.1466.20037",
		"ldap.tls=false") // it was asked in the clear
	s.f("conn=1 fd=15 TLS established tls_ssf=256 ssf=256 tls_proto=TLSv1.3 tls_cipher=AES-256-GCM",
		"event.action=ldap-tls ldap.ssf=256 event.category=network", secured, fromPeer)
	s.f(`conn=1 op=1 BIND dn="`+averezDN+`" method=128`, bindAsked, secured)
	s.f("conn=1 op=1 RESULT tag=97 err=0 text=", bindOK, secured, fromPeer, asAverez)
	s.f("conn=1 fd=15 closed", secured)
	// Before 2.5 the line does not tell how.
	s.f(accept(2))
	s.f("conn=2 fd=15 TLS established tls_ssf=256 ssf=256", "ldap.tls=true -tls.version -tls.cipher")
	// It failed.
	s.f(accept(3))
	s.f("conn=3 op=0 STARTTLS")
	s.f("conn=3 op=0 RESULT oid= err=0 text=")
	s.f("conn=3 fd=15 closed (TLS negotiation failure)", "ldap.tls=false")
	e := s.says("slapd[19243]", "conn=3 fd=15 closed (TLS negotiation failure)")
	check(t, e, "event.reason=TLS negotiation failure", "event.action=ldap-closed")
}

func TestLDAPAddress(t *testing.T) {
	f := func(from, ip, port, path string) {
		t.Helper()
		s := newLDAP(t)
		s.f("conn=1 fd=15 ACCEPT from "+from+" (IP=0.0.0.0:389)", "source.ip="+ip, "source.port="+port,
			"source.address="+path)
		s.f(`conn=1 op=0 BIND dn="" method=128`)
		s.f("conn=1 op=0 RESULT tag=97 err=0 text=", "source.ip="+ip, "source.port="+port, "source.address="+path)
	}
	f("IP=192.0.2.7:40960", "192.0.2.7", "40960", "")
	f("IP=[2001:db8::7]:40960", "2001:db8::7", "40960", "")
	f("IP=[2001:DB8:0:0::7]:40960", "2001:db8::7", "40960", "")
	f("IP=[::ffff:192.0.2.7]:40960", "192.0.2.7", "40960", "")
	f("IP=[fe80::1%eth0]:40960", "fe80::1", "40960", "")
	f("PATH=/run/slapd/ldapi", "", "", "/run/slapd/ldapi")
}

// Behind a web application the session's own client is told.
func TestSessionTracking(t *testing.T) {
	const client = "client.ip=198.51.100.3 client.domain=portal client.user.name=ana"
	s := newLDAP(t)
	s.f(accept(1))
	s.f(`conn=1 op=0 [IP=198.51.100.3 NAME=portal USERNAME=ana] BIND dn="`+averezDN+`" method=128`, bindAsked, client,
		asAverez)
	s.f("conn=1 op=0 [IP=198.51.100.3 NAME=portal USERNAME=ana] RESULT tag=97 err=49 text=", bindBad, fromPeer, client,
		asAverez)
	s.f(`conn=1 op=1 [IP= NAME= USERNAME=] BIND dn="`+averezDN+`" method=128`, bindAsked, "-client.ip -client.domain")
	s.f("conn=1 op=1 RESULT tag=97 err=0 text=", bindOK, "-client.ip", asAverez)
	s.f(`conn=1 op=2 [IP=x NAME=y USERNAME=z] SRCH base="" scope=0 deref=0 filter="(objectClass=*)"`,
		"-client.ip client.domain=y")
	s.f("conn=1 op=2 SEARCH RESULT tag=101 err=0 nentries=1 text=", "client.user.name=z event.outcome=success")
}

// A name may hold what looks like the rest of the line.
func TestDN(t *testing.T) {
	f := func(dn, user, id string) {
		t.Helper()
		s := newLDAP(t)
		for _, line := range []string{
			`conn=1 op=0 BIND dn="` + dn + `" method=128`,
			`conn=1 op=0 BIND dn="` + dn + `" mech=SIMPLE bind_ssf=0 ssf=0`,
			"conn=1 op=0 RESULT tag=97 err=0 text=",
		} {
			check(t, s.says("slapd[1]", line), "ldap.dn="+dn, "user.name="+user, "user.id="+id, "ldap.mechanism=SIMPLE")
		}
	}
	f("uid=averez,dc=x", "averez", "")
	f("uid=no such,dc=x", "no such", "")
	f(`cn=Verez\2C Ana,dc=x`, "Verez, Ana", "")
	f(`cn=Verez\, Ana,dc=x`, "Verez, Ana", "")
	f(`cn=\C3\81na,dc=x`, "Ána", "")
	f(`cn=a\5Cb,dc=x`, `a\b`, "")
	f(`cn=a\,dc=x`, "a,dc=x", "")
	f(`cn=a\`, `a\`, "")
	f(`cn=a" method=163,dc=x`, `a" method=163`, "")
	f(`cn=a" mech=EXTERNAL ssf=9,dc=x`, `a" mech=EXTERNAL ssf=9`, "")
	f("cn=Ana+uid=averez,dc=x", "averez", "")
	f("cn = Ana , dc = x", "Ana", "")
	f("gidNumber=0+uidNumber=1001,cn=peercred,cn=external,cn=auth", "", "1001")
	f("averez", "", "")
	f("=,=", "", "")
}

func TestLDAPOperations(t *testing.T) {
	f := func(requests, result, action, outcome string, want ...string) {
		t.Helper()
		s := newLDAP(t)
		s.f(accept(1))
		for text := range strings.SplitSeq(requests, "\n") {
			s.f("conn=1 op=1 "+text, "-event.outcome", fromPeer, "ldap.operation=1")
		}
		e := s.says(s.program, "conn=1 op=1 "+result)
		check(t, e, append(want, "event.action="+action, "event.outcome="+outcome, "source.ip=192.0.2.7")...)
	}
	f(`SRCH base="dc=x" scope=2 deref=0 filter="(|(uid=jdoe)(cn=*"x"*))"`+"\nSRCH attr=uid cn\nSRCH attr=sn",
		"SEARCH RESULT tag=101 err=0 qtime=0.000020 etime=1.5 nentries=1 text=", "ldap-search", "success",
		"ldap.base=dc=x",
		"ldap.scope=sub", `ldap.filter=(|(uid=jdoe)(cn=*"x"*))`, "ldap.attributes=uid|cn|sn", "ldap.entries=1",
		"event.duration=1500000000", "event.category=database", "event.type=access", "-tags", "-user.name")
	f(`SRCH base="dc=x" scope=1 deref=0 filter="(uid=a)"`, "SEARCH RESULT tag=101 err=4 nentries=500 text=",
		"ldap-search", "failure",
		"ldap.result.name=sizeLimitExceeded", "ldap.scope=one")
	f(`SRCH base="" scope=0 deref=0 filter="(objectClass=*)"`, "SEARCH RESULT tag=101 err=10 nentries=0 text=",
		"ldap-search", "success",
		"-ldap.base", "ldap.result.name=referral")
	f(`SRCH base="x" scope=2 deref=0 filter="(cn=y)" scope=0 deref=0 filter="(cn=" scope=2)"`,
		"SEARCH RESULT tag=101 err=0 nentries=0 text=", "ldap-search", "success", "ldap.base=x", "-tags",
		`ldap.filter=(cn=y)" scope=0 deref=0 filter="(cn=" scope=2)`)
	f(`MOD dn="uid=jdoe,dc=x"`+"\nMOD attr=userPassword sn", "RESULT tag=103 err=0 text=", "ldap-modify", "success",
		"ldap.dn=uid=jdoe,dc=x", "ldap.attributes=userPassword|sn", "event.type=change", "-user.name")
	f(`ADD dn="uid=tmp,dc=x"`, "RESULT tag=105 err=68 text=", "ldap-add", "failure", "ldap.dn=uid=tmp,dc=x",
		"ldap.result.name=entryAlreadyExists", "event.type=creation")
	f(`DEL dn="uid=tmp,dc=x"`, "RESULT tag=107 err=0 text=", "ldap-delete", "success", "event.type=deletion")
	f(`MODRDN dn="uid=tmp,dc=x"`, "RESULT tag=109 err=0 text=", "ldap-modrdn", "success", "ldap.dn=uid=tmp,dc=x")
	f(`CMP dn="uid=a,dc=x" attr="userPassword"`, "RESULT tag=111 err=6 text=", "ldap-compare", "success",
		"ldap.attributes=userPassword", "ldap.dn=uid=a,dc=x", "ldap.result.name=compareTrue")
	f(`CMP dn="uid=a,dc=x" attr="sn"`, "RESULT tag=111 err=5 text=", "ldap-compare", "success",
		"ldap.result.name=compareFalse")
	f("EXT oid=1.3.6.1.4.1.4203.1.11.3\nWHOAMI", "RESULT oid= err=0 text=", "ldap-whoami", "success",
		"ldap.oid=1.3.6.1.4.1.4203.1.11.3")
	f("EXT oid=1.3.6.1.4.1.4203.1.11.1\n"+`PASSMOD id="uid=jdoe,dc=x" old new`, "RESULT oid= err=0 text=",
		"ldap-passmod", "success",
		"ldap.dn=uid=jdoe,dc=x", "event.category=iam", "event.type=user|change")
	f("EXT oid=9.9.9", "RESULT tag=120 err=2 text=unsupported extended operation", "ldap-extended", "failure",
		"event.reason=unsupported extended operation")
	f(`PROXYAUTHZ dn="uid=z,dc=x"`+"\n"+`ADD dn="uid=tmp,dc=x"`, "RESULT tag=105 err=123 text=", "ldap-add", "failure")
	f("UNBIND", "RESULT tag=97 err=4711 text=", "ldap-unbind", "failure", "ldap.result.name=unknown(4711)")
}

// What is remembered is bounded: of the operations that are open the oldest is forgotten.
func TestLDAPBounds(t *testing.T) {
	s := newLDAP(t)
	s.f(accept(1))
	for op := range 200 {
		s.f(fmt.Sprintf(`conn=1 op=%d BIND dn="uid=u%d,dc=x" method=128`, op, op))
	}
	for op := range 200 {
		user := fmt.Sprintf("user.name=u%d", op)
		if op < 200-maxOpen {
			user = "-user.name"
		}
		s.f(fmt.Sprintf("conn=1 op=%d RESULT tag=97 err=0 text=", op), bindOK, user, fromPeer)
	}
	if n := len(s.p.ldap.get(connKey{origin{host: "x"}, "", 1}).ops); n != 0 {
		t.Errorf("another host's connection has %d operations", n)
	}
	var long []string
	for i := range 3000 {
		long = append(long, fmt.Sprintf("a%d", i))
	}
	e := s.says(s.program, "conn=1 op=900 SRCH attr="+strings.Join(long, " "))
	if n := len(e.All("ldap.attributes")); n != maxAttributes {
		t.Errorf("%d attributes, want %d", n, maxAttributes)
	}
}

func TestServer(t *testing.T) {
	s := newLDAP(t)
	s.f("slapd starting", "event.action=ldap-start event.category=process event.type=start -event.outcome")
	s.f("slapd stopped.", "event.action=ldap-stop event.type=end")
	s.f("fd=12 DENIED from unknown (192.0.2.9)",
		"event.action=ldap-denied source.ip=192.0.2.9 event.type=connection|denied -source.domain")
	s.f("fd=12 DENIED from host.example.com (192.0.2.9)", "source.ip=192.0.2.9 source.domain=host.example.com")
	s.f("conn=1 op=0 DISCONNECT tag=120 err=2 text=decoding error",
		"event.action=ldap-notice ldap.result.name=protocolError -event.outcome")
	// Lines of which we know nothing, or that are none.
	for _, text := range []string{
		"conn= op=0 BIND", "conn=1", "conn=1 op=", "conn=1 op=1", "conn=1 op=x BIND", "conn=1 op=0 FROB x",
		"conn=1 fd=2", "conn=1 fd=2 x",
		"conn=1 fd=2 closedly", "conn=1 fd=2 ACCEPT from IP=192.0.2.7:1", "conn=1 op=0 RESULT tag=97 text=", "fd=1 x",
		"conn=-1 op=0 BIND",
		"conn=1 x op=0 UNBIND", "conn=99999999999999999999 op=0 UNBIND", "conn=1 op=0 SEARCH x",
		"",
	} {
		s.f(text, "-event.action -ldap.connection -source.ip")
	}
}

// slapdSession are lines of one server: binds that end in every way.
func slapdSession() []string {
	var lines []string
	for _, text := range []string{
		accept(2000), `conn=2000 op=0 EXT oid=1.3.6.1.4.1.1466.20037`, "conn=2000 op=0 STARTTLS",
		"conn=2000 op=0 RESULT oid= err=0 text=",
		"conn=2000 fd=15 TLS established tls_ssf=256 ssf=256 tls_proto=TLSv1.3 tls_cipher=AES-256-GCM",
		`conn=2000 op=1 BIND dn="" method=163`, "conn=2000 op=1 RESULT tag=97 err=14 text=",
		`conn=2000 op=2 BIND dn="" method=163`,
		`conn=2000 op=2 BIND authcid="a" authzid="dn:uid=a,dc=x"`,
		`conn=2000 op=2 BIND dn="uid=a,dc=x" mech=DIGEST-MD5 ssf=128`,
		"conn=2000 op=2 RESULT tag=97 err=0 text=", `conn=2000 op=3 SRCH base="dc=x" scope=2 deref=0 filter="(a=b)"`,
		"conn=2000 op=3 SRCH attr=uid", "conn=2000 op=3 SRCH attr=cn", "conn=2000 op=4 UNBIND",
		"conn=2000 fd=15 closed",
		"conn=2000 op=3 SEARCH RESULT tag=101 err=0 nentries=1 text=",
		accept(2001), `conn=2001 op=0 BIND dn="uid=b,dc=x" method=128`, "conn=2001 op=0 RESULT tag=97 err=49 text=",
		"conn=2001 op=1 do_bind: invalid dn (x)", "conn=2001 op=1 RESULT tag=97 err=34 text=invalid DN",
		"conn=2001 fd=15 closed",
	} {
		lines = append(lines, "slapd[20362]: "+text)
	}
	return lines
}

// slapdCrossed are the lines of connections whose binds are crossed.
func slapdCrossed() []string {
	var lines []string
	for _, text := range []string{"ACCEPT", "BIND", "UNBIND", "RESULT", "closed"} {
		for conn := range 20 {
			port, line := 50000+conn, ""
			switch text {
			case "ACCEPT":
				line = fmt.Sprintf("fd=9 ACCEPT from IP=192.0.2.7:%d (IP=192.0.2.1:389)", port)
			case "BIND":
				line = fmt.Sprintf(`op=0 BIND dn="uid=u%d,dc=x" method=128`, port)
			case "UNBIND":
				line = "op=1 UNBIND"
			case "RESULT":
				line = fmt.Sprintf("op=0 RESULT tag=97 err=%d text=", conn%2*49)
			case "closed":
				line = "fd=9 closed"
			}
			lines = append(lines, fmt.Sprintf("Nov 23 17:54:31 vm slapd[7]: conn=%d %s", conn, line))
		}
	}
	return lines
}

// Each bind of the corpus is one event with an outcome, and knows its address and name.
func TestLDAPCorpus(t *testing.T) {
	got := map[string]int{}
	r := newReader()
	for _, line := range append(corpus.AuthMixed(), slapdCrossed()...) {
		e := r.line(line)
		if e.Get("process.name") != "slapd" || !e.Has("event.outcome") && e.Get("event.action") != "ldap-bind" {
			continue
		}
		got[e.Get("event.action")+" "+e.Get("event.outcome")]++
		named := e.Has("ldap.dn") != e.Has("ldap.anonymous")
		if e.Get("event.category") == "authentication" && (!e.Has("source.ip") || !named) {
			t.Errorf("incomplete: %s", e.AppendJSON(nil))
		}
	}
	want := map[string]int{
		"ldap-bind success": 17, "ldap-bind failure": 15, "ldap-whoami success": 2,
		"ldap-search success":  1,
		"ldap-passmod success": 1, "ldap-modify success": 1, "ldap-add success": 1, "ldap-delete success": 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A DN without a password, where the server allows that, is anonymous, and no line says so: there only is none that says
// who the client is.
func TestSlapdUnproven(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		r := newReader()
		for i, text := range lines {
			e := r.line("Nov 23 17:53:29 vm slapd[7]: conn=1003 " + text)
			if i == len(lines)-1 {
				check(t, e, "event.action=ldap-bind", "event.outcome=success", want)
			}
		}
	}
	const claim, result = `op=1 BIND dn="cn=ghost,dc=x" method=128`, "op=1 RESULT tag=97 err=0 qtime=0.000010 etime=0.000506 text="
	f("tags=ambiguous", claim, result)
	f("-tags", claim, `op=1 BIND dn="cn=ghost,dc=x" mech=SIMPLE bind_ssf=0 ssf=0`, result)
	f("-tags", result)
	f("-tags", `op=1 BIND dn="" method=128`, result)
	f("-tags", `op=1 BIND dn="" method=163`, result)
}
