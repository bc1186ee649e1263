package parse

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// access is a line of an access log: Apache's common and combined formats, nginx's combined, the same behind a virtual
// host's name, and with more fields at the end. All strings are parts of the line.
type access struct {
	vhost, port    string // vhost_combined
	host, user     string
	stamp          stamp
	request        string
	status, bytes  string
	referrer       string
	agent          string
	rest           string // what stands behind the agent
	plain          bool   // quotes are not escaped: the readings below are as good
	request2, code string // second reading
}

// accessFormat knows the file of an access log by the time in brackets before a quote.
func accessFormat(h *header, s string) bool {
	_, _, st, ok := cutAccessTime(s)
	if ok {
		h.stamp, h.text, h.format = st, s, "access"
	}
	return ok
}

// scanAccess reads a request that a web server answered:
//
//	192.0.2.7 - averez [23/Nov/2026:18:00:49 +0100] "GET /?a=b HTTP/1.1" 200 612 "REFERRER" "AGENT" …
//	www.example.org:443 192.0.2.7 - - [23/Nov/2026:18:00:49 +0100] "GET / HTTP/1.1" 200 612 "-" "AGENT"
//
// Who asked chose all that is quoted, and the user. nginx and Apache escape quotes, so that the first one that is not
// escaped ends the text (ngx_http_log_escape, ap_escape_logitem). Where a later one could, the line is ambiguous. The
// time in brackets is the event's.
func scanAccess(p *Parser, l *line) bool {
	var a access
	if !a.scan(l.text) {
		return false
	}
	p.requestTime(l, a.stamp)
	a.write(l)
	return true
}

// requestTime takes the time of the request in place of the syslog header's, which has no zone.
func (p *Parser) requestTime(l *line, st stamp) {
	loc, _ := p.zones.get(l.zone)
	t, _ := st.resolve(loc, l.ref)
	if !st.zoned || !p.believable(t, l.now) || l.at.Sub(t).Abs() > future {
		return
	}
	p.setTimestamp(l, t)
	l.untag("timezone_unknown", "dst_ambiguous")
}

// untag takes back what the header's time told.
func (l *line) untag(tags ...string) {
	all := l.event.All("tags")
	if len(all) == 0 {
		return
	}
	l.event.Delete("tags")
	for _, t := range all {
		if t != tags[0] && t != tags[1] {
			l.tag(t)
		}
	}
}

// maxBefore bounds what stands before the time: names of hosts and a user.
const maxBefore = 4096

// cutAccessTime splits a line at the first time in brackets that a quote follows. Its clients' texts before it cannot
// hold one: the quote would be escaped.
func cutAccessTime(s string) (before, after string, st stamp, ok bool) {
	const layout = "[23/Nov/2026:18:00:49"
	for from := 0; ; {
		i := strings.IndexByte(s[from:min(len(s), maxBefore)], '[')
		if i < 0 || from+i+len(layout) >= len(s) {
			return "", "", st, false
		}
		from += i
		if st, after, ok = scanAccessTime(s[from+1:]); ok && from > 0 && s[from-1] == ' ' {
			return s[:from-1], after, st, true
		}
		from++
	}
}

// scanAccessTime reads `23/Nov/2026:18:00:49 +0100] "`.
func scanAccessTime(s string) (st stamp, rest string, ok bool) {
	if st.day, rest, ok = fixed(s, 2); !ok || len(rest) < 5 || rest[0] != '/' || rest[4] != '/' {
		return st, s, false
	}
	st.month = monthOf(rest[1:4])
	if st.year, rest, ok = fixed(rest[5:], 4); !ok || rest == "" || rest[0] != ':' && rest[0] != ' ' {
		return st, s, false
	}
	if rest, ok = st.scanClock(rest[1:]); !ok {
		return st, s, false
	}
	if strings.HasPrefix(rest, " ") {
		if rest, ok = st.scanZone(rest[1:]); !ok {
			return st, s, false
		}
	}
	rest, ok = strings.CutPrefix(rest, `] "`)
	return st, rest, ok && st.valid()
}

func (a *access) scan(s string) bool {
	before, after, st, ok := cutAccessTime(s)
	if !ok || !a.scanWho(before) || !a.scanAnswer(after) {
		return false
	}
	a.stamp = st
	return true
}

// scanWho reads "HOST IDENT USER", or the same behind "VHOST:PORT" or "VHOST".
func (a *access) scanWho(s string) bool {
	first, rest := word(s)
	second, after := word(rest)
	if canonical(first) == "" && canonical(second) != "" {
		if a.vhost, a.port, _ = cutLast(first, ":"); !isNumber(a.port) {
			a.vhost, a.port = first, ""
		}
		first, rest = second, after
	}
	ident, user := word(rest)
	a.host, a.user = first, user
	return first != "" && ident != "" && user != ""
}

// scanAnswer reads `REQUEST" STATUS BYTES "REFERRER" "AGENT" …`.
func (a *access) scanAnswer(s string) bool {
	end := 0
	for {
		i := quoteEnd(s[end:], '"')
		if i < 0 {
			return false
		}
		end += i
		var ok bool
		if a.status, a.bytes, a.rest, ok = scanStatus(s[end+1:]); ok {
			break
		}
		a.plain = true
		end++
	}
	a.request = s[:end]
	a.second(s, end+1)
	a.scanQuoted()
	return true
}

// second looks for another place where the request may end.
func (a *access) second(s string, from int) {
	for from < len(s) {
		i := quoteEnd(s[from:], '"')
		if i < 0 {
			return
		}
		from += i
		if code, _, rest, ok := scanStatus(s[from+1:]); ok && (rest == "" || strings.HasPrefix(rest, ` "`)) {
			a.plain, a.request2, a.code = true, s[:from], code
		}
		from++
	}
}

// scanStatus reads ` 200 612`, with "-" for no bytes.
func scanStatus(s string) (status, bytes, rest string, ok bool) {
	if len(s) < len(` 200 -`) || s[0] != ' ' || s[4] != ' ' || !isNumber(s[1:4]) {
		return "", "", "", false
	}
	status = s[1:4]
	if bytes, rest = digits(s[5:]); bytes == "" {
		if rest, ok = strings.CutPrefix(s[5:], "-"); !ok {
			return "", "", "", false
		}
	}
	return status, bytes, rest, rest == "" || rest[0] == ' '
}

// scanQuoted reads the referrer and the agent, which stand together or not at all.
func (a *access) scanQuoted() {
	referrer, rest, ok := cutQuoted(a.rest)
	if !ok {
		return
	}
	agent, rest, ok := cutQuoted(rest)
	if ok && (rest == "" || rest[0] == ' ') {
		a.referrer, a.agent, a.rest = referrer, agent, rest
	}
}

// cutQuoted cuts ` "TEXT"` off.
func cutQuoted(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, ` "`) {
		return "", s, false
	}
	end := quoteEnd(s[2:], '"')
	if end < 0 {
		return "", s, false
	}
	return s[2 : 2+end], s[3+end:], true
}

func (a *access) write(l *line) {
	l.is("http-request", "web", "access")
	l.source(strings.TrimPrefix(a.host, "unix:"), "")
	if a.user != "-" && a.user != `""` {
		l.user(unhexed(a.user))
	}
	l.put("url.domain", a.vhost)
	l.port("url.port", a.port)
	l.writeStatus(a.status)
	if a.code != "" && a.plain {
		l.tag("ambiguous")
		l.also("http.response.status_code", a.code)
		l.writeRequest(a.request, a.vhost == "")
		if _, target, _, ok := cutRequest(a.request2); ok {
			l.also("url.original", target)
		}
		if a.code[0] >= '4' == (a.status[0] >= '4') {
			l.outcome(a.status[0] < '4')
		}
		return
	}
	l.outcome(a.status[0] < '4')
	l.number("http.response.body.bytes", a.bytes)
	l.writeRequest(a.request, a.vhost == "")
	l.put("http.request.referrer", strings.TrimPrefix(a.referrer, "-"))
	if a.agent != "-" {
		l.put("user_agent.original", a.agent)
	}
	l.writeBehind(a.rest)
}

func (l *line) writeStatus(code string) {
	if code[0] != '0' {
		l.put("http.response.status_code", code)
	}
}

// writeBehind reads what operators add at the end: the addresses of X-Forwarded-For, of which the last is the proxy's
// word, and the seconds that the request took.
func (l *line) writeBehind(s string) {
	for s != "" {
		if text, rest, ok := cutQuoted(s); ok {
			_, last, _ := cutLast(","+text, ",")
			l.event.Default("network.forwarded_ip", canonical(strings.TrimSpace(last)))
			s = rest
			continue
		}
		var first string
		first, s = word(s[1:])
		for _, name := range []string{"rt=", "request_time="} {
			first = strings.TrimPrefix(first, name)
		}
		if i := strings.IndexByte(first, '.'); i > 0 && isDecimal(first) {
			l.event.Default("event.duration", nanoseconds(first))
		}
		if s != "" {
			s = " " + s
		}
	}
}

// unhexed decodes what a web server escapes: \xHH, \" and \\, and Apache's \n, \t…. What is no text then stays.
func unhexed(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'x':
			if i+2 >= len(s) {
				return s
			}
			b, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return s
			}
			out = append(out, byte(b))
			i += 2
		case '"', '\\':
			out = append(out, c)
		default:
			at := strings.IndexByte("nrtbv", c)
			if at < 0 {
				return s
			}
			out = append(out, "\n\r\t\b\v"[at])
		}
	}
	if !utf8.Valid(out) {
		return s
	}
	return string(out)
}
