package parse

import "strings"

// sshSession reads "command[ on TTY] for U from A port P id 0": what a user who is in begins.
func sshSession(_ *Parser, l *line, rest string) bool {
	what, id, ok := cutLast(rest, " id ")
	if !ok || !isNumber(id) {
		return false
	}
	e, ok := cutEnd(what)
	kind, user, found := cutLast(e.user, " for ")
	if !ok || !found {
		return false
	}
	kind, tty, _ := cutLast(kind, " on ")
	l.is("ssh-session-opened", "session", "start")
	if name, ok := between(kind, "subsystem '", "'"); ok {
		l.put("ssh.session", "subsystem")
		l.put("ssh.subsystem", name)
	} else if kind, command, ok := strings.Cut(kind, " '"); ok { // forced-command (config) 'true'
		l.put("ssh.session", kind)
		l.put("process.command_line", strings.TrimSuffix(command, "'"))
	} else {
		l.put("ssh.session", kind)
	}
	l.put("process.tty", tty)
	e.user = user
	l.sshFrom(&e)
	return true
}

// sshSessionClosed reads "U from A port P id 0".
func sshSessionClosed(_ *Parser, l *line, rest string) bool {
	what, id, ok := cutLast(rest, " id ")
	e, found := cutEnd(what)
	if !ok || !found || !isNumber(id) {
		return false
	}
	l.is("ssh-session-closed", "session", "end")
	l.sshFrom(&e)
	return true
}

// sshChild reads the process id of what serves a user who is in: the lines of the session have it.
func sshChild(_ *Parser, l *line, rest string) bool {
	if !isNumber(rest) {
		return false
	}
	l.is("ssh-session-process", "process", "start")
	l.put("ssh.session_pid", rest)
	return true
}

// sshTransferred reads "3904, received 3484 bytes": what the client got, and what came from it.
func sshTransferred(_ *Parser, l *line, rest string) bool {
	sent, rest, ok := strings.Cut(rest, ", received ")
	received, whole := strings.CutSuffix(rest, " bytes")
	if !ok || !whole || !isNumber(sent) || !isNumber(received) {
		return false
	}
	l.is("ssh-transferred", "network", "connection", "end")
	l.put("source.bytes", received)
	l.put("destination.bytes", sent)
	return true
}

// sshSubsystem reads "sftp[ by user U][ failed, subsystem not found]".
func sshSubsystem(_ *Parser, l *line, rest string) bool {
	rest, missing := strings.CutSuffix(rest, " failed, subsystem not found")
	name, user, _ := cutLast(rest, " by user ")
	if missing {
		l.is("ssh-subsystem", "session", "error")
		l.put("event.reason", "subsystem not found")
	} else {
		l.is("ssh-subsystem", "session", "info")
	}
	l.put("ssh.subsystem", name)
	l.user(user)
	return true
}

const forwardRefused = "ssh-forward-refused"

// forward says where a connection was to go that was refused.
func (l *line) forward(action, reason, host, port string) {
	l.is(action, "network", "connection", "denied")
	l.put("event.reason", reason)
	if ip := canonical(host); ip != "" {
		l.put("destination.ip", ip)
		l.also("related.ip", ip)
	} else if host != "" {
		l.put("destination.address", host)
		l.also("related.hosts", host)
	}
	l.port("destination.port", port)
}

// sshForward reads "A port P, target H port Q". Where it says that it comes from is the client's word.
func sshForward(_ *Parser, l *line, rest string) bool {
	_, target, ok := cutLast(rest, ", target ")
	host, port, found := cutLast(target, " port ")
	if !ok || !found {
		return false
	}
	l.forward(forwardRefused, "local port forward", host, port)
	return true
}

func sshForwardPath(_ *Parser, l *line, rest string) bool {
	_, target, ok := strings.Cut(rest, ", target ")
	if !ok {
		return false
	}
	l.forward(forwardRefused, "streamlocal port forward", "", "")
	l.put("file.path", target)
	return true
}

// sshRequest reads "A port P to {remote forward to,connect to} host H port Q, but the request was denied."; also "path X"
// instead of the host, and "remote forward" alone.
func sshRequest(_ *Parser, l *line, rest string) bool {
	const denied = ", but the request was denied."
	addr, rest := word(rest)
	port, what, ok := cutValue(rest, "port ", " to ")
	what, was := strings.CutSuffix(what, denied)
	if !ok || !was || canonical(addr) == "" {
		return false
	}
	reason, host, _ := strings.Cut(what, " host ")
	reason, path, _ := strings.Cut(reason, " to path ")
	reason = strings.TrimSuffix(reason, " to")
	host, to, _ := cutLast(host, " port ")
	l.forward(forwardRefused, reason, host, to)
	l.put("file.path", strings.Trim(path, `"`))
	l.source(addr, port)
	return true
}

// sshOldRequest reads "host H port Q, but the request was denied." or "path X, …".
func sshOldRequest(_ *Parser, l *line, rest string) bool {
	rest, ok := strings.CutSuffix(rest, ", but the request was denied.")
	if !ok {
		return false
	}
	if path, ok := strings.CutPrefix(rest, "path "); ok {
		l.forward(forwardRefused, "connect", "", "")
		l.put("file.path", path)
		return true
	}
	host, port, ok := cutLast(strings.TrimPrefix(rest, "host "), " port ")
	if !ok {
		return false
	}
	l.forward(forwardRefused, "connect", host, port)
	return true
}

// sshConnectTo reads "H port P: failed." and "H: unknown host (Name or service not known)".
func sshConnectTo(_ *Parser, l *line, rest string) bool {
	host, reason, ok := strings.Cut(rest, ": ")
	if !ok {
		return false
	}
	host, port, _ := cutLast(host, " port ")
	l.forward("ssh-forward-failed", reason, host, port)
	return true
}

// sshBind reads "127.0.0.1]:80: Permission denied".
func sshBind(_ *Parser, l *line, rest string) bool {
	addr, rest, ok := strings.Cut(rest, "]:")
	port, reason, found := strings.Cut(rest, ": ")
	if !ok || !found || canonical(addr) == "" {
		return false
	}
	l.is("ssh-forward-failed", "network", "error")
	l.put("event.reason", reason)
	l.put("server.ip", canonical(addr))
	l.port("server.port", port)
	return true
}
