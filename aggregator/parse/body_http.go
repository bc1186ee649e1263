package parse

import (
	"strconv"
	"strings"
	"time"
)

// takeHTTP takes what is left of take: parts of a request, times, names of code.
func (b *body) takeHTTP(to meaning, a *pair) bool {
	v := a.value
	switch to.as {
	case asMethod:
		return isMethod(v) && b.fresh(to.field, v)
	case asStatus:
		n, ok := number(v)
		return b.http && ok && n >= 100 && n <= 599 && b.fresh(to.field, v)
	case asHost:
		host, port := splitPort(v)
		if strings.HasPrefix(v, "[") {
			host = v[:strings.IndexByte(v, ']')+1] // ECS keeps the brackets
		}
		return b.http && b.fresh(to.field, host) && (port == "" || b.fresh("url.port", port))
	case asURL:
		return b.http && b.takeURL(v)
	case asDuration:
		return b.takeDuration(a)
	case asMillis:
		return b.takeNanos(v, time.Millisecond)
	case asBytes:
		return b.caddy && isNumber(v) && b.fresh(to.field, v)
	case asCaller:
		return b.takeCaller(v)
	case asTransport:
		return b.fresh(to.field, transports[v])
	case asID:
		return isHex(v) && b.fresh(to.field, v)
	}
	return false
}

// isMethod reports whether s is a method of HTTP (RFC 9110, RFC 5789, RFC 4918).
func isMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL",
		"COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH":
		return true
	}
	return false
}

// takeURL takes a path, with or without a query.
func (b *body) takeURL(v string) bool {
	if v[0] != '/' || !b.fresh("url.original", v) {
		return false
	}
	path, query, _ := strings.Cut(v, "?")
	b.fresh("url.path", path)
	b.fresh("url.query", query)
	return true
}

// takeDuration takes a length of time that names its unit, as Go writes it ("1.2ms"), or one that Caddy wrote.
func (b *body) takeDuration(a *pair) bool {
	if a.kind == isNumeric {
		return b.caddy && b.takeNanos(a.value, time.Second)
	}
	if a.value[0]-'0' > 9 || !strings.HasSuffix(a.value, "s") {
		return false
	}
	d, err := time.ParseDuration(a.value)
	return err == nil && b.fresh("event.duration", strconv.FormatInt(int64(d), 10))
}

// takeNanos takes a decimal number of a unit.
func (b *body) takeNanos(v string, unit time.Duration) bool {
	if !isDecimal(v) {
		return false
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f > float64(1<<62)/float64(unit) {
		return false
	}
	return b.fresh("event.duration", strconv.FormatInt(int64(f*float64(unit)+0.5), 10))
}

// takeCaller takes "server/main.go:42".
func (b *body) takeCaller(v string) bool {
	file, num, _ := cutLast(v, ":")
	if !isNumber(num) || file == "" || strings.IndexByte(file, ' ') >= 0 || !b.fresh("log.origin.file.name", file) {
		return false
	}
	b.fresh("log.origin.file.line", num)
	return true
}

var transports = map[string]string{"tcp": "tcp", "udp": "udp", "icmp": "icmp", "TCP": "tcp", "UDP": "udp", "ICMP": "icmp"}

// isHex reports whether s is the id of a trace or a span (W3C Trace Context).
func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-'0' > 9 && c|0x20-'a' > 5 {
			return false
		}
	}
	return len(s) == 16 || len(s) == 32
}
