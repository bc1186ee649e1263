package parse

import "strings"

// sshKeyFound reads "ED25519 SHA256:zS3W found at /home/averez/.ssh/authorized_keys:1".
func sshKeyFound(_ *Parser, l *line, rest string) bool {
	key, at, ok := cutLast(rest, " found at ")
	if !ok {
		return false
	}
	l.is("ssh-key-accepted", "authentication", "info")
	l.sshKey(key)
	l.keyFile(at)
	return true
}

// sshCertificate reads `NAME" (serial 7) signed by ED25519 CA SHA256:l+C7 via /etc/ssh/ca.pub`; of a host
// `NAME" signed by RSA CA SHA256:x from averez@client`; and from authorized_keys `NAME" (serial 7) signed by CA RSA
// SHA256:x found at FILE:1`. The name is whatever the issuer wrote.
func sshCertificate(_ *Parser, l *line, rest string) bool {
	id, issuer, ok := cutLast(rest, " signed by ")
	quoted, serial, _ := cutLast(id, `" (serial `)
	name := quoted
	if serial == "" {
		name, ok = strings.CutSuffix(id, `"`)
	}
	if !ok {
		return false
	}
	issuer, at, _ := strings.Cut(issuer, " via ")
	if at == "" {
		issuer, at, _ = strings.Cut(issuer, " found at ")
	}
	if at == "" {
		issuer, _, _ = strings.Cut(issuer, " from ")
	}
	issuer = strings.TrimPrefix(issuer, "CA ")
	keyType, fingerprint := word(issuer)
	l.is("ssh-certificate-accepted", "authentication", "info")
	l.put("ssh.certificate.id", name)
	l.put("ssh.certificate.serial", strings.TrimSuffix(serial, ")"))
	l.put("ssh.issuer.key_type", keyType)
	l.put("ssh.issuer.fingerprint", strings.TrimPrefix(fingerprint, "CA "))
	l.keyFile(at)
	return true
}

// keyFile writes the file of "FILE:1".
func (l *line) keyFile(at string) {
	if file, n, ok := cutLast(at, ":"); ok && isNumber(n) {
		at = file
	}
	l.put("file.path", at)
}

// sshKeyRefused reads why a key is none. Other keys may follow.
//
//	Authentication refused: bad ownership or modes for directory /home/averez
//	Authentication refused for averez: bad owner or modes for /home/averez/.ssh/x
//	userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms
func sshKeyRefused(_ *Parser, l *line, _ string) bool {
	text := sshBare(l.text)
	l.is("ssh-key-refused", "authentication", "denied")
	if rest, ok := strings.CutPrefix(text, "Authentication refused for "); ok {
		if user, _, ok := strings.Cut(rest, ": "); ok {
			l.user(user)
		}
	}
	l.put("event.reason", text)
	return true
}

// sshNotPermitted reads "U with correct key but not from a permitted host (host=H, ip=A, required=LIST)." and "U with
// valid certificate but not from a permitted source address (A)."
func sshNotPermitted(_ *Parser, l *line, rest string) bool {
	user, reason, ok := strings.Cut(rest, " with ")
	what, from, found := strings.Cut(reason, " (")
	if !ok || !found {
		return false
	}
	addr, _, listed := cutValue(from, "ip=", ", ")
	if !listed {
		addr = strings.TrimSuffix(from, ").")
	}
	l.is("ssh-key-refused", "authentication", "denied")
	l.put("event.reason", what)
	l.user(user)
	if canonical(addr) != "" {
		l.source(addr, "")
	}
	return true
}
