package stack

import (
	"strings"

	"belfry/shared/certs"
)

// Listener is one way by which the relay of an agent takes syslog.
type Listener struct {
	URL   string      // as relp://127.0.0.1:2514 or unixgram:///run/log
	Files certs.Files // with TLS; a road issues them where they are not named
	More  string      // more keys, as `client_auth: optional`
}

// secure reports whether it speaks TLS.
func (l Listener) secure() bool { return strings.Contains(l.URL, "tls://") }

func (l Listener) yaml() string {
	keys := []string{`listen: "` + l.URL + `"`}
	if l.secure() {
		keys = append(keys, tlsKeys(l.Files))
	}
	if l.More != "" {
		keys = append(keys, l.More)
	}
	return "{" + strings.Join(keys, ", ") + "}"
}
