package parse

import (
	"strings"
	"testing"
)

func TestHAProxy(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says("haproxy[42]", text), append(strings.Fields(kind), want...)...)
	}
	const at = " [23/Nov/2026:17:54:30.655] "
	f("192.0.2.7:33317"+at+`web~ files/one 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {a|() #7B :;#7D; #22} {b} "GET /a?b HTTP/1.1"`,
		httpOK, "source.ip=192.0.2.7", "source.port=33317", "http.response.status_code=200", "url.path=/a", "url.query=b",
		"event.duration=109000000", "haproxy.frontend_name=web", "haproxy.backend_name=files", "haproxy.server_name=one",
		"haproxy.termination_state=----", "haproxy.captured_request_headers=a|() #7B :;#7D; #22",
		"haproxy.captured_response_headers=b", "http.response.body.bytes=2750", "http.version=1.1")
	f("::1:5"+at+`web web/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"`, httpBad, "source.ip=::1",
		"access.request=<BADREQ>", "haproxy.server_name=<NOSRV>", "event.duration=0")
	f("192.0.2.7:5"+at+`web files/one 0/0/0/-1/1 -1 0 - - SD-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`, httpBad, "-http.response.status_code")
	f("192.0.2.7:5"+at+"plain files/one 1/0/109 190 -- 1/1/0/0/0 0/0", "event.action=connection-end -event.outcome",
		"destination.bytes=190", "event.duration=109000000")
	f("192.0.2.7:5"+at+"web/1: SSL handshake failure", "event.action=connection-failed -event.outcome",
		"event.reason=SSL handshake failure", "haproxy.frontend_name=web/1")
	f(`192.0.2.7 - - [23/Nov/2026:17:54:30 +0000] "GET /?a=b HTTP/1.1" 200 185 "" "" 42552 293 "old" "files" "one" 0`, httpOK,
		"source.ip=192.0.2.7", "url.query=a=b", "-tags")
	f("192.0.2.7:5"+at+`web files/one 0/0/0/0/0 404 500 - - ---- 1/1/0/0/0 0/0 "GET /aaa`, httpBad, "url.original=/aaa", "tags=truncated")
	for _, text := range []string{"", "Proxy web started.", "192.0.2.7:5 [x] web", "192.0.2.7:5 [x] web a/b 1/2/3 4",
		"192.0.2.7:5 [x] web a/b 1/2/3/4/5 200 1 - - ---- 1/1/1/1/1 0/0"} {
		f(text, "-event.action -event.outcome -source.ip")
	}
}

// Each answer that a client had is counted once.
func TestHAProxyOutcomes(t *testing.T) {
	counts := map[string]int{}
	for _, answer := range answers(t, "haproxy/answers.txt") {
		code, _, _ := strings.Cut(answer, " ")
		counts[code]++
	}
	for _, e := range corpusEvents(t, "haproxy", "syslog") {
		if e.Get("event.action") == "http-request" && e.Get("haproxy.frontend_name") == "web" {
			code := e.Get("http.response.status_code")
			counts[code]--
			if (e.Get("event.outcome") == "success") != (code < "400") {
				t.Errorf("%s is %s", code, e.Get("event.outcome"))
			}
		}
	}
	none := counts["-"]
	delete(counts, "-")
	for code, n := range counts {
		if n > 0 || n < 0 && code != "400" && code != "408" {
			t.Errorf("%s: %d not counted", code, n)
		}
		none += n
	}
	if none < 0 {
		t.Errorf("%d requests more than were sent", -none)
	}
}

func FuzzHAProxy(f *testing.F) {
	fuzzProgram(f, "haproxy[42]",
		`::1:5 [x] web files/one 10/0/30/69/109 200 +2750 - - ---- 1/1/1/1/0 0/0 {a} {b} "GET / HTTP/1.1"`,
		"1.2.3.4:5 [x] plain a/b 1/0/+109 190 -- 1/1/0/0/0 0/0\n::1:5 [x] web/1: y")
}
