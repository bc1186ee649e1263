package journal

// field is one that an entry is known by; all others are kept by their names.
type field uint8

const (
	unknown field = iota
	cursorField
	realtime
	message
	priority
	facility
	identifier
	syslogPID
	sourceTime
	hostname
	machineID
	bootID
	namespace
	transport
	pid
	uid
	gid
	comm
	exe
	cmdline
	capabilities
	selinux
	loginUID
	auditSession
	cgroup
	invocationID
	ownerUID
	session
	slice
	unit
	userSlice
	userUnit
	ignored // it says nothing that is not said elsewhere
	fields
)

// fieldOf returns which field a name is (systemd.journal-fields(7)).
func fieldOf(name []byte) field {
	switch string(name) {
	case "__CURSOR":
		return cursorField
	case "__REALTIME_TIMESTAMP":
		return realtime
	case "__MONOTONIC_TIMESTAMP", "__SEQNUM", "__SEQNUM_ID", "_SOURCE_MONOTONIC_TIMESTAMP":
		return ignored
	case "MESSAGE":
		return message
	case "PRIORITY":
		return priority
	case "SYSLOG_FACILITY":
		return facility
	case "SYSLOG_IDENTIFIER":
		return identifier
	case "SYSLOG_PID":
		return syslogPID
	}
	if name[0] == '_' {
		return trustedField(name)
	}
	return unknown
}

// trustedField knows what journald adds by itself.
func trustedField(name []byte) field {
	switch string(name) {
	case "_SOURCE_REALTIME_TIMESTAMP":
		return sourceTime
	case "_HOSTNAME":
		return hostname
	case "_MACHINE_ID":
		return machineID
	case "_BOOT_ID":
		return bootID
	case "_NAMESPACE":
		return namespace
	case "_TRANSPORT":
		return transport
	case "_PID":
		return pid
	case "_UID":
		return uid
	case "_GID":
		return gid
	case "_COMM":
		return comm
	case "_EXE":
		return exe
	case "_CMDLINE":
		return cmdline
	case "_CAP_EFFECTIVE":
		return capabilities
	case "_SELINUX_CONTEXT":
		return selinux
	case "_AUDIT_LOGINUID":
		return loginUID
	case "_AUDIT_SESSION":
		return auditSession
	case "_SYSTEMD_CGROUP":
		return cgroup
	case "_SYSTEMD_INVOCATION_ID":
		return invocationID
	case "_SYSTEMD_OWNER_UID":
		return ownerUID
	case "_SYSTEMD_SESSION":
		return session
	case "_SYSTEMD_SLICE":
		return slice
	case "_SYSTEMD_UNIT":
		return unit
	case "_SYSTEMD_USER_SLICE":
		return userSlice
	case "_SYSTEMD_USER_UNIT":
		return userUnit
	}
	return unknown
}

// member is a field and its name in the event.
type member struct {
	field field
	name  string
}

// What journald proves, under the names that Filebeat's journald input gave it.
var (
	journaldMembers = []member{
		{bootID, "boot_id"}, {machineID, "machine_id"}, {namespace, "namespace"},
		{pid, "pid"}, {uid, "uid"}, {gid, "gid"}, {selinux, "selinux_context"},
	}
	auditMembers   = []member{{loginUID, "login_uid"}, {auditSession, "session"}}
	processMembers = []member{
		{comm, "name"}, {exe, "executable"}, {cmdline, "command_line"}, {capabilities, "capabilities"},
	}
	systemdMembers = []member{
		{transport, "transport"}, {unit, "unit"}, {userUnit, "user_unit"}, {slice, "slice"}, {userSlice, "user_slice"},
		{session, "session"}, {ownerUID, "owner_uid"}, {cgroup, "cgroup"}, {invocationID, "invocation_id"},
	}
)
