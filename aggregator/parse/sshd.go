package parse

import "strings"

// scanSSHD reads what OpenSSH's server writes (auth.c, auth2-pubkey.c, packet.c, sshd-session.c…, of 5.x to 10.x), under
// each of the names that it has since 9.8. A user name may hold anything, " from 9.9.9.9 port 22 ssh2" too, so that
// addresses are read from the right.
//
// An attempt is what a client answers to one question: every password, right or wrong, is one of its own, however many
// come in a connection. What a client does by itself before it asks anybody, as to offer all keys that it has, is none:
// if nothing else was tried in a connection, it is one attempt, which the connection's end tells.
func scanSSHD(p *Parser, l *line) bool {
	text := l.text
	for _, level := range []string{"error: ", "fatal: ", "debug1: "} {
		text = strings.TrimPrefix(text, level)
	}
	text = strings.TrimSuffix(text, " [preauth]")
	text = strings.TrimSuffix(text, " [postauth]")
	return scanPrefixed(sshdForms, p, l, text) || sshTagged(p, l, text) || scanPrefixed(sftpForms, p, l, text)
}

// sshdForms holds what sshd says, by its beginning.
var sshdForms = byPrefix([]prefixed[lineScanner]{
	{"Accepted key ", sshKeyFound},
	{"Accepted certificate ID \"", sshCertificate},
	{"Accepted ", sshAccepted},
	{"Failed ", sshFailed},
	{"Postponed ", sshPostponed},
	{"Partial ", sshPostponed},
	{"PAM: ", sshPAM},
	{"Invalid user ", sshInvalid},
	{"input_userauth_request: invalid user ", sshInvalidAgain},
	{"User child is on pid ", sshChild},
	{"User ", sshNotAllowed},
	{"Account ", sshAccount},
	{"Access denied for user ", sshNoAccess},
	{"maximum authentication attempts exceeded for ", sshTooMany},
	{"ROOT LOGIN REFUSED FROM ", sshRootRefused},
	{"Root login accepted for forced command.", sshNotice("ssh-root-accepted", "authentication", "info")},
	{"administratively prohibited connection for ", sshProhibited},
	{"monitor_child_preauth: ", sshAborted},
	{"Authentication refused", sshKeyRefused},
	{"Refused by key options", sshKeyRefused},
	{"Certificate invalid: ", sshKeyRefused},
	{"Certificate does not contain an authorized principal", sshKeyRefused},
	{"Authentication key ", sshKeyRefused},
	{"refusing previously-used ", sshKeyRefused},
	{"userauth_pubkey: ", sshKeyRefused},
	{"userauth_hostbased", sshKeyRefused},
	{"key type ", sshKeyRefused},
	{"Could not get shadow information for ", sshTrouble("ssh-error")},

	{"Connection closed by ", sshClosed},
	{"Connection reset by ", sshClosed},
	{"Connection timed out during banner exchange", sshTrouble("ssh-protocol-error")},
	{"Connection from ", sshConnection},
	{"Closing connection to ", sshClosed},
	{"Disconnected from ", sshClosed},
	{"Disconnecting: ", sshOldDisconnecting},
	{"Disconnecting ", sshDisconnecting},
	{"Received disconnect from ", sshReceived},
	{"Timeout, client not responding from ", sshGaveUp},
	{"Timeout, client not responding.", sshTrouble("ssh-disconnect")},
	{"terminating inactive connection from ", sshGaveUp},
	{"Read error from remote host ", sshReadError},
	{"Write failed: ", sshTrouble("ssh-disconnect")},
	{"Timeout before authentication for ", sshTimeout},

	{"Unable to negotiate with ", sshProtocol},
	{"Unable to negotiate a key exchange method", sshTrouble("ssh-protocol-error")},
	{"Read from socket failed: ", sshTrouble("ssh-disconnect")},
	{"refused connect from ", sshRefused},
	{"Did not receive identification string from ", sshProtocol},
	{"Bad protocol version identification ", sshBadVersion},
	{"Bad remote protocol version identification: ", sshTrouble("ssh-protocol-error")},
	{"Protocol major versions differ", sshMajor},
	{"banner exchange: Connection from ", sshProtocol},
	{"kex_exchange_identification: ", sshExchange},
	{"Bad packet length ", sshTrouble("ssh-protocol-error")},
	{"Corrupted MAC on input.", sshTrouble("ssh-protocol-error")},
	{"padding error: ", sshTrouble("ssh-protocol-error")},
	{"send_error: ", sshTrouble("ssh-protocol-error")},
	{"dispatch_protocol_error: ", sshTrouble("ssh-protocol-error")},
	{"no matching ", sshTrouble("ssh-protocol-error")},
	{"probed from ", sshScan},
	{"scanned from ", sshScan},
	{"srclimit_penalise: ", sshPenalty},
	{"drop connection #", sshDropped},
	{"beginning MaxStartups throttling", sshNotice("ssh-throttling", "network", "info")},
	{"exited MaxStartups throttling", sshNotice("ssh-throttling", "network", "info")},
	{"reverse mapping checking getaddrinfo for ", sshReverse},
	{"Address ", sshNotMapped},
	{"Nasty PTR record ", sshNasty},

	{"Starting session: ", sshSession},
	{"Close session: user ", sshSessionClosed},
	{"Transferred: sent ", sshTransferred},
	{"subsystem request for ", sshSubsystem},
	{"refused local port forward: originator ", sshForward},
	{"refused streamlocal port forward: originator ", sshForwardPath},
	{"Received request from ", sshRequest},
	{"Received request to connect to ", sshOldRequest},
	{"connect_to ", sshConnectTo},
	{"bind [", sshBind},
	{"channel_setup_fwd_listener", sshTrouble("ssh-forward-failed")},
	{"Server has disabled port forwarding.", sshNotice("ssh-forward-refused", "network", "denied")},
	{"syslogin_perform_logout: ", sshTrouble("ssh-error")},
	{"mm_reap: ", sshTrouble("ssh-error")},

	{"Server listening on ", sshListening},
	{"Received signal ", sshSignal},
	{"Received SIGHUP; restarting.", sshNotice("ssh-reload", "process", "change")},
	{"Bind to port ", sshTrouble("ssh-listen-failed")},
	{"Cannot bind any address.", sshTrouble("ssh-listen-failed")},
	{"session process ", sshTrouble("ssh-session-crash")},
	{"Session process ", sshTrouble("ssh-session-crash")},
})

// sshTagged reads what begins with the name of a function or file, and says which connection or user it is about.
//
//	ssh_dispatch_run_fatal: Connection from authenticating user averez 192.0.2.7 port 4: Broken pipe
//	/home/averez/.ssh/authorized_keys:1: Authentication tried for averez with correct key but not from a permitted host …
func sshTagged(p *Parser, l *line, text string) bool {
	tag, rest, ok := strings.Cut(text, ": ")
	if !ok || strings.IndexByte(tag, ' ') >= 0 {
		return false
	}
	if after, ok := strings.CutPrefix(rest, "Connection from "); ok {
		return sshBroken(p, l, after)
	}
	if after, ok := strings.CutPrefix(rest, "Authentication tried for "); ok {
		return sshNotPermitted(p, l, after)
	}
	return false
}

// sshNotice reads a line that is a fact by itself.
func sshNotice(action, category, kind string) lineScanner {
	return func(_ *Parser, l *line, _ string) bool {
		l.is(action, category, kind)
		l.put("event.reason", sshBare(l.text))
		return true
	}
}

// sshTrouble reads what went wrong, where the line does not tell with whom.
func sshTrouble(action string) lineScanner {
	return func(_ *Parser, l *line, _ string) bool {
		if action == "ssh-protocol-error" || action == "ssh-disconnect" {
			l.is(action, "network", "connection", "error")
		} else {
			l.is(action, "process", "error")
		}
		l.put("event.reason", sshBare(l.text))
		return true
	}
}

// sshBare cuts off what log.c writes around a message.
func sshBare(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "error: "), "fatal: ")
	return strings.TrimSuffix(text, " [preauth]")
}
