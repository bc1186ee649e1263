package parse

import "testing"

// A line that stands for several is read as what it stands for, and says for how many.
func TestRepeated(t *testing.T) {
	r := newReader()
	e := r.line("Nov 23 17:54:31 vm sshd[7]: message repeated 5 times: [ Failed password for root from 192.0.2.7 port 42 ssh2]")
	check(t, e, "event.action=ssh-login-attempt", "event.outcome=failure", "user.name=root", "source.ip=192.0.2.7", "source.port=42",
		"log.repeated=5", "message=message repeated 5 times: [ Failed password for root from 192.0.2.7 port 42 ssh2]")
	e = r.line("Nov 23 17:54:31 vm sshd[7]: message repeated 5 times: [ what]")
	check(t, e, "-event.action", "log.repeated=5")
	e = r.line("Nov 23 17:54:31 vm last message repeated 3 times")
	check(t, e, "-log.repeated", "message=last message repeated 3 times")
	e = r.line("Nov 23 17:54:31 vm x: message repeated many times: [ what]")
	check(t, e, "-log.repeated")
}
