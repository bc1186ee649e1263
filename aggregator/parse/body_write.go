package parse

import (
	"strings"

	"belfry/shared/event"
)

// shape is what the names of a text show of the library that wrote it.
type shape struct {
	ecs   bool // the names are those of ECS
	gelf  bool // Graylog's format: levels are those of syslog
	tens  bool // pino and bunyan: levels from 10 to 60
	http  bool // it tells of a request
	caddy bool // and does it as Caddy: seconds and bytes

	said, timed, sourced bool // what is written already
}

// recognize looks for what tells the shapes apart.
func (b *body) recognize() {
	var stamp, level, message, version, short, tens, process, millis bool
	for i := range b.pairs {
		a := &b.pairs[i]
		switch a.key() {
		case "ecs.version":
			b.ecs = true
		case "@timestamp":
			stamp = true
		case "log.level":
			level = true
		case "message":
			message = true
		case "version":
			version = a.value == "1.1"
		case "short_message":
			short = true
		case "level":
			tens = a.kind == isNumeric && len(a.value) == 2 && a.value[1] == '0' && a.value[0]-'1' < 6
		case "hostname":
			process = true
		case "time":
			millis = a.kind == isNumeric && len(a.value) == len("1700000000000")
		case "logger":
			b.caddy = strings.HasPrefix(a.value, "http.log.access")
		default:
			b.http = b.http || a.known && a.means.as == asMethod && isMethod(a.value)
		}
	}
	b.ecs = b.ecs || stamp && level && message
	b.gelf = version && short
	b.tens = tens && (process || millis)
	b.caddy = b.caddy && b.http
}

// write writes all pairs: those whose name means a field of ECS there, where the value fits and the field is not known
// yet, and the others as labels. Of a name that stands twice nobody knows which is meant: both are labels, and told.
func (b *body) write() {
	b.recognize()
	for i := range b.pairs {
		a := &b.pairs[i]
		to, ok := b.meaning(a)
		if ok && !a.list && b.twice(i) {
			b.ambiguous, ok = true, false
		}
		if !ok || !b.take(to, a) {
			b.keep(a)
		}
	}
	b.finish()
}

// finish tells of what is behind the pairs.
func (b *body) finish() {
	if b.ambiguous {
		b.l.tag("ambiguous")
	}
	if len(b.over.Fields) > 0 {
		b.l.put(overflowField, string(b.over.AppendJSON(nil)))
		b.l.tag(tagOverflow)
	}
}

// keep writes a pair as a label. What the agent says under the same name stays alone; the line's is beside it.
func (b *body) keep(a *pair) {
	if isOwnLabel(a.key()) || b.l.labelled && b.isBefore(a.full) {
		b.spill(a.key(), a.value)
		return
	}
	b.l.event.Append(a.full, a.value)
}

// isBefore reports whether the event had a field before this text was read.
func (b *body) isBefore(name string) bool {
	for i := range b.before {
		if b.l.event.Fields[i].Name == name {
			return true
		}
	}
	return false
}

// meaning returns what a pair's name means. Lists mean nothing but under the names of lists in ECS.
func (b *body) meaning(a *pair) (to meaning, ok bool) {
	if a.list {
		return meaning{asList, a.key()}, b.ecs && event.IsList(a.key()) && mayClaim(a.key())
	}
	if a.known || !b.ecs {
		return a.means, a.known && a.kind != isTree
	}
	return meaning{asField, a.key()}, a.kind != isTree && mayClaim(a.key())
}

// take writes a pair as what its name means, and reports whether the value is such.
func (b *body) take(to meaning, a *pair) bool {
	l, v := b.l, a.value
	switch to.as {
	case asMessage:
		if b.said {
			return false
		}
		b.said = true
		l.message = v
		l.event.Set("message", v)
		return true
	case asTime:
		return b.takeTime(a)
	case asLevel:
		return b.fresh("log.level", b.level(a))
	case asError:
		return a.kind == isText && !isNothing(v) && b.fresh("error.message", v)
	case asUser:
		if a.kind != isText || !b.fresh("user.name", v) {
			return false
		}
		l.also("related.user", v)
		return true
	case asSource, asServer:
		return b.takeAddress(to, v)
	case asList:
		return b.takeItem(a)
	case asField:
		return fits(to.field, v) && b.fresh(to.field, v)
	}
	return b.takeHTTP(to, a)
}

// isNothing reports whether a value says that there is no error, or only that there is one.
func isNothing(v string) bool {
	switch v {
	case "true", "false", "null", "nil", "<nil>", "none", "None", "0", "1", "-":
		return true
	}
	return false
}

// fresh sets a field that is not known yet to a value that is there.
func (b *body) fresh(name, value string) bool {
	if value == "" || b.l.event.Has(name) {
		return false
	}
	b.l.event.Append(name, value)
	return true
}

// takeItem adds one value to a list of ECS, if the list is this text's.
func (b *body) takeItem(a *pair) bool {
	if !fits(a.key(), a.value) || b.isBefore(a.key()) {
		return false
	}
	b.l.event.Append(a.key(), a.value)
	return true
}

// takeAddress takes an address, with or without a port. A relay's peer is the source until a line names another.
func (b *body) takeAddress(to meaning, v string) bool {
	host, port := splitPort(v)
	ip := canonical(host)
	if ip == "" {
		return false
	}
	if to.as == asServer {
		if !b.fresh(to.field+".ip", ip) {
			return false
		}
		b.l.also("related.ip", ip)
		b.fresh(to.field+".port", port)
		return true
	}
	if b.sourced || b.l.event.Has("source.ip") && b.l.origin.peer == "" {
		return false
	}
	b.sourced = true
	b.l.source(host, "")
	b.fresh("source.port", port)
	return true
}

// splitPort cuts the port off "192.0.2.7:4711", "[2001:db8::7]:4711" and, as SonicWall writes it, "192.0.2.7:4711:X0".
func splitPort(s string) (host, port string) {
	host, port, ok := cutLast(s, ":")
	if first, second, both := strings.Cut(host, ":"); both && isNumber(second) && strings.IndexByte(first, '.') > 0 {
		host, port = first, second
	}
	if in, bracketed := between(host, "[", "]"); bracketed {
		host = in
	} else if strings.IndexByte(host, ':') >= 0 {
		return s, "" // IPv6 without a port
	}
	if n, isPort := number(port); !ok || !isPort || n > 65535 {
		return s, ""
	}
	return host, port
}

// level returns the name of a level, "" if it is none.
func (b *body) level(a *pair) string {
	if a.kind != isNumeric {
		return levelOf(a.value)
	}
	n, ok := number(a.value)
	switch {
	case ok && b.tens:
		return tens[n/10-1]
	case ok && b.gelf:
		return event.Severity(n)
	}
	return ""
}

// tens are the levels of bunyan and pino, by 10.
var tens = [...]string{"trace", "debug", "info", "warn", "error", "fatal"}

// levelOf returns the name of a level in lower case, "" if it is none.
func levelOf(s string) string {
	var buf [len("informational")]byte
	if len(s) > len(buf) {
		return ""
	}
	return levels[string(lower(buf[:0], s))]
}

var levels = func() map[string]string {
	all := make(map[string]string)
	for _, name := range strings.Fields(`trace verbose debug info informational information notice warn warning err error
		crit critical alert emerg emergency fatal panic dpanic severe fine finer finest`) {
		all[name] = name
	}
	return all
}()

// lower appends s in lower case, as far as it is ASCII.
func lower(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}
