package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Forward is one way through a syslog daemon: what is written to its socket leaves as Send says. A message is a line; one
// for rsyslog may have its length before it instead (RFC 6587, section 3.4.1).
type Forward struct {
	Socket string // path of a unix stream socket, which the daemon opens
	Send   string // where to, in the daemon's own language: actions of rsyslog, the driver of a destination of syslog-ng
	Old    bool   // the messages are of RFC 3164, not of RFC 5424
}

// longestMessage is what the daemons take, in bytes.
const longestMessage = 64 << 10

// taken is an error while one of the sockets does not take connections.
func taken(ways []Forward) error {
	var errs []error
	for _, w := range ways {
		errs = append(errs, accepts("unix", w.Socket))
	}
	return errors.Join(errs...)
}

// ForwardByRsyslog starts an rsyslog that sends on what it takes, and nothing of its own, and returns when it takes it.
// It leaves the bytes of a text as they are.
func ForwardByRsyslog(ctx context.Context, dir string, ways ...Forward) (*Peer, error) {
	var y strings.Builder
	fmt.Fprintf(&y, `global(workDirectory=%q maxMessageSize="%d" processInternalMessages="on" preserveFQDN="on"
	parser.escapeControlCharactersOnReceive="off")
module(load="imptcp")
module(load="omrelp")
`, dir, longestMessage)
	for i, w := range ways {
		// Each with a queue of its own: a way that is blocked holds up no other.
		fmt.Fprintf(&y, `ruleset(name="way%d" queue.type="linkedList") {
	%s
}
input(type="imptcp" path=%q unlink="on" ruleset="way%[1]d")
`, i, w.Send, w.Socket)
	}
	return readyRsyslogd(ctx, dir, y.String(), func() error { return taken(ways) })
}

// ForwardBySyslogNG starts a syslog-ng that sends on what it takes, and nothing of its own, and returns when it takes it.
func ForwardBySyslogNG(ctx context.Context, dir string, ways ...Forward) (*Peer, error) {
	var y strings.Builder
	fmt.Fprintf(&y, `@version: 3.38
options { keep-hostname(yes); time-reopen(1); stats-freq(0); mark-mode(none); log-msg-size(%d); };
`, longestMessage)
	for i, w := range ways {
		flags := "flags(syslog-protocol, expect-hostname)"
		if w.Old {
			flags = "flags(expect-hostname)"
		}
		// By themselves, two of one address would have the same name.
		send := fmt.Sprintf("%s persist-name(\"way%d\"))", strings.TrimSuffix(w.Send, ")"), i)
		fmt.Fprintf(&y, "log { source { unix-stream(%q %s); }; destination { %s; }; flags(flow-control); };\n",
			w.Socket, flags, send)
	}
	p, err := startSyslogNG(dir, nil, y.String())
	if err != nil {
		return nil, err
	}
	if err := p.d.ready(ctx, func() error { return taken(ways) }); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}
