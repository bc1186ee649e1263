package parse

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// program is a program whose lines we know how to read.
type program struct {
	// scan reads l.text, and reports whether it understood it. It writes nothing where it did not.
	scan     func(p *Parser, l *line) bool
	unparsed *metrics.Counter
}

// scanners lists the programs by the label that they are counted under. To teach the parser another one, write its
// scanner in a file of its own and add a line here.
var scanners = []struct {
	label string
	scan  func(*Parser, *line) bool
	names []string // as in the syslog header
}{
	{"sudo", scanSudo, []string{"sudo"}},
	{"su", scanSu, []string{"su"}},
	{"sshd", scanSSHD, []string{"sshd", "sshd-session", "sshd-auth"}},
	{"slapd", scanSlapd, []string{"slapd"}},
	{"shadow", scanShadow, []string{
		"useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd", "chgpasswd",
		"chage", "chsh", "chfn", "newusers", "groupmems", "vipw",
	}},
}

// programTable makes the table that lines are dispatched by, and the program that stands for all others.
func programTable(set *metrics.Set) (byName map[string]*program, other *program) {
	counter := func(label string) *metrics.Counter {
		return set.NewCounter(fmt.Sprintf("belfry_parse_unparsed_total{program=%q}", label))
	}
	byName = make(map[string]*program)
	for _, s := range scanners {
		prog := &program{scan: s.scan, unparsed: counter(s.label)}
		for _, name := range s.names {
			byName[name] = prog
		}
	}
	return byName, &program{unparsed: counter("other")}
}
