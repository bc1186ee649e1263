package parse

import "strings"

// maxMethod bounds the name of a method: WebDAV's longest have 16 letters.
const maxMethod = 32

// cutRequest splits "GET /path HTTP/1.1", or "GET /path" as HTTP/0.9 has it.
func cutRequest(s string) (method, target, version string, ok bool) {
	method, target, ok = strings.Cut(s, " ")
	if !ok || !looksLikeMethod(method) {
		return "", "", "", false
	}
	before, after, found := cutLast(target, " HTTP/")
	if !found {
		return method, target, "", target != "" && target[0] == '/' && strings.IndexByte(target, ' ') < 0
	}
	return method, before, after, before != "" && isVersion(after)
}

func looksLikeMethod(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i]-'A' >= 26 && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxMethod
}

func isVersion(s string) bool {
	major, minor, point := strings.Cut(s, ".")
	return isNumber(major) && len(s) <= len("1.1") && (!point || isNumber(minor))
}

// writeRequest writes what was asked for, as the line has it; what is no request of HTTP as a whole. domain says
// whether the client's word for the host counts.
func (l *line) writeRequest(s string, domain bool) {
	method, target, version, ok := cutRequest(s)
	if !ok {
		if s != "-" {
			l.put("access.request", s)
		}
		return
	}
	l.put("http.request.method", method)
	l.put("http.version", version)
	l.put("url.original", target)
	path := target
	if scheme, rest, ok := strings.Cut(target, "://"); ok && isScheme(scheme) {
		l.put("url.scheme", scheme)
		path = ""
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			rest, path = rest[:i], rest[i:]
		}
		l.writeAuthority(rest, domain)
	} else if method == "CONNECT" {
		l.writeAuthority(target, domain)
		return
	}
	path, query, _ := strings.Cut(path, "?")
	if path == "" || path[0] != '/' {
		path = ""
	}
	l.put("url.path", path)
	l.put("url.query", query)
	l.put("url.extension", extension(path))
}

func isScheme(s string) bool {
	return s == "http" || s == "https" || s == "ws" || s == "wss" || s == "ftp"
}

// writeAuthority writes "HOST:PORT", with or without the port.
func (l *line) writeAuthority(s string, domain bool) {
	if !domain {
		return
	}
	if _, host, ok := cutLast(s, "@"); ok {
		s = host
	}
	host, port, ok := cutLast(s, ":")
	if !ok || !isNumber(port) {
		host, port = s, ""
	}
	if inner, ok := between(host, "[", "]"); ok {
		host = inner
	}
	l.put("url.domain", host)
	l.port("url.port", port)
}

// maxExtension bounds what counts as one: the dot of a version or of a host is none.
const maxExtension = 16

// extension returns what is behind the last dot of a path's last part.
func extension(path string) string {
	_, name, _ := cutLast(path, "/")
	_, ext, ok := cutLast(name, ".")
	if !ok || len(ext) > maxExtension {
		return ""
	}
	for i := 0; i < len(ext); i++ {
		if c := ext[i]; c-'0' > 9 && c|0x20-'a' >= 26 {
			return ""
		}
	}
	return ext
}
