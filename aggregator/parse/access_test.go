package parse

import (
	"os"
	"strings"
	"testing"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

const (
	httpOK  = "event.action=http-request event.category=web event.type=access event.outcome=success"
	httpBad = "event.action=http-request event.category=web event.type=access event.outcome=failure"
)

func TestAccess(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().line(text), append(strings.Fields(kind), want...)...)
	}
	const at = " [23/Nov/2026:18:00:49 +0100] "
	f(`192.0.2.7 - - [23/Nov/2026:18:00:49 +0100] "GET /a/b.tar.gz?x=%20y HTTP/1.1" 200 612 "-" "curl/8"`, httpOK,
		"@timestamp=2026-11-23T17:00:49Z", "source.ip=192.0.2.7", "-user.name", "http.request.method=GET",
		"url.original=/a/b.tar.gz?x=%20y", "url.path=/a/b.tar.gz", "url.query=x=%20y", "url.extension=gz",
		"http.version=1.1", "http.response.status_code=200", "http.response.body.bytes=612", "-http.request.referrer",
		"user_agent.original=curl/8", "-tags")
	f("192.0.2.7 - we ird"+at+`"POST / HTTP/2.0" 401 - "https://a/?b" ""`, httpBad, "user.name=we ird",
		"http.request.referrer=https://a/?b", "-user_agent.original", "-http.response.body.bytes", "related.user=we ird")
	f(`2001:DB8::7 - -`+at+`"GET /" 404 0`, httpBad, "source.ip=2001:db8::7", "url.path=/", "-http.version")
	f("www.example.org:443 192.0.2.7 - -"+at+`"GET http://x.example:81/p HTTP/1.1" 304 0 "-" "-"`, httpOK,
		"url.domain=www.example.org", "url.port=443", "url.scheme=http", "url.path=/p", "source.ip=192.0.2.7")
	f("[::1]:80 ::1 - -"+at+`"GET / HTTP/1.1" 200 0 "-" "-"`, httpOK, "url.domain=[::1]", "url.port=80", "source.ip=::1")
	f("client.example.net - -"+at+`"CONNECT [2001:db8::1]:25 HTTP/1.1" 405 0`, httpBad,
		"source.address=client.example.net", "url.domain=2001:db8::1", "url.port=25", "-url.path")
	f("192.0.2.7 - -"+at+`"\x16\x03\x01" 400 150 "-" "-"`, httpBad, `access.request=\x16\x03\x01`, "-url.original")
	f("192.0.2.7 - -"+at+`"-" 408 -`, httpBad, "-access.request", "http.response.status_code=408")
	f("192.0.2.7 - -"+at+`"" 400 0 "-" "-"`, httpBad, "-access.request")
	f(`192.0.2.7 - jos\xC3\xA9\x22`+at+`"GET / HTTP/1.1" 200 1`, httpOK, `user.name=josé"`)
	f(`192.0.2.7 - a\xff`+at+`"GET / HTTP/1.1" 200 1`, httpOK, `user.name=a\xff`)
	f(`192.0.2.7 - ""`+at+`"GET / HTTP/1.1" 401 1`, httpBad, "-user.name")
	f("192.0.2.7 - -"+at+`"GET / HTTP/1.1" 200 1 "-" "() { :;}; /bin/sh -c \"x\" " "203.0.113.1, 2001:db8::9" 0.005`, httpOK,
		`user_agent.original=() { :;}; /bin/sh -c \"x\" `, "network.forwarded_ip=2001:db8::9", "event.duration=5000000")
	f("192.0.2.7 - -"+at+`"GET / HTTP/1.1" 200 1 "-" "x" rt=1.250 uct="0.000" us=200`, httpOK, "event.duration=1250000000",
		"-network.forwarded_ip", "-tags")
	// Python's, which has no zone.
	f(`127.0.0.1 - - [23/Nov/2026 17:00:49] "GET / HTTP/1.1" 200 -`, httpOK, "@timestamp=2026-11-23T17:00:49Z")
	// Behind a syslog header.
	f(`<190>Nov 23 18:00:50 web01 nginx: 192.0.2.7 - -`+at+`"GET / HTTP/1.1" 200 1 "-" "x"`, httpOK,
		"@timestamp=2026-11-23T17:00:49Z", "process.name=nginx", "source.ip=192.0.2.7")
}

// What a client writes must not pass for what the server wrote; where a server that escapes nothing may have written
// it, both readings are there.
func TestAccessForged(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().line(text), append(strings.Fields(kind), want...)...)
	}
	const at = " [23/Nov/2026:18:00:49 +0100] "
	f("192.0.2.7 - -"+at+`"GET /\" 200 5 \"-\" \"x HTTP/1.1" 404 7 "-" "a\" 200 5 \"-\" \"b"`, httpBad,
		"http.response.status_code=404", "-tags", `user_agent.original=a\" 200 5 \"-\" \"b`)
	f("192.0.2.7 - -"+at+`"GET /\x22 200 5 \x22-\x22 \x22x HTTP/1.1" 404 7 "-" "b\x5C"`, httpBad, "-tags",
		`user_agent.original=b\x5C`)
	f(`192.0.2.7 - x [01/Nov/2026:00:00:00 +0000] \"GET /forged HTTP/1.1\" 200 5`+at+`"GET / HTTP/1.1" 401 7`, httpBad,
		"@timestamp=2026-11-23T17:00:49Z", `user.name=x [01/Nov/2026:00:00:00 +0000] "GET /forged HTTP/1.1" 200 5`, "-tags")
	f("192.0.2.7 - -"+at+`"GET /" 200 5 "-" "x HTTP/1.1" 404 7 "-" "y"`, "event.action=http-request", "tags=ambiguous",
		"http.response.status_code=200|404", `url.original=/|/" 200 5 "-" "x`, "-event.outcome", "-user_agent.original")
	f("192.0.2.7 - -"+at+`"GET /"x HTTP/1.1" 404 7 "-" "y"`, httpBad, `url.original=/"x`, "user_agent.original=y")
	f("192.0.2.7 - -"+at+`"GET / HTTP/1.1" 404 7 "-" "y"z"`, httpBad, "-user_agent.original", "-http.request.referrer")
}

func TestNoAccess(t *testing.T) {
	for _, text := range []string{
		"", "[", "x [23/Nov/2026:18:00:49 +0100] ", `192.0.2.7 - - [23/Nov/2026:18:00:49 +0100] "GET / HTTP/1.1`,
		`192.0.2.7 - - [23/Nov/2026:18:00:49 +0100] "GET / HTTP/1.1" 200`, `192.0.2.7 - - [32/Nov/2026:18:00:49 +0100] "a" 200 1`,
		`192.0.2.7 - - [23/Nov/2026:18:00:49 +0100] "GET / HTTP/1.1" abc 1`, `192.0.2.7 [23/Nov/2026:18:00:49 +0100] "GET /" 200 1`,
		`[23/Nov/2026:18:00:49 +0100] "GET / HTTP/1.1" 200 1`,
	} {
		check(t, newReader().line(text), "-event.action", "-event.outcome", "-source.ip", "-url.original")
	}
}

func TestNginxError(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().line("2026/11/23 17:00:49 [error] 12#34: "+text), append(want,
			"@timestamp=2026-11-23T17:00:49Z", "process.pid=12", "process.thread.id=34", "log.level=error")...)
	}
	const tail = `, client: 192.0.2.7, server: www.example.org, request: "GET /a HTTP/1.1", host: "www.example.org:81"`
	f(`*5 open() "/srv/a" failed (2: No such file or directory)`+tail, "event.action=http-error", "source.ip=192.0.2.7",
		"url.path=/a", "url.domain=www.example.org", "-event.outcome", "-tags",
		`event.reason=open() "/srv/a" failed (2: No such file or directory)`)
	f(`*5 user "x" was not found in "y" was not found in "/etc/u"`+tail, "event.action=http-login-failed",
		"event.outcome=failure", `user.name=x" was not found in "y`)
	f(`*5 open() "/x, client: 9.9.9.9, server: y" failed (2: x)`+tail, "tags=ambiguous", "-source.ip", "-url.path",
		"related.ip=9.9.9.9|192.0.2.7", "-event.outcome")
	f(`*5 client sent invalid request while reading client request line, client: 192.0.2.7, server: x, request: "GET /, client: 9.9.9.9, server: y, request: "z"`,
		"source.ip=192.0.2.7", "tags=ambiguous", "-url.path", "related.ip=192.0.2.7")
	f(`*5 x, client: 192.0.2.7, server: x, request: "GET / HTTP/1.1", host: "a", host: "b"`, "source.ip=192.0.2.7",
		"tags=ambiguous", "-url.domain")
	f(`*5 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, server: , request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:9/", host: "a"`,
		"nginx.upstream=http://127.0.0.1:9/", "url.domain=a", "source.ip=192.0.2.7")
	f(`*5 open() "/aaa..., client: 192.0.2.6`, "-source.ip", "event.action=http-error")
	f("*5 access forbidden by rule"+tail, "event.action=http-denied", "-event.outcome")
}

func TestApacheError(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().line("[Mon Nov 23 17:00:49.123456 2026] "+text), append(want,
			"@timestamp=2026-11-23T17:00:49.123456Z", "log.level=error")...)
	}
	f(`[auth_basic:error] [pid 12:tid 34] [client 192.0.2.1:51234] AH01617: user averez: authentication failure for "/": Password Mismatch, referer: http://x/`,
		"event.action=http-login-failed", "event.outcome=failure", "user.name=averez", "source.ip=192.0.2.1",
		"source.port=51234", "event.code=AH01617", "process.pid=12", "process.thread.id=34", "apache.module=auth_basic")
	f(`[auth_basic:error] [pid 12] [client 2001:db8::7:51234] AH01618: user a" b not found: /x: authentication failure for "/"`,
		"event.action=http-login-failed", `user.name=a" b`, "source.ip=2001:db8::7", "source.port=51234")
	f("[auth_digest:error] [pid 12] [client 192.0.2.1:5] AH01790: user `a: b' in realm `c' not found: /x",
		"event.action=http-login-failed", "user.name=a: b")
	f("[auth_digest:error] [pid 12] [client 192.0.2.1:5] AH01792: user `a': password mismatch: /x",
		"event.action=http-login-failed", "user.name=a", "event.reason=password mismatch")
	f("[authz_owner:error] [pid 12:tid 34] [client [2001:db8::7]:51548] AH01637: Authorization of user a to access /x failed",
		"event.action=http-error", "source.ip=2001:db8::7", "source.port=51548")
	f("[auth_digest:error] [pid 12] [client 192.0.2.1:5] AH01792: user a: password mismatch: /x",
		"event.action=http-login-failed", "user.name=a", "event.reason=password mismatch")
	f("[auth_digest:error] [pid 12] [client 192.0.2.1:5] AH01794: user a: b: password mismatch: /x",
		"event.action=http-login-failed", "user.name=a: b", "-tags")
	f(`[auth_form:error] [pid 12] [client 192.0.2.1:5] AH01807: user 'a': authentication failure for "/x": password Mismatch`,
		"event.action=http-login-failed", "user.name=a")
	f("[auth_form:error] [pid 12] [client 192.0.2.1:5] AH01808: user 'a' not found: /x", "event.action=http-login-failed", "user.name=a")
	f("[error] [client 192.0.2.1] Digest: user a: password mismatch: /x", "event.action=http-login-failed", "user.name=a")
	f("[error] [client 192.0.2.1] Digest: user `a' in realm `b' not found: /x", "event.action=http-login-failed", "user.name=a")
	f(`[authz_core:error] [pid 12] [client 192.0.2.1:5] AH01631: user a: authorization failure for "/": `,
		"event.action=http-denied", "user.name=a", "-event.outcome")
	f(`[authz_core:error] [pid 12] [client 192.0.2.1:5] AH01630: client denied by server configuration: /x`,
		"event.action=http-denied", "-user.name")
	f(`[error] [client 192.0.2.1] File does not exist: /x`, "event.action=http-error", "source.ip=192.0.2.1",
		"-source.port", "-apache.module")
	f(`[proxy:error] [pid 12:tid 34] (111)Connection refused: AH00957: http: attempt to connect failed`,
		"event.action=http-error", "event.code=AH00957", "-source.ip")
	check(t, newReader().says("apache2[12]", `[auth_basic:error] [pid 12] [client 192.0.2.1:5] AH01618: user a not found: /`),
		"event.action=http-login-failed", "process.pid=12", "log.level=error", "user.name=a")
}

// answers returns the lines that a client's run left in a folder of the corpus.
func answers(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("../../shared/corpus/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// corpusEvents parses a file of the corpus.
func corpusEvents(t *testing.T, program, name string) []*event.Event {
	t.Helper()
	files, err := corpus.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Program == program && f.Name == name {
			return found(t, f)
		}
	}
	t.Fatalf("no %s/%s", program, name)
	return nil
}

// What the clients were answered is what is counted: each status as often, and each login that failed once.
func TestHTTPOutcomes(t *testing.T) {
	f := func(program, access string, kinds string) {
		t.Helper()
		codes, logins, unanswered := map[string]int{}, 0, 0
		for _, answer := range answers(t, program+"/answers.txt") {
			code, kind, _ := strings.Cut(answer, " ")
			codes[code]++
			if code == "401" && strings.Contains(kinds, kind) {
				logins++
			}
		}
		unanswered = codes["-"]
		for _, e := range corpusEvents(t, program, access) {
			code := e.Get("http.response.status_code")
			failed := e.Get("event.outcome") == "failure"
			if failed != (code >= "400") {
				t.Errorf("%s: %s is %s", program, code, e.Get("event.outcome"))
			}
			if codes[code]--; codes[code] < 0 {
				unanswered--
			}
		}
		if unanswered < 0 {
			t.Errorf("%s: %d requests more than were sent", program, -unanswered)
		}
		for code, n := range codes {
			if n > 0 && code != "-" {
				t.Errorf("%s: %d answers %s are not counted", program, n, code)
			}
		}
		for _, e := range corpusEvents(t, program, "error") {
			if e.Get("event.action") == "http-login-failed" {
				logins--
			}
		}
		if logins != 0 {
			t.Errorf("%s: %d logins that failed are not counted", program, logins)
		}
	}
	f("nginx", "access", "login")
	f("apache", "combined", "login empty split")
}

func FuzzAccess(f *testing.F) {
	fuzzProgram(f, "nginx",
		`192.0.2.7 - a\x22 [23/Nov/2026:18:00:49 +0100] "GET /\" HTTP/1.1" 200 5 "-" "a" "::1, ::2" 0.1 rt=2.5`,
		`h:1 ::1 - - [23/Nov/2026:18:00:49] "GET http://a@[::1]:8/?b HTTP/1.1" 200 5" 404 7 "x" "y"`,
		`2026/11/23 17:00:49 [error] 12#34: *5 user "a": password mismatch, client: ::1, server: , request: "GET /", host: "[::1]:1"`)
}

func FuzzApache(f *testing.F) {
	fuzzProgram(f, "apache2", "[a:error] [pid 1:tid 2] (1)x: [client ::1:5] AH01618: user \\xc3\\xa9 not found: /",
		"[error] [client 192.0.2.1] user `a' in realm `b' not found: c")
}
