package parse

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// auditSingle writes one record by itself.
func (l *line) auditSingle(r *auditRecord, a *audited) {
	l.auditAction(a)
	switch r.kind {
	case "USER_AUTH":
		if op := a.fields[auditOp]; op == "PAM:authentication" || strings.HasPrefix(op, "PAM: authentication") {
			l.auditOutcome(a.fields[auditResult])
		}
	case "USER_CMD", "SERVICE_START", "SERVICE_STOP":
		l.auditOutcome(a.fields[auditResult])
	}
	l.auditFields(a)
	if r.kind == "SOCKADDR" {
		l.auditSocket(a.fields[auditSaddr], "")
	}
}

// auditWhole writes an event of audit: all that its records say.
func (l *line) auditWhole(a *audited) {
	action := ""
	if call := a.call(); isPart(a.kind) && call != nil {
		action = call.action
		l.auditIs(call.action, call.category, call.types)
	} else if isPart(a.kind) {
		l.is("audit-syscall", "process", "info")
	} else {
		l.auditAction(a)
	}
	l.auditOutcome(a.fields[auditSuccess])
	l.auditFields(a)
	l.auditSocket(a.fields[auditSaddr], action)
}

// auditAction says what a record tells.
func (l *line) auditAction(a *audited) {
	act, ok := auditActions[a.kind]
	switch said := a.fields[auditAppArmor]; {
	case said == "DENIED" || said == "ALLOWED":
		l.is("audit-apparmor", "process", map[string]string{"DENIED": "denied", "ALLOWED": "allowed"}[said])
	case said != "":
		l.is("audit-apparmor", "process", "info")
	case !ok:
		l.is("audit-record", "process", "info")
	case act.types != "":
		l.auditIs(act.action, act.category, act.types)
	case a.access == "denied":
		l.is(act.action, act.category, "denied")
	case a.access == "granted":
		l.is(act.action, act.category, "allowed")
	default:
		l.is(act.action, act.category, "info")
	}
}

// auditIs says what happened, by one type or two.
func (l *line) auditIs(action, category, types string) {
	first, second := word(types)
	l.is(action, category, first)
	l.event.Append("event.type", second)
}

// call returns what was called, nil if that is not known.
func (a *audited) call() *auditCall {
	if name := a.fields[auditSyscallName]; name != "" {
		if c := auditCallOf("", name); c != nil {
			return c
		}
	}
	return auditCallOf(a.fields[auditArch], a.fields[auditSyscall])
}

// auditOutcome writes an outcome where a record has a result.
func (l *line) auditOutcome(result string) {
	if r := auditResultOf(result); r != "" {
		l.outcome(r == "success")
	}
}

func auditResultOf(s string) string {
	switch s {
	case "yes", "success", "1":
		return "success"
	case "no", "failed", "fail", "0":
		return "fail"
	}
	return ""
}

// auditFields writes what the fields say.
func (l *line) auditFields(a *audited) {
	f := &a.fields
	l.auditProcess(a)
	l.auditUsers(a)
	for at, name := range auditFieldNames {
		value := f[at]
		switch {
		case name == "" || value == "":
		case auditField(at) == auditPPID:
			l.number(name, value)
		case auditField(at) == auditKeys:
			l.put(name, valid(strings.ReplaceAll(value, "\x01", ",")))
		default:
			l.put(name, valid(value))
		}
	}
	if a.ambiguous {
		l.tag("ambiguous")
	}
	l.put("auditd.result", cmp.Or(auditResultOf(f[auditSuccess]), auditResultOf(f[auditResult])))
	if f[auditSyscall] != "" {
		l.auditSyscall(a)
	}
	for perm := range strings.FieldsSeq(a.perms) {
		l.event.Append("auditd.data.permissions", perm)
	}
	l.auditFile(a)
	l.auditArguments(a)
	l.auditSource(a)
}

// auditProcess says which process did it: the header's is who wrote the record down.
func (l *line) auditProcess(a *audited) {
	name := a.fields[auditComm]
	if exe := a.fields[auditExe]; name == "" && exe != "" {
		name = exe[strings.LastIndexByte(exe, '/')+1:]
	}
	l.event.Set("process.name", valid(name))
	if pid := a.fields[auditPID]; isNumber(pid) {
		l.event.Set("process.pid", pid)
	}
}

// auditSyscall writes what was called, by name where that is known.
func (l *line) auditSyscall(a *audited) {
	arch := a.fields[auditArch]
	if name, ok := architectures[arch]; ok {
		arch = name
	}
	l.put("auditd.data.arch", arch)
	name := a.fields[auditSyscallName]
	if c := a.call(); c != nil {
		name = c.name
	}
	if name == "" || strings.HasPrefix(name, "unknown-syscall") {
		name = a.fields[auditSyscall]
	}
	l.put("auditd.data.syscall", name)
}

// auditUsers says who did it and to whom. What a program says of an account is whom it is about; the number of a user is
// the process's.
func (l *line) auditUsers(a *audited) {
	f := &a.fields
	act := auditActions[a.kind]
	acct := f[auditAcct]
	if acct == "(unknown)" || acct == "(unknown user)" || acct == "(invalid user)" {
		acct = ""
	}
	acct = valid(acct)
	actor := true
	switch {
	case strings.HasPrefix(act.types, "group") || a.kind == "USER_ACCT" && !strings.HasPrefix(f[auditOp], "PAM"): // gpasswd
		l.put("group.name", cmp.Or(valid(f[auditGroup]), acct, f[auditIDName]))
		l.event.Set("group.id", f[auditID])
		f[auditGID] = ""
	case act.category == "iam":
		l.target(cmp.Or(acct, f[auditIDName]))
		l.put("user.target.id", f[auditID])
		l.put("group.name", valid(f[auditGroup]))
	case acct != "" || a.kind != "LOGIN" && (act.category == "authentication" || act.category == "session"):
		l.user(cmp.Or(acct, f[auditIDName])) // the number of the process's user is a daemon's
		l.put("user.id", f[auditID])
		actor = false
	}
	if !actor {
		l.put("auditd.data.uid", f[auditUID])
		f[auditUID] = ""
	} else {
		l.user(f[auditUIDName])
	}
	l.also("related.user", f[auditAUIDName])
	l.also("related.user", f[auditEUIDName])
}

// auditFile writes which file it was: the one that was made or renamed to, or the first that is no folder of another.
// A relative name is completed by the working directory, where nothing says that it is of another.
func (l *line) auditFile(a *audited) {
	var p *auditPath
	for i := range a.paths {
		switch q := &a.paths[i]; {
		case q.kind == "CREATE" && (p == nil || p.kind != "CREATE" || len(a.paths) > 1):
			p = q
		case q.kind != "PARENT" && p == nil:
			p = q
		}
	}
	if p == nil && len(a.paths) > 0 {
		p = &a.paths[0]
	}
	if p != nil {
		l.put("file.path", valid(a.absolute(p.name)))
		l.put("file.inode", p.inode)
		if len(p.mode) > 4 && isNumber(p.mode) {
			l.put("file.mode", p.mode[len(p.mode)-4:])
		}
		l.put("file.uid", p.uid)
		l.put("file.gid", p.gid)
	}
	switch name := valid(a.fields[auditName]); {
	case name == "" || p != nil:
	case name[0] == '/':
		l.put("file.path", name)
	case a.kind == "AVC":
		l.put("file.name", name)
	default:
		l.put("auditd.data.name", name)
	}
}

// absolute completes a name.
func (a *audited) absolute(name string) string {
	cwd := a.fields[auditCWD]
	call := a.call()
	if name == "" || name[0] == '/' || cwd == "" || cwd[0] != '/' || call == nil {
		return name
	}
	if strings.HasSuffix(strings.TrimSuffix(call.name, "2"), "at") && a.fields[auditA0] != "ffffff9c" { // AT_FDCWD
		return name
	}
	return strings.TrimSuffix(cwd, "/") + "/" + strings.TrimPrefix(name, "./")
}

// auditArguments writes the arguments of a command, at most maxWhole bytes of them.
func (l *line) auditArguments(a *audited) {
	if len(a.args) == 0 {
		return
	}
	size := 0
	for i, arg := range a.args {
		if size += len(arg) + 1; size > maxWhole {
			a.args, a.cut = a.args[:i], true
			break
		}
	}
	for i := range a.args {
		a.args[i] = valid(a.args[i])
	}
	l.list("process.args", a.args...)
	l.put("process.command_line", strings.Join(a.args, " "))
	if a.cut {
		l.tag("truncated")
	}
}

// auditSource says where it came from.
func (l *line) auditSource(a *audited) {
	addr, host := a.fields[auditAddr], a.fields[auditHostname]
	l.source(cmp.Or(addr, host), a.fields[auditPort])
	if host != "" && host != addr && canonical(host) == "" && addr != "" {
		l.put("source.domain", host)
		l.also("related.hosts", host)
	}
	if ip := canonical(a.other); ip != "" {
		l.also("source.ip", ip)
		l.also("related.ip", ip)
	}
}

// auditSocket writes an address (struct sockaddr, as digits): where a connection went, or came from.
func (l *line) auditSocket(saddr, action string) {
	saddr, _, _ = strings.Cut(saddr, "#") // rsyslog writes "#035" for the byte before what auditd adds: "#035SADDR={ …"
	family, addr, port, path := socketAddress(saddr)
	if family == "" {
		return
	}
	l.put("auditd.data.socket.family", family)
	l.put("auditd.data.socket.path", valid(path))
	switch {
	case addr == "":
	case action == "audit-connect":
		l.destination(addr, port)
	case action == "audit-accept":
		l.source(addr, port)
	default:
		l.put("auditd.data.socket.address", addr)
		l.port("auditd.data.socket.port", port)
		l.also("related.ip", addr)
	}
}

// socketAddress decodes a struct sockaddr. Its family is in the byte order of the host, the rest in that of the network.
func socketAddress(s string) (family, addr, port, path string) {
	if len(s)%2 != 0 || !isHexText(s) || len(s) < 4 {
		return "", "", "", ""
	}
	var b [128]byte
	n := min(len(s)/2, len(b))
	for i := range n {
		b[i] = nibble(s[2*i])<<4 | nibble(s[2*i+1])
	}
	switch f := b[0] | b[1]; {
	case b[0] != 0 && b[1] != 0:
		return "", "", "", ""
	case f == 1:
		text := strings.TrimPrefix(string(b[2:n]), "\x00") // of an abstract name
		text, _, _ = strings.Cut(text, "\x00")
		return "unix", "", "", text
	case f == 2 && n >= 8:
		addr = netip.AddrFrom4([4]byte(b[4:8])).String()
		return "inet", addr, portOf(b[2:4]), ""
	case f == 10 && n >= 24:
		addr = netip.AddrFrom16([16]byte(b[8:24])).Unmap().String()
		return "inet6", addr, portOf(b[2:4]), ""
	case f == 16:
		return "netlink", "", "", ""
	case f == 17:
		return "packet", "", "", ""
	}
	return "", "", "", ""
}

func portOf(b []byte) string { return strconv.Itoa(int(binary.BigEndian.Uint16(b))) }
