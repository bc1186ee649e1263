package parse

import (
	"fmt"
	"strings"
	"testing"

	"belfry/shared/event"
)

const ds389From = "source.ip=192.0.2.7 destination.ip=192.0.2.1"

// newDS389 is a server that writes to a file of its own, as its lines stand there.
func newDS389(t *testing.T) *ldap { return &ldap{t, newReader(), ""} }

// ds parses a line of an access log.
func (s *ldap) ds(text string, want ...string) {
	s.t.Helper()
	line := "[23/Nov/2026:17:54:31.123456789 +0000] " + text
	e := s.line(line)
	for _, w := range append(want, "@timestamp=2026-11-23T17:54:31.123456789Z process.name=ns-slapd") {
		check(s.t, e, strings.Fields(w)...)
	}
}

func dsAccept(conn int) string {
	return fmt.Sprintf("conn=%d fd=64 slot=64 connection from 192.0.2.7 to 192.0.2.1", conn)
}

func TestDS389Bind(t *testing.T) {
	s := newDS389(t)
	s.ds(dsAccept(1), "event.action=ldap-accept ldap.connection=1 related.ip=192.0.2.7", ds389From, "-source.port -ldap.tls")
	s.ds(`conn=1 op=0 BIND dn="`+averezDN+`" method=128 version=3`, bindAsked, ds389From, asAverez)
	s.ds(`conn=1 op=0 RESULT err=0 tag=97 nentries=0 wtime=0.000058845 optime=0.015515009 etime=0.015569648 dn="uid=AVEREZ,dc=x"`,
		bindOK, ds389From, asAverez, "ldap.queue_time=0.000058845 event.duration=15569648 ldap.entries=0 ldap.tls=false")
	s.ds(`conn=1 op=1 BIND dn="` + averezDN + `" method=128 version=3`)
	s.ds("conn=1 op=2 UNBIND", "event.action=ldap-unbind-request")
	s.ds("conn=1 op=2 fd=64 Disconnect - Cleanly Closed Connection - U1", "event.action=ldap-closed ldap.close_code=U1", ds389From)
	s.ds("conn=1 op=1 RESULT err=49 tag=97 nentries=0 wtime=0.1 optime=0.1 etime=-0.1 - Invalid credentials", bindBad, asAverez,
		"-event.duration", ds389From)
	s.ds(dsAccept(1), "event.action=ldap-accept")
	s.ds(`conn=1 op=0 BIND dn="" method=128 version=3`, bindAsked, "ldap.anonymous=true")
	s.ds(`conn=1 op=0 RESULT err=0 tag=97 nentries=0 wtime=0.1 optime=0.1 etime=0.1 dn=""`, bindAnon)
	s.ds(`conn=1 op=1 BIND dn="" method=sasl version=3 mech=DIGEST-MD5`, bindAsked, "ldap.mechanism=DIGEST-MD5 -ldap.anonymous")
	s.ds("conn=1 op=1 RESULT err=14 tag=97 nentries=0 wtime=0.1 optime=0.1 etime=0.018, SASL bind in progress", bindGoes,
		"event.duration=18000000 ldap.mechanism=DIGEST-MD5")
	s.ds(`conn=1 op=2 BIND dn="" method=sasl version=3 mech=DIGEST-MD5`)
	s.ds(`conn=1 op=2 RESULT err=0 tag=97 nentries=0 wtime=0.1 optime=0.1 etime=0.1 dn="`+averezDN+`"`, bindOK, "user.name=averez",
		"ldap.dn="+averezDN, "ldap.mechanism=DIGEST-MD5")
	s.ds(`conn=1 op=3 BIND dn="uid=gone,dc=x" method=128 version=3`)
	got := s.p.Close()
	if waited(got) != "1/3 gone" {
		t.Errorf("incomplete: %s", waited(got))
	}
}

func TestDS389TLS(t *testing.T) {
	const secured = "ldap.tls=true tls.version=1.3 tls.version_protocol=tls tls.cipher=AES-GCM"
	s := newDS389(t)
	s.ds("conn=1 fd=64 slot=64 SSL connection from 2001:db8::7 to 2001:db8::1", "source.ip=2001:db8::7 -ldap.tls")
	e := s.line("[23/Nov/2026:17:54:31 +0100] conn=1 TLS1.3 128-bit AES-GCM; client CN=averez,DC=x; issuer CN=ca,DC=x")
	check(t, e, append(strings.Fields(secured), "event.action=ldap-tls", "ldap.ssf=128", "tls.client.subject=CN=averez,DC=x",
		"tls.client.issuer=CN=ca,DC=x", "@timestamp=2026-11-23T16:54:31Z")...)
	s.ds("conn=1 TLS1.3 client bound as uid=averez,dc=x", "event.action=ldap-certificate-mapped ldap.dn=uid=averez,dc=x", secured,
		"user.name=averez source.ip=2001:db8::7 -event.outcome")
	s.ds(`conn=1 op=0 BIND dn="" method=sasl version=3 mech=EXTERNAL`, secured, "ldap.mechanism=EXTERNAL")
	s.ds(`conn=1 op=0 RESULT err=49 tag=97 nentries=0 wtime=0.1 optime=0.1 etime=0.1 - Client certificate mapping failed`, bindBad, secured)
	e = s.line("[23/Nov/2026:17:54:31 +0000] conn=1 TLS1.3 failed to map client certificate to LDAP DN (couldn't be mapped)")
	check(t, e, "event.action=ldap-certificate-unmapped", "event.reason=couldn't be mapped", "-event.outcome")
	s.ds("conn=2 fd=65 slot=65 connection from local to /run/slapd-x.socket", "source.address=local destination.address=/run/slapd-x.socket")
	s.ds(`conn=2 AUTOBIND dn="cn=root,dc=x"`, "event.action=ldap-autobind user.name=root -event.outcome source.address=local")
	s.ds("conn=2 SSL 128-bit AES", "ldap.tls=true -tls.version tls.cipher=AES ldap.ssf=128")
}

func TestDS389Operations(t *testing.T) {
	s := newDS389(t)
	f := func(request, result, action, outcome string, want ...string) {
		t.Helper()
		s.ds(dsAccept(1))
		s.ds("conn=1 op=1 "+request, "-event.outcome", ds389From, "ldap.operation=1")
		e := s.line("[23/Nov/2026:17:54:31 +0000] conn=1 op=1 " + result)
		check(t, e, append(want, "event.action="+action, "event.outcome="+outcome, "source.ip=192.0.2.7")...)
	}
	const times = " nentries=1 wtime=0.1 optime=0.1 etime=0.1"
	f(`SRCH base="dc=x" scope=2 filter="(cn=" scope=0)" attrs="uid cn"`,
		`RESULT err=0 tag=101`+times+` notes=A,U details="Fully Unindexed Filter" pr_idx=0 pr_cookie=-1`, "ldap-search", "success",
		`ldap.filter=(cn=" scope=0)`, "ldap.base=dc=x", "ldap.scope=sub", "ldap.attributes=uid|cn", "ldap.notes=A|U",
		"ldap.notes_text=Fully Unindexed Filter", "-tags", "ldap.entries=1")
	f(`SRCH base="dc=x" scope=0 filter="(cn=" attrs="x)" attrs=ALL authzid="uid=a"`, "RESULT err=32 tag=101"+times, "ldap-search",
		"failure", "tags=ambiguous", "-ldap.attributes")
	f(`MOD dn="uid=a,dc=x"`, "RESULT err=0 tag=103"+times+" csn=65a1b2c3000000010000", "ldap-modify", "success", "ldap.dn=uid=a,dc=x")
	f(`ADD dn="uid=a,dc=x"`, "RESULT err=68 tag=105"+times, "ldap-add", "failure")
	f(`DEL dn="uid=a,dc=x" authzid="uid=b"`, "RESULT err=0 tag=107"+times, "ldap-delete", "success", "ldap.dn=uid=a,dc=x")
	f(`MODRDN dn="uid=a,dc=x" newrdn="uid=b" newsuperior="(null)"`, "RESULT err=0 tag=109"+times, "ldap-modrdn", "success",
		"ldap.dn=uid=a,dc=x")
	f(`CMP dn="uid=a,dc=x" attr="sn"`, "RESULT err=5 tag=111"+times, "ldap-compare", "success", "ldap.attributes=sn")
	f(`EXT oid="1.3.6.1.4.1.4203.1.11.3" name="whoami-plugin"`, "RESULT err=0 tag=120"+times, "ldap-whoami", "success")
	f(`EXT oid="1.3.6.1.4.1.4203.1.11.1" name="passwd_modify_plugin"`, "RESULT err=0 tag=120"+times, "ldap-passmod", "success",
		"event.category=iam")
	f(`EXT oid="9.9"`, "RESULT err=2 tag=120"+times, "ldap-extended", "failure", "ldap.oid=9.9")
	s.ds("conn=1 op=2 ABANDON targetop=1 msgid=2 nentries=0 etime=0.1", "event.action=ldap-abandon-request ldap.abandoned=1")
	s.ds("conn=1 op=2 ABANDON targetop=NOTFOUND msgid=2", "-ldap.abandoned")
	s.ds("conn=1 op=3 SORT uid (11)", "event.action=ldap-notice ldap.operation=3")
	s.ds("conn=1 op=-1 fd=64 closed - B1", "event.action=ldap-closed ldap.close_code=B1")
	check(t, s.line("[23/Nov/2026:17:54:31 +0000] conn=1 op=-1 fd=64 closed error 104 (Connection reset by peer) - T2"),
		"event.reason=104 (Connection reset by peer)", "ldap.close_code=T2")
	check(t, s.line("[23/Nov/2026:17:54:31 +0000] conn=1 op=4 fd=64 closed - T1"), "event.reason=idle timeout")
	check(t, s.line("[23/Nov/2026:17:54:31 +0000] conn=1 op=4 fd=64 Disconnect - Connection reset by peer - TCP reset by peer."),
		"event.reason=Connection reset by peer - TCP reset by peer.", "-ldap.close_code")
	if got := s.p.Close(); len(got) != 0 {
		t.Errorf("incomplete: %s", waited(got))
	}
	for _, text := range []string{
		"conn=", "conn=1", "conn=1 ", "conn=1 op=1", "conn=1 op=-1 SRCH x", "conn=1 op=1 FROB", "conn=1 fd=1 slot=1 x", "conn=1 TLS1.3 x",
		"conn=1 op=1 BIND x", "conn=1 op=1 RESULT tag=97", "conn=1 op=1 fd=2 x", "conn=Internal(0) x", `conn=1 AUTOBIND dn="`, "- X",
	} {
		s.ds(text, "-event.action -ldap.connection -source.ip")
	}
}

// What the server asks itself is of no client.
func TestDS389Internal(t *testing.T) {
	s := newDS389(t)
	s.ds(dsAccept(1))
	s.ds(`conn=1 op=0 BIND dn="uid=a,dc=x" method=128 version=3`)
	s.ds(`conn=1 (Internal) op=0(1)(1) SRCH base="uid=a,dc=x" scope=0 filter="(|(a=b)(c=d))" attrs=ALL`,
		"event.action=ldap-internal ldap.internal=true ldap.connection=1 ldap.operation=0 ldap.request=search ldap.base=uid=a,dc=x")
	s.ds(`conn=1 (Internal) op=0(1)(1) RESULT err=0 tag=48 nentries=1 wtime=0.1 optime=0.1 etime=0.1`,
		"event.action=ldap-internal -event.outcome ldap.result.code=0 ldap.entries=1 -source.ip")
	s.ds(`conn=Internal(0) op=0(270)(1) MOD dn="cn=x"`, "event.action=ldap-internal -ldap.connection ldap.dn=cn=x")
	s.ds(`conn=1 op=0 RESULT err=0 tag=97 nentries=0 wtime=0.1 optime=0.1 etime=0.1`, bindOK, "user.name=a")
	if got := s.p.Close(); len(got) != 0 {
		t.Errorf("incomplete: %s", waited(got))
	}
}

// Two servers of a host have the same numbers; the folder of their files tells them apart.
func TestDS389Instances(t *testing.T) {
	p := New(Config{}, nil)
	says := func(file, text string) *event.Event {
		e := new(event.Event)
		e.Append("event.original", "[23/Nov/2026:17:54:31 +0000] "+text)
		e.Append("host.name", "vm")
		e.Append("log.file.path", file)
		p.Parse(e, readAt)
		return e
	}
	for _, name := range []string{"a", "b"} {
		says("/var/log/dirsrv/slapd-"+name+"/access", `conn=1 op=0 BIND dn="uid=`+name+`,dc=x" method=128 version=3`)
	}
	for _, name := range []string{"a", "b"} {
		e := says("/var/log/dirsrv/slapd-"+name+"/access.20261123-175431", "conn=1 op=0 RESULT err=0 tag=97 nentries=0 etime=0.1")
		check(t, e, "user.name="+name, "event.outcome=success")
	}
}

// Since 3.0 the access log may be JSON, and behind a header of syslog.
func TestDS389JSON(t *testing.T) {
	s := newDS389(t)
	f := func(text string, want ...string) {
		t.Helper()
		line := `{"local_time":"2026-11-23T18:54:31.500000000 +0100",` + text[1:]
		e := s.line(line)
		check(t, e, append(want, "@timestamp=2026-11-23T17:54:31.5Z", "process.name=ns-slapd", "message="+line)...)
	}
	f(`{"operation":"CONNECTION","key":"1-2","conn_id":2,"fd":64,"slot":64,"tls":true,"client_ip":"192.0.2.7","server_ip":"192.0.2.1"}`,
		"event.action=ldap-accept", "source.ip=192.0.2.7", "ldap.connection=2")
	f(`{"operation":"TLS_CLIENT_INFO","key":"1-2","conn_id":2,"tls_version":"TLS1.3","keysize":128,"cipher":"AES-GCM","subject":"CN=a","issuer":"CN=ca"}`,
		"event.action=ldap-tls", "tls.version=1.3", "ldap.ssf=128", "tls.client.subject=CN=a", "tls.client.issuer=CN=ca")
	f(`{"operation":"TLS_CLIENT_INFO","key":"1-2","conn_id":2,"tls_version":"TLS1.3","client_dn":"uid=a,dc=x","msg":"client bound"}`,
		"event.action=ldap-certificate-mapped", "ldap.dn=uid=a,dc=x", "user.name=a")
	f(`{"operation":"TLS_INFO","key":"1-2","conn_id":2,"msg":"failed to obtain channel info","err":-12271,"err_msg":"no"}`,
		"event.action=ldap-certificate-unmapped", "event.reason=no")
	f(`{"operation":"BIND","key":"1-2","conn_id":2,"op_id":0,"bind_dn":"uid=a,dc=x","version":3,"method":"128"}`,
		"event.action=ldap-bind-request", "user.name=a", "ldap.mechanism=SIMPLE", "-event.outcome")
	f(`{"operation":"RESULT","key":"1-2","conn_id":2,"op_id":0,"msg":"Invalid credentials","tag":97,"err":49,"nentries":0,"wtime":"0.000131","optime":"0.2","etime":"0.25","client_ip":"192.0.2.7"}`,
		"event.action=ldap-bind", "event.outcome=failure", "user.name=a", "source.ip=192.0.2.7", "ldap.tls=true",
		"event.reason=Invalid credentials", "event.duration=250000000", "ldap.queue_time=0.000131")
	f(`{"operation":"BIND","key":"1-2","conn_id":2,"op_id":1,"bind_dn":"","version":3,"method":"sasl","mech":"GSSAPI"}`,
		"ldap.mechanism=GSSAPI", "-ldap.anonymous")
	f(`{"operation":"RESULT","key":"1-2","conn_id":2,"op_id":1,"tag":97,"err":14}`, "event.action=ldap-bind-continue", "-event.outcome")
	f(`{"operation":"SEARCH","key":"1-2","conn_id":2,"op_id":2,"base_dn":"dc=x","scope":2,"filter":"(a=b)","attrs":["uid","cn"]}`,
		"ldap.base=dc=x", "ldap.scope=sub", "ldap.attributes=uid|cn", "ldap.filter=(a=b)")
	f(`{"operation":"EXTENDED_OP","key":"1-2","conn_id":2,"op_id":3,"oid":"1.3.6.1.4.1.4203.1.11.3","name":"whoami-plugin"}`,
		"event.action=ldap-whoami-request")
	f(`{"operation":"SEARCH","key":"1-2","conn_id":2,"op_id":2,"internal_op":true,"op_internal_id":1,"base_dn":"dc=y"}`,
		"event.action=ldap-internal", "ldap.internal=true")
	f(`{"operation":"ABANDON","key":"1-2","conn_id":2,"op_id":4,"msgid":3,"target_op":"2"}`, "ldap.abandoned=2")
	f(`{"operation":"DISCONNECT","key":"1-2","conn_id":2,"op_id":5,"fd":64,"close_reason":"U1"}`, "event.action=ldap-closed",
		"ldap.close_code=U1", "event.reason=unbind")
	f(`{"severity":"ERR","subsystem":"attrcrypt_init","msg":"bad"}`, "event.action=ldap-server-message", "log.level=err",
		"log.logger=attrcrypt_init", "event.reason=bad")
	check(t, s.says("ns-slapd[7]", `conn=9 op=0 BIND dn="uid=b,dc=x" method=128 version=3`), "user.name=b", "process.pid=7")
	f(`{"x":1}`, "-event.action")
	check(t, s.says("ns-slapd[7]", "{"), "-event.action", "process.pid=7")
}

// The security log tells of a bind that has its outcome elsewhere.
func TestDS389Security(t *testing.T) {
	line := `{ "date": "[23\/Nov\/2026:17:54:31.278630359 +0000] ", "utc_time": "1795456471.278630359", "event": "BIND_FAILED", "dn": "uid=a,dc=x", ` +
		`"bind_method": "SIMPLE", "root_dn": false, "client_ip": "192.0.2.7", "server_ip": "192.0.2.1", "ldap_version": 3, ` +
		`"conn_id": 3, "op_id": 0, "msg": "INVALID_PASSWORD" }`
	check(t, with(line), "event.action=ldap-bind-audit", "-event.outcome", "ldap.audit=BIND_FAILED", "user.name=a", "ldap.dn=uid=a,dc=x",
		"source.ip=192.0.2.7", "destination.ip=192.0.2.1", "ldap.connection=3", "ldap.operation=0", "event.reason=INVALID_PASSWORD",
		"@timestamp=2026-11-23T17:54:31.278630359Z", "ldap.mechanism=SIMPLE")
	check(t, with(strings.NewReplacer("BIND_FAILED", "AUTHZ_ERROR", "INVALID_PASSWORD", "ANONYMOUS_BIND").Replace(line)),
		"event.action=ldap-audit", "ldap.audit=AUTHZ_ERROR", "ldap.anonymous=true")
	check(t, with("[23/Nov/2026:17:54:31.123456789 +0000] - ERR - attrcrypt_init - no - key"), "event.action=ldap-server-message",
		"log.level=err", "log.logger=attrcrypt_init", "event.reason=no - key")
	for _, bad := range []string{
		"[23/Nov/2026:17:54:31] x", "[23/Xxx/2026:17:54:31 +0000] conn=1", "[32/Nov/2026:17:54:31 +0000] conn=1", "[23/Nov/2026:17:54:31 +9900] conn=1",
		"[23/Nov/2026:17:54:31 +0000] GET /", `{"local_time":"x"}`,
	} {
		if h := scanHeader(bad + strings.Repeat(" ", 40)); h.format == "ns-slapd" {
			t.Errorf("%q is of ns-slapd: %+v", bad, h)
		}
	}
}
