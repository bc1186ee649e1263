package event

// Type is what a field's values are.
type Type uint8

// The types of ECS that Belfry tells apart.
const (
	Keyword Type = iota // one exact string; every name that is not listed
	Text                // words, for full-text search
	Long                // decimal integer
	Float               // decimal number
	Bool                // "true" or "false"
	Date                // RFC 3339 with up to nanoseconds, UTC
	IP                  // IPv4 or IPv6 address
)

// types holds the ECS fields that are not keywords.
var types = map[string]Type{
	"@timestamp":    Date,
	"message":       Text,
	"error.message": Text,

	"event.created": Date, "event.ingested": Date, "event.start": Date, "event.end": Date,
	"event.original": Text, "event.duration": Long, "event.severity": Long, "event.risk_score": Float,
	"event.sequence": Long,

	"host.ip": IP, "source.ip": IP, "destination.ip": IP, "client.ip": IP, "server.ip": IP, "related.ip": IP,
	"threat.indicator.ip": IP,
	"source.port":         Long, "destination.port": Long, "client.port": Long, "server.port": Long,
	"source.bytes": Long, "destination.bytes": Long, "network.bytes": Long, "network.packets": Long,
	"source.as.number": Long, "destination.as.number": Long, "client.as.number": Long, "server.as.number": Long,

	"process.pid": Long, "process.ppid": Long, "process.exit_code": Long, "process.args_count": Long,
	"process.thread.id": Long,

	"log.repeated": Long, "log.offset": Long, "log.original_length": Long, "log.origin.file.line": Long,
	"log.syslog.priority": Long, "log.syslog.facility.code": Long, "log.syslog.severity.code": Long,

	"http.response.status_code": Long, "network.forwarded_ip": IP, "tls.established": Bool, "http.response.body.bytes": Long, "url.port": Long,

	"ldap.connection": Long, "ldap.operation": Long, "ldap.result.code": Long, "ldap.entries": Long,
	"ldap.ssf": Long, "ldap.grace_logins": Long, "ldap.abandoned": Long, "ldap.queue_time": Float,
	"ldap.tls": Bool, "ldap.anonymous": Bool, "ldap.complete": Bool, "ldap.internal": Bool,

	"sudo.attempts": Long, "sudo.run_time": Float, "sudo.dumped_core": Bool, "process.parent.pid": Long,

	"dovecot.attempts": Long, "dovecot.mail_pid": Long,
	"postfix.delay": Float, "postfix.dnsbl_rank": Long, "postfix.recipients": Long, "postfix.size": Long,
	"auditd.data.socket.address": IP, "auditd.data.socket.port": Long,

	"source.nat.ip": IP, "source.nat.port": Long, "destination.nat.ip": IP, "destination.nat.port": Long,
	"cisco.asa.connection_id": Long, "cisco.asa.hit_count": Long, "cisco.asa.icmp_type": Long, "cisco.asa.icmp_code": Long,

	"openvpn.virtual_ip": IP,

	"netfilter.length": Long, "netfilter.ttl": Long, "netfilter.id": Long, "netfilter.fragment.offset": Long,
	"netfilter.icmp.type": Long, "netfilter.icmp.code": Long, "netfilter.icmp.gateway": IP, "netfilter.icmp.mtu": Long,
	"netfilter.icmp.id": Long, "netfilter.icmp.sequence": Long,
	"netfilter.tcp.window": Long, "netfilter.tcp.sequence": Long, "netfilter.tcp.acknowledgement": Long,
	"netfilter.incomplete": Long, "netfilter.quoted.source.ip": IP, "netfilter.quoted.destination.ip": IP,
	"netfilter.quoted.source.port": Long, "netfilter.quoted.destination.port": Long,

	"pam.attempts": Long,
	"cron.job_pid": Long, "coredump.pid": Long,
	"systemd.restarts": Long, "systemd.client.pid": Long, "systemd.killed.pid": Long,
	"ssh.session_pid": Long, "sftp.bytes_read": Long, "sftp.bytes_written": Long, "sftp.version": Long, "file.size": Long,
}

// lists holds the ECS fields that are lists even when they have one value.
var lists = map[string]bool{
	"tags": true, "event.category": true, "event.type": true, "host.ip": true, "host.mac": true,
	"process.args": true, "process.env_vars": true,
	"related.user": true, "related.ip": true, "related.hosts": true, "related.hash": true,
	"ldap.attributes": true, "ldap.notes": true, "dns.resolved_ip": true, "dns.header_flags": true,
	"email.from.address": true, "email.to.address": true,
	"netfilter.tcp.flags": true, "auditd.data.permissions": true,
}

// TypeOf returns the type of a field by its name. Names outside ECS are keywords.
func TypeOf(name string) Type { return types[name] }

// IsList reports whether a field is written as a list even when it has one value.
func IsList(name string) bool { return lists[name] }
