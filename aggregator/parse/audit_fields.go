package parse

import (
	"strings"
	"unicode/utf8"
)

// auditField numbers what is kept of the fields of records.
type auditField uint8

// The order is that in which they are written.
const (
	auditPID auditField = iota
	auditComm
	auditExe
	auditCWD
	auditPPID
	auditTTY
	auditTitle
	auditUID
	auditGID
	auditAUID
	auditEUID
	auditSUID
	auditFSUID
	auditEGID
	auditSGID
	auditFSGID
	auditUIDName
	auditGIDName
	auditAUIDName
	auditEUIDName
	auditIDName
	auditSession
	auditArch
	auditSyscall
	auditSyscallName
	auditA0
	auditA1
	auditA2
	auditA3
	auditExit
	auditSuccess
	auditResult
	auditKeys
	auditOp
	auditAcct
	auditID
	auditGroup
	auditCmd
	auditHostname
	auditAddr
	auditPort
	auditTerminal
	auditUnit
	auditSubject
	auditSignal
	auditDevice
	auditData
	auditSourceContext
	auditTargetContext
	auditTargetClass
	auditPermissive
	auditAppArmor
	auditOperation
	auditProfile
	auditRequested
	auditDenied
	auditName
	auditTable
	auditCause
	auditSaddr
	auditGrantors
	auditFields
)

// auditNames says under which name of audit a value stands, whether it is hexadecimal where it has no quotes (auparse,
// typetab.h: what is AUPARSE_TYPE_ESCAPED there), and which field it is; "" is written by code of its own.
var auditNames = map[string]struct {
	at    auditField
	hex   bool
	field string
}{
	"pid": {auditPID, false, ""}, "comm": {auditComm, true, ""}, "exe": {auditExe, true, "process.executable"},
	"cwd": {auditCWD, true, "process.working_directory"}, "ppid": {auditPPID, false, "process.parent.pid"},
	"tty": {auditTTY, false, "process.tty"}, "proctitle": {auditTitle, true, "process.title"},
	"uid": {auditUID, false, "user.id"}, "gid": {auditGID, false, "group.id"}, "auid": {auditAUID, false, "user.audit.id"},
	"euid": {auditEUID, false, "user.effective.id"}, "suid": {auditSUID, false, "user.saved.id"},
	"fsuid": {auditFSUID, false, "user.filesystem.id"}, "egid": {auditEGID, false, "user.effective.group.id"},
	"sgid": {auditSGID, false, "user.saved.group.id"}, "fsgid": {auditFSGID, false, "user.filesystem.group.id"},
	"UID": {auditUIDName, false, ""}, "GID": {auditGIDName, false, "group.name"}, "AUID": {auditAUIDName, false, "user.audit.name"},
	"EUID": {auditEUIDName, false, "user.effective.name"}, "ID": {auditIDName, false, ""},
	"ses": {auditSession, false, "auditd.session"}, "arch": {auditArch, false, ""}, "syscall": {auditSyscall, false, ""},
	"SYSCALL": {auditSyscallName, false, ""}, "exit": {auditExit, false, "auditd.data.exit"},
	"a0": {auditA0, false, "auditd.data.a0"}, "a1": {auditA1, false, "auditd.data.a1"}, "a2": {auditA2, false, "auditd.data.a2"},
	"a3": {auditA3, false, "auditd.data.a3"}, "success": {auditSuccess, false, ""}, "res": {auditResult, false, ""},
	"result": {auditResult, false, ""}, "key": {auditKeys, true, "rule.name"}, "op": {auditOp, false, "auditd.data.op"},
	"acct": {auditAcct, true, ""}, "id": {auditID, false, ""}, "grp": {auditGroup, true, ""}, "new_group": {auditGroup, true, ""},
	"cmd": {auditCmd, true, "process.command_line"}, "hostname": {auditHostname, false, ""}, "addr": {auditAddr, false, ""},
	"rport": {auditPort, false, ""}, "terminal": {auditTerminal, false, "auditd.data.terminal"}, "unit": {auditUnit, false, "service.name"},
	"subj": {auditSubject, false, "auditd.data.subj"}, "sig": {auditSignal, false, "auditd.data.sig"},
	"dev": {auditDevice, false, "auditd.data.dev"}, "data": {auditData, true, "auditd.data.data"},
	"scontext": {auditSourceContext, false, "auditd.data.scontext"}, "tcontext": {auditTargetContext, false, "auditd.data.tcontext"},
	"tclass": {auditTargetClass, false, "auditd.data.tclass"}, "permissive": {auditPermissive, false, "auditd.data.permissive"},
	"apparmor": {auditAppArmor, true, "auditd.data.apparmor"}, "operation": {auditOperation, true, "auditd.data.operation"},
	"profile": {auditProfile, true, "auditd.data.profile"}, "requested_mask": {auditRequested, true, "auditd.data.requested_mask"},
	"denied_mask": {auditDenied, true, "auditd.data.denied_mask"}, "name": {auditName, true, ""},
	"table": {auditTable, false, "auditd.data.table"}, "cause": {auditCause, true, "auditd.data.cause"}, "saddr": {auditSaddr, false, ""},
	"grantors": {auditGrantors, false, "auditd.data.grantors"},
}

// auditFieldNames are the fields of ECS and of auditd.* by number.
var auditFieldNames = func() (names [auditFields]string) {
	for _, n := range auditNames {
		names[n.at] = n.field
	}
	return names
}()

// auditPath is one PATH record.
type auditPath struct{ name, kind, inode, mode, uid, gid string }

// audited is what one record says, or several of one event.
type audited struct {
	kind      string // of the last record that says what happened
	fields    [auditFields]string
	paths     []auditPath
	args      []string // of EXECVE, decoded
	last      string   // argument of which parts come
	access    string   // "denied" or "granted" by SELinux
	perms     string   // what it was asked for, as "read write"
	other     string   // a second reading of where it came from
	ambiguous bool
	cut       bool // arguments beyond maxArguments
}

// unset is the number of no user and of no session: -1.
const unset = "4294967295"

// read adds a record. What stands there already is kept.
func (a *audited) read(r *auditRecord) {
	if a.kind == "" || isPart(a.kind) && !isPart(r.kind) {
		a.kind = r.kind
	}
	body, said, more := cutMessage(r.body)
	switch r.kind {
	case "PATH":
		a.readPath(body)
		return
	case "EXECVE":
		a.readExecve(body)
		return
	case "AVC", "USER_AVC":
		a.readAVC(body)
		a.readAVC(said)
	case "PROCTITLE": // it has but one field, and a title in quotes may have blanks
		if v, ok := between(strings.TrimSpace(body), `proctitle="`, `"`); ok {
			a.fields[auditTitle] = v
			return
		}
	}
	a.readFields(body)
	a.readFields(more)
	a.readSaid(said)
}

// isPart reports whether a type only adds to what another says.
func isPart(kind string) bool {
	switch kind {
	case "SYSCALL", "PATH", "CWD", "EXECVE", "SOCKADDR", "PROCTITLE", "EOE", "BPRM_FCAPS", "CAPSET", "MMAP", "OBJ_PID", "FD_PAIR", "SOCKETCALL",
		"OPENAT2", "URINGOP", "IPC", "AVC_PATH":
		return true
	}
	return false
}

// cutMessage splits a body into what the kernel says, what a program said (msg='…'), and what auditd added in capitals.
// A program may write a quote, so its message ends at the last one.
func cutMessage(s string) (body, said, more string) {
	before, rest, ok := strings.Cut(s, "msg='")
	if !ok {
		return s, "", ""
	}
	said, more, ok = cutLast(rest, "'")
	if !ok {
		return before, rest, ""
	}
	return before, said, more
}

// nextField cuts off the next "name=value" of a body. A value in quotes holds none, for audit writes such as digits.
func nextField(s string) (name, value, rest string, quoted bool) {
	s = strings.TrimLeft(s, " \x1d")
	eq := strings.IndexByte(s, '=')
	blank := strings.IndexAny(s, " \x1d")
	if eq < 0 || blank >= 0 && blank < eq {
		if blank < 0 {
			return "", s, "", false
		}
		return "", s[:blank], s[blank:], false
	}
	name, value = s[:eq], s[eq+1:]
	if value != "" && value[0] == '"' {
		if end := strings.IndexByte(value[1:], '"'); end >= 0 {
			return name, value[1 : end+1], value[end+2:], true
		}
	}
	end := strings.IndexAny(value, " \x1d")
	if end < 0 {
		end = len(value)
	}
	return name, strings.TrimRight(value[:end], ","), value[end:], false
}

// readFields adds the fields of a body.
func (a *audited) readFields(s string) {
	for s != "" {
		var name, value string
		var quoted bool
		name, value, s, quoted = nextField(s)
		n, ok := auditNames[name]
		if !ok || value == "" || isNone(value, quoted) {
			continue
		}
		if n.hex && !quoted {
			value = unhexAudit(value, name == "data")
		}
		if at := &a.fields[n.at]; *at == "" {
			*at = value
		}
	}
}

// isNone reports whether a value stands for none.
func isNone(value string, quoted bool) bool {
	switch value {
	case "?":
		return true
	case unset, "(null)", "(none)", "none":
		return !quoted
	case "unset":
		return quoted
	}
	return quoted && strings.HasPrefix(value, "unknown(")
}

// readSaid adds the fields of a program's message. Host name and terminal are others' words, which libaudit does not
// check: what stands before them is read from the left, and what stands behind them, or is the last, from the right.
// Where one of these comes twice, there are two readings.
func (a *audited) readSaid(s string) {
	var seen [auditFields]bool
	for s != "" {
		before := s
		name, value, rest, quoted := nextField(s)
		s = rest
		n, ok := auditNames[strings.TrimPrefix(name, "(")]
		if name == "op" {
			value, s = auditOperationOf(before)
		}
		switch {
		case !ok || n.at < auditTTY && n.at != auditComm && n.at != auditExe && n.at != auditCWD || n.at >= auditUID && n.at <= auditSession:
			continue // the kernel's, and none of a program's business
		case n.hex && !quoted:
			value = unhexAudit(strings.TrimRight(value, ")"), name == "data")
		case !quoted:
			value = strings.TrimRight(value, ")")
		}
		again := seen[n.at]
		seen[n.at] = true
		fromRight := n.at == auditAddr || n.at == auditTerminal || n.at == auditResult
		a.ambiguous = a.ambiguous || again
		if again && n.at == auditAddr {
			a.other = a.fields[auditAddr]
		}
		if isNone(value, quoted) {
			value = ""
		}
		if fromRight || !again && a.fields[n.at] == "" {
			a.fields[n.at] = value
		}
	}
}

// auditOperationOf reads "op=adding user to group acct=…": words up to the next field.
func auditOperationOf(s string) (op, rest string) {
	s = strings.TrimLeft(s, " ")[len("op="):]
	end := 0
	for end < len(s) {
		name, _, after, _ := nextField(s[end:])
		if name != "" && end > 0 {
			break
		}
		if name != "" {
			if _, known := auditNames[name]; known {
				break
			}
		}
		end = len(s) - len(after)
	}
	return strings.TrimSpace(s[:end]), s[end:]
}

// unhexAudit decodes what audit wrote as digits (Linux, kernel/audit.c, audit_log_n_hex; libaudit, audit_encode_value): pairs in
// capitals. Bytes of zero, which part the words of a title, become blanks. Audit encodes what has a blank, a quote, or
// what is not ASCII: digits that mean nothing of that kind are a value as it is, unless all such values are digits.
func unhexAudit(s string, always bool) string {
	if len(s)%2 != 0 || s == "" {
		return s
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'A' > 5 {
			return s
		}
	}
	out := make([]byte, len(s)/2)
	for i := range out {
		c := nibble(s[2*i])<<4 | nibble(s[2*i+1])
		always = always || c <= ' ' || c > '~' || c == '"'
		if out[i] = c; c == 0 {
			out[i] = ' '
		}
	}
	if !always {
		return s
	}
	return string(out)
}

// valid returns a decoded value as text: what is not UTF-8 is replaced.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// readPath reads "item=0 name="/etc/passwd" inode=1 dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL".
func (a *audited) readPath(s string) {
	var p auditPath
	for s != "" {
		var name, value string
		var quoted bool
		name, value, s, quoted = nextField(s)
		if isNone(value, quoted) {
			continue
		}
		switch name {
		case "name":
			if p.name = value; !quoted {
				p.name = unhexAudit(value, false)
			}
		case "nametype":
			p.kind = value
		case "inode":
			p.inode = value
		case "mode":
			p.mode = value
		case "ouid":
			p.uid = value
		case "ogid":
			p.gid = value
		}
	}
	a.paths = append(a.paths, p)
}

// readExecve reads "argc=3 a0="ls" a1=2D6C a2[0]=… a2[1]=…". An argument that is long comes in parts, in several records;
// a1_len tells how long it is.
func (a *audited) readExecve(s string) {
	for s != "" {
		var name, value string
		var quoted bool
		name, value, s, quoted = nextField(s)
		if name == "" || name[0] != 'a' {
			continue
		}
		num, rest := digits(name[1:])
		if num == "" || rest != "" && rest[0] != '[' {
			continue
		}
		if !quoted {
			value = unhexAudit(value, rest != "")
		}
		switch {
		case rest != "" && num == a.last && len(a.args) > 0:
			a.args[len(a.args)-1] += value
		case len(a.args) == maxArguments:
			a.cut = true
		default:
			a.args = append(a.args, value)
		}
		if a.last = ""; rest != "" {
			a.last = num
		}
	}
}

// readAVC reads "avc:  denied  { read write } for …".
func (a *audited) readAVC(s string) {
	_, rest, ok := strings.Cut(s, "avc:")
	if !ok {
		return
	}
	verdict, rest := word(strings.TrimLeft(rest, " "))
	_, rest, open := strings.Cut(rest, "{ ")
	perms, _, end := strings.Cut(rest, " }")
	if open && end && (verdict == "denied" || verdict == "granted") {
		a.access, a.perms = verdict, perms
	}
}
