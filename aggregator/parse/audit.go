package parse

import "strings"

// scanAudit reads records of Linux's audit as audisp-syslog hands them on, and as the journal does (which names the
// type alone). Files of auditd come by scanAuditFile, what the kernel says itself by scanKernel; all are the same:
//
//	[node=HOST ]type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e syscall=59 success=yes …
//	audit: type=1300 audit(1700000000.123:456): arch=…        USER_AUTH pid=1 uid=0 … msg='op=… res=success'
//
// One event of audit is several records with the same time and serial. Each record is an event here, named by its type
// (audit-syscall-record, audit-path-record, audit-user-auth, …), and tells what stands in it. The record that the kernel
// writes last, PROCTITLE, or EOE where there was none, carries all of them: process, user, file.path (that of PATH, made
// whole by CWD), the address of SOCKADDR, and the arguments of EXECVE. It alone has an event.outcome, by success=, and an
// action that says what was tried (audit-exec, audit-open-file, audit-connect, audit-avc, …). Where a rule keeps those
// records out of the log, nothing ends an event: then auditd.result of the SYSCALL record is all there is.
//
// Programs write records of one line each. Several of them tell one thing: a login that fails is a USER_AUTH for PAM and
// up to three USER_LOGIN of Debian's sshd, an account that is made three ADD_USER. So each has its auditd.result, but an
// event.outcome have only audit-user-auth where PAM was asked (one question, one record), audit-user-cmd (one command of
// sudo), and audit-service-start and -stop. What sshd, su and sudo log themselves tells the same attempts again, by
// actions of their own: count one of both.
//
// Values that audit writes as hexadecimal digits, because a user chose them, are decoded; see auditKeys.
func scanAudit(p *Parser, l *line) bool {
	if r, ok := cutAudit(l.text); ok {
		return p.auditRecord(l, &r)
	}
	kind, body, ok := strings.Cut(l.text, " ")
	if l.program != "audit" || !ok || !isAuditType(kind) || strings.IndexByte(body, '=') < 0 {
		return false
	}
	return p.auditRecord(l, &auditRecord{kind: kind, body: body})
}

// auditRecord is one record. All strings are parts of the line, but the name of a type that stands as a number.
type auditRecord struct {
	node   string
	kind   string // as "SYSCALL"
	at     string // seconds since 1970 with milliseconds
	serial string
	body   string
}

// cutAudit splits a record.
func cutAudit(s string) (r auditRecord, ok bool) {
	if rest, ok := strings.CutPrefix(s, "node="); ok {
		r.node, s = word(rest)
	}
	rest, ok := strings.CutPrefix(s, "type=")
	if !ok {
		return r, false
	}
	r.kind, rest = word(rest)
	rest, ok = strings.CutPrefix(strings.TrimPrefix(rest, "msg="), "audit(")
	if !ok || !isAuditType(r.kind) {
		return r, false
	}
	in, body, ok := strings.Cut(rest, "):")
	at, serial, found := strings.Cut(in, ":")
	if !ok || !found || !isDecimal(at) || !isNumber(serial) {
		return r, false
	}
	r.kind = auditTypeName(r.kind)
	r.at, r.serial, r.body = at, serial, strings.TrimLeft(body, " ")
	return r, true
}

// isAuditType reports whether a word is a type: a name in capitals, a number, or "UNKNOWN[1334]".
func isAuditType(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-'A' >= 26 && c-'0' > 9 && c != '_' && c != '[' && c != ']' {
			return false
		}
	}
	return s != "" && len(s) <= maxProgram
}

// auditTypeName returns the name of a type that stands as a number.
func auditTypeName(s string) string {
	num := s
	if in, ok := between(s, "UNKNOWN[", "]"); ok {
		num = in
	}
	if n, ok := number(num); ok {
		if name, known := auditNumbers[n]; known {
			return name
		}
	}
	return s
}

// scanAuditFile reads a line of auditd's own file: it has its time, and may have a host.
func scanAuditFile(h *header, s string) bool {
	r, ok := cutAudit(s)
	if !ok || len(r.at) < len("1700000000") {
		return false
	}
	st, rest, ok := scanEpoch(r.at)
	if !ok || rest != "" {
		return false
	}
	h.stamp, h.text, h.format = st, s, "audit"
	if isHost(r.node) {
		h.host = r.node
	}
	return true
}

// audit reads what stands behind "audit: " in what the kernel says.
func (p *Parser) audit(l *line, s string) bool {
	if r, ok := cutAudit(s); ok {
		return p.auditRecord(l, &r)
	}
	if strings.HasPrefix(s, "audit_lost=") || strings.HasPrefix(s, "backlog limit exceeded") || strings.HasPrefix(s, "rate limit exceeded") {
		l.is("audit-lost", "host", "error")
		return true
	}
	return false
}

// auditRecord writes a record, and what was said before if it is the last of its event.
func (p *Parser) auditRecord(l *line, r *auditRecord) bool {
	var a audited
	a.read(r)
	whole, ended := p.audits.record(l, r)
	l.put("auditd.message_type", r.kind)
	l.put("auditd.sequence", r.serial)
	if !ended {
		l.auditSingle(r, &a)
		return true
	}
	var all audited
	for i := range whole {
		if whole[i].kind == "SYSCALL" { // what it says of the process goes first
			all.read(&whole[i])
		}
	}
	for i := range whole {
		if whole[i].kind != "SYSCALL" {
			all.read(&whole[i])
		}
	}
	l.auditWhole(&all)
	return true
}

// isOfSyscall reports whether a type is of those that a kernel writes for one call, and so are several of one serial.
func isOfSyscall(kind string) bool {
	switch kind {
	case "SYSCALL", "PATH", "CWD", "EXECVE", "SOCKADDR", "PROCTITLE", "EOE", "AVC", "AVC_PATH", "SELINUX_ERR", "BPRM_FCAPS", "CAPSET", "MMAP",
		"IPC", "IPC_SET_PERM", "MQ_OPEN", "MQ_SENDRECV", "MQ_NOTIFY", "MQ_GETSETATTR", "FD_PAIR", "OBJ_PID", "SOCKETCALL", "KERN_MODULE",
		"CONFIG_CHANGE", "FANOTIFY", "OPENAT2", "URINGOP", "BPF", "NETFILTER_CFG", "TIME_ADJNTPVAL", "TIME_INJOFFSET", "MAC_STATUS",
		"MAC_POLICY_LOAD", "MAC_CONFIG_CHANGE", "ANOM_PROMISCUOUS", "ANOM_LINK", "ANOM_CREAT", "LOGIN", "FEATURE_CHANGE":
		return true
	}
	return strings.HasPrefix(kind, "APPARMOR") || strings.HasPrefix(kind, "INTEGRITY_")
}
