package parse

import (
	"strconv"
	"strings"
	"testing"
)

const (
	smtpOK  = "event.action=smtp-login-attempt event.outcome=success event.category=authentication event.type=start"
	smtpBad = "event.action=smtp-login-attempt event.outcome=failure event.category=authentication event.type=start"
)

func TestPostfix(t *testing.T) {
	check(t, newReader().says("postfix/smtpd[7]", "improper command pipelining after DATA from unknown[192.0.2.7]:"),
		"event.action=smtp-protocol-error", "source.ip=192.0.2.7", "postfix.command=DATA")

	f := func(program, text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says(program, text), append(strings.Fields(kind), want...)...)
	}
	f("postfix/smtpd[1]", "connect from mx.example.net[192.0.2.7]", "event.action=smtp-connect -event.outcome",
		"source.ip=192.0.2.7", "source.domain=mx.example.net", "related.hosts=mx.example.net", "network.protocol=smtp")
	f("postfix-in/smtpd[1]", "connect from unknown[2001:db8::7]:1234", "event.action=smtp-connect",
		"source.ip=2001:db8::7", "source.port=1234", "-source.domain")
	f("postfix/smtpd[1]", "disconnect from a[192.0.2.7] ehlo=1 auth=0/1 quit=1 commands=2/3",
		"event.action=smtp-disconnect -event.outcome", "postfix.commands=2/3")
	f("postfix/smtpd[1]", "disconnect from a[192.0.2.7] ehlo=1 auth=1/2 commands=2/3", smtpOK)
	f("postfix/submission/smtpd[1]", "4B1C2A3: client=a[192.0.2.7], sasl_method=PLAIN, sasl_username=averez", smtpOK,
		"user.name=averez", "postfix.queue_id=4B1C2A3", "postfix.sasl_method=PLAIN")
	f("postfix/smtpd[1]", "3yz1kZ4Lwmz1: client=a[192.0.2.7]", "event.action=mail-begin -event.outcome",
		"postfix.queue_id=3yz1kZ4Lwmz1")
	f("postfix/smtpd[1]", "warning: a[192.0.2.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6", smtpBad,
		"event.reason=UGFzc3dvcmQ6", "-user.name", "source.ip=192.0.2.7")
	f("postfix/smtpd[1]", "warning: unknown[192.0.2.7]: SASL PLAIN authentication failed: x, sasl_username=a, sasl_username=b",
		smtpBad, "user.name=a, sasl_username=b")
	f("postfix/smtpd[1]", "lost connection after AUTH from unknown[192.0.2.7]", "event.action=smtp-protocol-error",
		"event.reason=lost connection after AUTH", "postfix.command=AUTH")
	f("postfix/smtpd[1]", "warning: hostname a.example does not resolve to address 192.0.2.7: Name or service not known",
		"event.action=smtp-name-mismatch", "source.ip=192.0.2.7", "source.domain=a.example")
	f("postfix/smtpd[1]", "NOQUEUE: reject: RCPT from a[192.0.2.7]: 554 5.7.1 <x@y>: Relay access denied; from=<b@c> to=<x@y> proto=ESMTP helo=<h>",
		"event.action=mail-reject event.outcome=failure event.category=email event.type=info", "postfix.dsn=5.7.1",
		"postfix.reply_code=554", "email.from.address=b@c", "email.to.address=x@y", "postfix.helo=h", "-postfix.queue_id",
		"event.reason=<x@y>: Relay access denied")
	f("postfix/smtpd[1]", "NOQUEUE: reject: CONNECT from unknown[192.0.2.7]: 554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked; proto=SMTP",
		"event.action=mail-reject", "-email.from.address", "postfix.reply_code=554")
	f("postfix/postscreen[1]", "NOQUEUE: reject: RCPT from [192.0.2.7]:60597: 450 4.3.2 Service currently unavailable; from=<a@b>, to=<c@d>, proto=ESMTP, helo=<h>",
		"event.action=mail-reject event.outcome=failure", "source.port=60597", "email.to.address=c@d", "postfix.helo=h")
	f("postfix/postscreen[1]", "PREGREET 12 after 0 from [192.0.2.66]:41311: EHLO early\\r\\n", "event.action=smtp-protocol-error",
		"event.reason=PREGREET", "source.ip=192.0.2.66")
	f("postfix/postscreen[1]", "DNSBL rank 5 for [2001:db8::7]:41311", "event.action=smtp-client-listed",
		"postfix.dnsbl_rank=5", "source.ip=2001:db8::7")
	f("postfix/postscreen[1]", "CONNECT from [192.0.2.66]:41311 to [192.0.2.1]:25", "event.action=smtp-connect",
		"destination.ip=192.0.2.1", "destination.port=25")
	f("postfix/cleanup[1]", "4B1C2A3: milter-reject: END-OF-MESSAGE from a[192.0.2.7]: 5.7.1 Command rejected; from=<a@b> to=<c@d> proto=ESMTP helo=<h>",
		"event.action=mail-reject event.outcome=failure", "postfix.dsn=5.7.1", "event.reason=Command rejected", "source.ip=192.0.2.7")
	f("postfix/cleanup[1]", "4B1C2A3: reject: header Subject: x from e[9.9.9.9]; from=<e> to=<e>: e from a[192.0.2.7]; from=<a@b> to=<c@d> proto=ESMTP helo=<h>: 5.7.1 no",
		"event.action=mail-reject event.outcome=failure", "event.reason=5.7.1 no", "source.ip=192.0.2.7", "email.from.address=a@b")
	f("postfix/cleanup[1]", "4B1C2A3: hold: header X: y from local; from=<a@b>: wait", "event.action=mail-hold -event.outcome",
		"-source.ip", "event.reason=wait")
	f("postfix/smtpd[1]", "4B1C2A3: discard: RCPT from a[192.0.2.7]: <c@d>: Recipient address triggers DISCARD action; from=<a@b> to=<c@d> proto=ESMTP helo=<h>",
		"event.action=mail-discard -event.outcome", "source.ip=192.0.2.7", "event.reason=<c@d>: Recipient address triggers DISCARD action")
	f("postfix/qmgr[1]", "4B1C2A3: from=<a@b>, status=expired, returned to sender", "event.action=mail-expired event.outcome=failure",
		"email.from.address=a@b", "event.reason=returned to sender")
	f("postfix/smtp[1]", "connect to a.example[192.0.2.7]:25: Connection timed out", "event.action=smtp-connect-failed",
		"destination.ip=192.0.2.7", "destination.port=25", "event.reason=Connection timed out")
	f("postfix/smtp[1]", "Untrusted TLS connection established to a.example[192.0.2.7]:25: TLSv1.3 with cipher X (256/256 bits)",
		"event.action=smtp-tls", "destination.domain=a.example", "tls.version=1.3", "tls.cipher=X")
}

func TestPostfixDelivery(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says("postfix/smtp[1]", "4B1C2A3: "+text), append(strings.Fields(kind), want...)...)
	}
	const sent = "event.action=mail-delivery event.outcome=success postfix.status=sent"
	f("to=<a@b>, orig_to=<c>, relay=mx.b[192.0.2.7]:25, conn_use=2, delay=0.5, delays=0.1/0.1/0.1/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9B1C2A3)",
		sent, "email.to.address=a@b", "postfix.original_to=c", "destination.ip=192.0.2.7", "destination.domain=mx.b",
		"destination.port=25", "postfix.delay=0.5", "postfix.dsn=2.0.0", "postfix.next_queue_id=9B1C2A3",
		"event.reason=250 2.0.0 Ok: queued as 9B1C2A3", "-tags", "-source.ip")
	f("to=<a@b>, relay=none, delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (connect to x[192.0.2.7]:25: Connection refused)",
		"event.action=mail-deferred -event.outcome postfix.relay=none", "postfix.status=deferred")
	f("to=<a@b>, relay=mx.b[192.0.2.7]:25, delay=1, delays=1/0/0/0, dsn=5.1.1, status=bounced (host said: 550 <x>, relay=e[9.9.9.9]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (forged) (in reply to RCPT TO command))",
		"event.action=mail-delivery event.outcome=failure postfix.status=bounced", "destination.ip=192.0.2.7", "-tags")
	f(`to=<"x>, relay=e[9.9.9.9]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x"@b>, relay=mx.b[192.0.2.7]:25, delay=1, delays=1/0/0/0, dsn=5.1.1, status=bounced (no)`,
		"event.action=mail-delivery event.outcome=failure", "destination.ip=192.0.2.7", "-tags")
	// Before 3.5 nothing is quoted.
	f("to=<x>, relay=e[9.9.9.9]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x@b>, relay=mx.b[192.0.2.7]:25, delay=1, delays=1/0/0/0, dsn=5.1.1, status=bounced (no)",
		"tags=ambiguous")
}

// A delivery tells who sent the mail, from where; what is joined is one host's, and one mail's.
func TestPostfixJoin(t *testing.T) {
	const to = "4B1C2A3: to=<a@b>, relay=local, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)"
	r := newReader()
	r.says("postfix/submission/smtpd[1]", "4B1C2A3: client=x[192.0.2.7], sasl_method=PLAIN, sasl_username=averez")
	r.says("postfix/cleanup[2]", "4B1C2A3: message-id=<1@x>")
	r.says("postfix/qmgr[3]", "4B1C2A3: from=<averez@x>, size=345, nrcpt=1 (queue active)")
	whole := []string{"source.ip=192.0.2.7", "user.name=averez", "email.message_id=1@x", "email.from.address=averez@x",
		"postfix.size=345", "event.outcome=success"}
	check(t, r.says("postfix/local[4]", to), whole...)
	r.host = "other"
	check(t, r.says("postfix/local[4]", to), "-source.ip", "-user.name", "-email.from.address")
	r.host = "vm"
	r.says("postfix/qmgr[3]", "4B1C2A3: removed")
	check(t, r.says("postfix/local[4]", to), whole...)
	// The id comes again.
	r.says("postfix/cleanup[2]", "4B1C2A3: message-id=<2@x>")
	check(t, r.says("postfix/local[4]", to), "-source.ip", "-user.name", "email.message_id=2@x")
	r.says("postfix/smtpd[1]", "4B1C2A3: client=unknown[192.0.2.8]")
	check(t, r.says("postfix/local[4]", to), "source.ip=192.0.2.8", "-email.message_id", "-user.name")
}

// A login counts once, however many mails its session brings.
func TestPostfixLogin(t *testing.T) {
	r := newReader()
	says := func(text, want string) {
		t.Helper()
		check(t, r.says("postfix/submission/smtpd[1]", text), want)
		check(t, r.again("Nov 23 17:54:31 vm postfix/submission/smtpd[1]: "+text, r.n), want)
	}
	const mail, end = "client=x[192.0.2.7], sasl_method=PLAIN, sasl_username=averez", "disconnect from x[192.0.2.7] ehlo=1 auth=1 commands=2"
	says("connect from x[192.0.2.7]", "-event.outcome")
	says("4B1C2A3: "+mail, "event.outcome=success")
	says("4B1C2A4: "+mail, "-event.outcome")
	says(end, "-event.outcome")
	says("connect from x[192.0.2.7]", "-event.outcome")
	says(end, "event.outcome=success")
}

// counted returns how often a client's run saw each thing, by what `uniq -c` wrote.
func counted(t *testing.T, name string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, line := range answers(t, name) {
		n, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		if counts[what], err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	return counts
}

// What the clients and the recipients saw is what is counted.
func TestPostfixOutcomes(t *testing.T) {
	got := map[string]int{}
	for _, e := range corpusEvents(t, "postfix", "mail") {
		switch e.Get("event.action") {
		case "smtp-login-attempt":
			got[map[string]string{"success": "login ok", "failure": "login bad"}[e.Get("event.outcome")]]++
		case "mail-reject":
			if e.Get("event.outcome") == "failure" {
				got["reject"]++
			}
		case "mail-delivery", "mail-deferred":
			got[e.Get("postfix.status")]++
		}
	}
	for what, n := range counted(t, "postfix/outcomes.txt") {
		if got[what] != n {
			t.Errorf("%s: %d, want %d", what, got[what], n)
		}
	}
}

func FuzzPostfix(f *testing.F) {
	fuzzProgram(f, "postfix/smtpd[1]",
		"connect from x[::1]:1\n4B1C2A3: client=x[::1], sasl_method=A, sasl_username=b\n4B1C2A3: message-id=<a>\n4B1C2A3: from=<\"a>\"@b>, size=1, nrcpt=2 (queue active)\n4B1C2A3: to=<a>, orig_to=<b>, relay=c[::2]:3, delay=1.5, delays=a, dsn=2.0.0, status=sent (250 queued as 9B1C2A3)\n4B1C2A3: removed",
		"NOQUEUE: reject: RCPT from a[1.2.3.4]: 554 5.7.1 <x>; from=<y> to=<z> proto=A helo=<b>; from=<y> to=<z> proto=A helo=<b>",
		"4B1C2A3: reject: header X: y from local; from=<a> to=<b>: no\nwarning: a[::1]: SASL A authentication failed: b, sasl_username=c\ndisconnect from a[::1] auth=1 commands=1",
		"4B1C2A3: uid=0 from=<a>\nAnonymous TLS connection established from a[::1]: TLSv1.3 with cipher b (c)")
}

func FuzzPostscreen(f *testing.F) {
	fuzzProgram(f, "postfix/postscreen[1]", "CONNECT from [::1]:1 to [::2]:25\nDNSBL rank 5 for [::1]:1\nPREGREET 1 after 2 from [::1]:1: x",
		"NOQUEUE: reject: RCPT from [::1]:60597: 450 4.3.2 x; from=<a>, to=<b>, proto=ESMTP, helo=<c>")
}
