package parse

import (
	"time"

	"belfry/shared/event"
)

// Past finds lines that were read before: by this process before it was started anew, or by another one that had the
// host's queue. The index is what all of them share, so it is the state that survives them.
type Past interface {
	// Lines returns the events of lines as they were indexed, oldest first, at most MaxPast of them; none where it
	// cannot look now. It blocks for one search, and must not call the Parser.
	Lines(q PastQuery) []*event.Event
}

// MaxPast bounds the lines of one look-up.
const MaxPast = 500

// Joined are the programs of which lines are joined, as a query has them.
const Joined = "slapd OR ns-slapd OR sudo OR sudo_logsrvd OR sshd OR sshd-session OR sshd-auth OR dropbear OR login OR " +
	"su OR useradd OR usermod OR openvpn OR postfix* OR dovecot OR auth OR imap-login OR pop3-login OR submission-login"

// Remember reads an indexed line again, for what the joins learn of it. The event is not changed.
func (p *Parser) Remember(e *event.Event, now time.Time) {
	if e.Has("event.original") {
		p.replay(e, now)
	}
}

// PastQuery names the lines that a join misses. Empty values are any.
type PastQuery struct {
	Agent, Host, PID string
	Field, Value     string // that the lines have in common, as "ldap.connection" and "1023"
	From, To         time.Time
}
