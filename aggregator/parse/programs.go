package parse

import (
	"fmt"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// program is a program whose lines we know how to read.
type program struct {
	label string
	// scan reads l.text, and reports whether it understood it. It writes nothing where it did not.
	scan     func(p *Parser, l *line) bool
	unparsed *metrics.Counter
}

// scanners lists the programs by the label that they are counted under. To teach the parser another one, write its
// scanner in a file of its own and add a line here.
var scanners = []struct {
	label string
	scan  func(*Parser, *line) bool
	names []string // as in the syslog header; one that ends in "/" or "-" is the beginning of many
}{
	{"sudo", scanSudo, []string{"sudo", "sudo-rs", "sudo_logsrvd"}},
	{"sudo-log", scanSudoLog, nil}, // the file that sudo writes itself
	{"su", scanSu, []string{"su", "su-l", "runuser", "runuser-l"}},
	{"doas", scanDoas, []string{"doas"}},
	{"pkexec", scanPkexec, []string{"pkexec"}},
	{"polkitd", scanPolkit, []string{"polkitd", "polkit-agent-helper-1"}},
	{"sshd", scanSSHD, []string{"sshd", "sshd-session", "sshd-auth"}},
	{"slapd", scanSlapd, []string{"slapd"}},
	{"ns-slapd", scanDS389, []string{"ns-slapd"}},
	{"postfix", scanPostfix, []string{"postfix/", "postfix-"}},
	{"dovecot", scanDovecot, []string{
		"dovecot", "imap-login", "pop3-login", "managesieve-login", "submission-login", "auth", "auth-worker", // its own log
		"imap", "pop3", "lmtp", "lda", "managesieve", "submission",
	}},
	{"bind", scanBind, []string{
		"named", "queries", "query-errors", "security", "lame-servers", "dnssec", "xfer-in", "xfer-out", "update", // its own log
		"update-security", "rate-limit", "resolver",
	}},
	{"access", scanAccess, nil},
	{"nginx", scanNginx, []string{"nginx"}},
	{"haproxy", scanHAProxy, []string{"haproxy"}},
	{"apache", scanApache, []string{"apache2", "httpd", "apache", "apache2/", "httpd/"}},
	{"openvpn", scanOpenVPN, []string{"openvpn", "ovpn-", "openvpn-"}},
	{"asa", scanASA, nil},
	{"audit", scanAudit, []string{"audit", "audispd", "audisp-syslog", "auditd"}},
	{"kernel", scanKernel, []string{"kernel"}},
	{"netfilter", scanNetfilter, nil},
	{"shadow", scanShadow, []string{
		"useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd", "chgpasswd",
		"chage", "chsh", "chfn", "newusers", "groupmems", "vipw", "vigr", "newgrp", "sg", "pwck", "grpck", "nologin",
	}},
	{"adduser", scanAdduser, []string{"adduser", "addgroup", "deluser", "delgroup"}},
	{"login", scanLogin, []string{"login"}},
	{"dropbear", scanDropbear, []string{"dropbear"}},
	{"sftp", scanSFTP, []string{"sftp-server", "internal-sftp"}},
	{"cron", scanCron, []string{"cron", "CRON", "crond", "CROND", "crontab"}},
	{"anacron", scanAnacron, []string{"anacron"}},
	{"systemd", scanSystemd, []string{"systemd", "systemd-shutdown"}},
	{"logind", scanLogind, []string{"systemd-logind"}},
	{"coredump", scanCoredump, []string{"systemd-coredump"}},
	{"timesyncd", scanTimesync, []string{"systemd-timesyncd"}},
	{"unix_chkpwd", scanPasswordCheck, []string{"unix_chkpwd", "unix_update"}},
}

// table holds the programs that lines are dispatched to.
type table struct {
	byName  map[string]*program // as in the syslog header, or its beginning up to the first "/" or "-"
	byLabel map[string]*program
	other   *program // every program that has no scanner
}

func newTable(set *metrics.Set) table {
	counter := func(label string) *metrics.Counter {
		return set.NewCounter(fmt.Sprintf("belfry_parse_unparsed_total{program=%q}", label))
	}
	t := table{
		byName:  make(map[string]*program),
		byLabel: make(map[string]*program),
		other:   &program{label: "other", unparsed: counter("other")},
	}
	for _, s := range scanners {
		prog := &program{label: s.label, scan: s.scan, unparsed: counter(s.label)}
		t.byLabel[s.label] = prog
		for _, name := range s.names {
			t.byName[name] = prog
		}
	}
	return t
}

// of returns the program that said what stands behind a header.
func (t *table) of(h *header) *program {
	if prog, ok := t.byLabel[h.format]; ok {
		return prog
	}
	if prog, ok := t.byName[h.program]; ok {
		return prog
	}
	if i := strings.IndexAny(h.program, "/-"); i > 0 {
		if prog, ok := t.byName[h.program[:i+1]]; ok {
			return prog
		}
	}
	if isASA(h.code.whole) {
		return t.byLabel["asa"]
	}
	if isOpenVPN(h.program) {
		return t.byLabel["openvpn"]
	}
	if isPacket(h) {
		return t.byLabel["netfilter"]
	}
	if strings.HasPrefix(h.program, "(") { // a process that is to become a unit's
		return t.byLabel["systemd"]
	}
	return t.other
}
