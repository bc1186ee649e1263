package parse

import "strings"

// sshEnd is "from A port P ssh2: KEY", read from the right.
type sshEnd struct {
	user, addr, port, key string
	other                 string // the address in a second reading
}

// cutEnd reads "USER from A port P[ ssh2[: KEY]]". Behind the true address a client's certificate may name another in
// its id, and before it a user name may. Where the line ends with the address, that is the true one.
func cutEnd(s string) (e sshEnd, ok bool) {
	for end := len(s); ; {
		at := strings.LastIndex(s[:end], " from ")
		if at < 0 {
			return e, ok
		}
		found, fits := endAt(s, at)
		switch {
		case fits && !ok:
			e, ok = found, true
			if e.key == "" {
				return e, true
			}
		case fits && found.addr != e.addr:
			e.other = found.addr
		}
		end = at
	}
}

// cutFirstEnd reads the same where the user is known to be one of the host's: the first address is the true one.
func cutFirstEnd(s string) (e sshEnd, ok bool) {
	for from := 0; ; {
		at := strings.Index(s[from:], " from ")
		if at < 0 {
			return e, false
		}
		from += at
		if e, ok = endAt(s, from); ok {
			return e, true
		}
		from += len(" from ")
	}
}

// cutUserEnd reads the same where the line tells whether the host has the user.
func cutUserEnd(s string) (sshEnd, bool) {
	e, ok := cutEnd(s)
	if e.other == "" || strings.HasPrefix(s, invalidUser) || strings.HasPrefix(s, "illegal user ") { // before 4.0
		return e, ok
	}
	return cutFirstEnd(s)
}

// endAt reads the end that begins with the " from " at an offset of s.
func endAt(s string, at int) (sshEnd, bool) {
	addr, port, key, ok := addrPort(s[at+len(" from "):])
	return sshEnd{user: s[:at], addr: addr, port: port, key: key}, ok
}

// addrPort reads "A port P" to the end of s, or to " ssh2" and a key.
func addrPort(s string) (addr, port, key string, ok bool) {
	addr, rest := word(s)
	if rest, ok = strings.CutPrefix(rest, "port "); !ok || addr == "" {
		return "", "", "", false
	}
	port, rest = digits(rest)
	if port == "" {
		return "", "", "", false
	}
	if rest, ok = strings.CutPrefix(rest, " ssh2"); ok {
		key, _ = strings.CutPrefix(rest, ": ")
		return addr, port, key, rest == "" || key != rest
	}
	if rest == " ssh1" { // protocol 1, before 7.6
		return addr, port, "", true
	}
	return addr, port, "", rest == ""
}

// sshUser cuts off what sshd says of the user.
func sshUser(s string) (user, kind string) {
	for _, kind := range []string{"invalid user ", "authenticating user ", "user "} {
		if user, ok := strings.CutPrefix(s, kind); ok {
			return user, kind
		}
	}
	return s, ""
}

const invalidUser = "invalid user "

func (l *line) sshFrom(e *sshEnd) {
	l.user(e.user)
	l.source(e.addr, e.port)
	if e.other != "" {
		l.tag("ambiguous")
		l.also("related.ip", canonical(e.other))
	}
	if e.key != "" {
		l.sshKey(e.key)
	}
}

// sshKey writes a key, "ED25519 SHA256:2raf", or a certificate, "ED25519-CERT SHA256:jhLX ID NAME (serial 7) CA RSA
// SHA256:fspJ". The name is whatever the issuer wrote, so that it ends where the line does.
// Behind a host's key is who the client says that its user is: "RSA SHA256:2raf, client user "U", client host "H"".
// GSSAPI tells no key, but a principal: "averez@EXAMPLE.COM".
func (l *line) sshKey(s string) {
	keyType, rest := word(s)
	if rest == "" && strings.IndexByte(keyType, '@') > 0 {
		l.put("ssh.principal", keyType)
		return
	}
	fingerprint, rest := word(rest)
	fingerprint = strings.TrimSuffix(fingerprint, ",")
	l.put("ssh.key_type", keyType)
	l.put("ssh.fingerprint", fingerprint)
	if id, ok := strings.CutPrefix(rest, "ID "); ok {
		if id, issuer, ok := cutLast(id, " CA "); ok {
			l.certificate(id, issuer)
		}
	}
}

// certificate writes "NAME (serial 7)", and the key that signed it.
func (l *line) certificate(id, issuer string) {
	if name, serial, ok := cutLast(id, " (serial "); ok {
		id = name
		l.put("ssh.certificate.serial", strings.TrimSuffix(serial, ")"))
	}
	keyType, rest := word(issuer)
	fingerprint, _ := word(rest)
	l.put("ssh.certificate.id", id)
	l.put("ssh.issuer.key_type", keyType)
	l.put("ssh.issuer.fingerprint", fingerprint)
}
