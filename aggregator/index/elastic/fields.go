package elastic

import (
	"slices"
	"strings"
)

// knownFields are the names of fields that the mapping has: those of the Elastic Common Schema (8.x) that log lines
// fill, and those that our own parsers and parts write. A line is a prefix and what follows it. labels and details are
// not in it: their names are the senders' own. Types are event.TypeOf's, but for places: see isPlace.
const knownFields = `
@timestamp message tags
access. request
agent. build.original ephemeral_id id name type version
apache. module
auditd. message_type result sequence session
auditd.data. a0 a1 a2 a3 apparmor arch cause data denied_mask dev exit grantors name op operation permissions permissive
auditd.data. profile requested_mask scontext sig socket.address socket.family socket.path socket.port subj syscall table
auditd.data. tclass tcontext terminal uid
belfry. clone.agent clone.boots doubt.end doubt.epoch doubt.reason doubt.stream gap.id gap.messages gap.reason ref_time
belfry.heartbeat. boot certificate_expires config dropped spool_bytes streams
belfry.silence. hosts queue
bind. client_subnet flags key key_claimed network view zone
cisco.asa. connection_id hit_count icmp_code icmp_type session_type tcp_flags tunnel_group
client. address bytes domain ip mac nat.ip nat.port packets port registered_domain subdomain top_level_domain
client.as. number organization.name
client.user. domain email full_name hash id name roles
cloud. account.id account.name availability_zone instance.id instance.name machine.type project.id project.name provider
cloud. region service.name
container. id image.hash.all image.name image.tag name runtime
coredump. name pid
cron. job job_pid
data_stream. dataset namespace type
destination. address bytes domain ip mac nat.ip nat.port packets port registered_domain subdomain top_level_domain
destination.as. number organization.name
destination.user. domain email full_name hash id name roles
device. event_id id manufacturer model.identifier model.name name product severity vendor version
dns. header_flags id op_code question.class question.name question.registered_domain question.subdomain
dns. question.top_level_domain question.type resolved_ip response_code type
dovecot. attempts database mail_pid method session
ecs. version
email. bcc.address cc.address content_type delivery_timestamp direction from.address local_id message_id
email. origination_timestamp reply_to.address sender.address subject to.address x_mailer
error. code id message stack_trace type
event. action agent_id_status category code created dataset duration end hash id ingested kind module original outcome
event. provider reason reference risk_score risk_score_norm sequence severity start timezone type url
file. accessed attributes created ctime device directory drive_letter extension fork_name gid group inode mime_type mode
file. mtime name owner path size target_path type uid
file.hash. md5 sha1 sha256 sha384 sha512 ssdeep
group. domain id name
haproxy. backend_name captured_request_headers captured_response_headers frontend_name server_name termination_state
host. architecture boot.id domain hostname id ip mac name pid_ns_ino type uptime
host.os. family full kernel name platform type version
http. request.body.bytes request.body.content request.bytes request.id request.method request.mime_type request.referrer
http. response.body.bytes response.body.content response.bytes response.mime_type response.status_code version
journald. audit.login_uid audit.session boot_id custom.code_file custom.message_id custom.request custom.syslog_timestamp
journald. gid identifier machine_id namespace pid process.capabilities process.command_line process.executable process.name
journald. selinux_context trusted.line_break trusted.runtime_scope uid
kernel.usb. port product product_id serial vendor vendor_id
ldap. abandoned anonymous attributes audit base close_code complete connection dn entries filter first grace_logins internal
ldap. mechanism notes notes_text oid operation queue_time replica request result.code result.name scope ssf tls
log. file.path level logger offset origin.file.line origin.file.name origin.function original_length repeated source.address
log.syslog. appname facility.code facility.name hostname msgid priority procid severity.code severity.name version
logind. class seat session type
netfilter. arp.operation fragment.offset icmp.code icmp.gateway icmp.id icmp.mtu icmp.sequence icmp.type id incomplete
netfilter. ipsec.spi length mark physical.in physical.out tcp.acknowledgement tcp.flags tcp.sequence tcp.window tos ttl
netfilter.quoted. destination.ip destination.port source.ip source.port transport
network. application bytes community_id direction forwarded_ip iana_number inner.vlan.id inner.vlan.name name packets protocol
network. transport type vlan.id vlan.name
nginx. upstream
observer. egress.interface.alias egress.interface.id egress.interface.name egress.vlan.id egress.zone hostname
observer. ingress.interface.alias ingress.interface.id ingress.interface.name ingress.vlan.id ingress.zone ip mac name product
observer. serial_number type vendor version
openvpn. client.platform client.version control virtual_ip
orchestrator. api_version cluster.id cluster.name cluster.url cluster.version namespace organization resource.id resource.ip
orchestrator. resource.name resource.parent.type resource.type type
organization. id name
package. architecture build_version checksum description install_scope installed license name path reference size type version
pam. attempts
polkit. action bus_name scope subject
postfix. command commands delay delays dnsbl_rank dsn helo next_queue_id notification_id original_queue_id original_to protocol
postfix. queue_id recipients relay reply_code sasl_method size status
process. args args_count command_line end entity_id env_vars executable exit_code interactive name pgid pid ppid same_as_process
process. start thread.id thread.name title tty uptime working_directory
process.hash. md5 sha1 sha256
process.parent. args args_count command_line entity_id executable name pid start title working_directory
registry. data.bytes data.strings data.type hive key path value
related. hash hosts ip user
rule. author category description id license name reference ruleset uuid version
server. address bytes domain ip mac nat.ip nat.port packets port registered_domain subdomain top_level_domain
server.as. number organization.name
server.user. domain email full_name hash id name roles
service. address environment ephemeral_id id name node.name node.role node.roles state type version
sftp. bytes_read bytes_written flags version
source. address bytes domain ip mac nat.ip nat.port packets port registered_domain subdomain top_level_domain
source.as. number organization.name
source.user. domain email full_name hash id name roles
span. id
ssh. certificate.id certificate.serial client_version fingerprint issuer.fingerprint issuer.key_type key_type method principal
ssh. service session session_pid subsystem
sudo. attempts chroot continues dumped_core host iolog_path part reason run_time signal source submitcwd submithost tsid uuid
systemd. cgroup client.name client.pid client.unit code description invocation_id killed.name killed.pid owner_uid restarts
systemd. result session signal slice status step transport unit user_slice user_unit
threat. feed.name framework group.id group.name software.id software.name tactic.id tactic.name technique.id technique.name
threat.indicator. description email.address ip name port provider reference type url.domain url.full url.original url.path
tls. cipher client.hash.sha256 client.issuer client.ja3 client.server_name client.subject client.x509.issuer.common_name
tls. client.x509.serial_number client.x509.subject.common_name client.x509.subject.distinguished_name curve established
tls. next_protocol resumed server.hash.sha256 server.issuer server.ja3s server.subject server.x509.serial_number
tls. server.x509.subject.common_name version version_protocol
trace. id
transaction. id
url. domain extension fragment full original password path port query registered_domain scheme subdomain top_level_domain username
user. domain email full_name hash id name roles
user.audit. group.id group.name id name
user.changes. domain email expiration full_name group.id group.name home id inactive name roles shell
user.effective. domain email full_name group.id group.name hash id name roles
user.filesystem. group.id group.name id name
user.saved. group.id group.name id name
user.target. domain email full_name group.id group.name hash id name roles
user_agent. device.name name original os.full os.name os.version version
vulnerability. category classification description enumeration id reference report_id scanner.vendor score.version severity
wireguard. peer
`

// geoFields follow each of the ends of a connection that has a place.
const geoFields = `city_name continent_code continent_name country_iso_code country_name location name postal_code region_iso_code
region_name timezone`

var geoEnds = [...]string{"client", "destination", "host", "observer", "server", "source"}

// table holds the known names, and what lies between them.
type table struct {
	names   []string // sorted
	leaves  map[string]bool
	objects map[string]bool // "source", "source.geo"
}

var fields = newTable()

func newTable() *table {
	t := &table{leaves: make(map[string]bool), objects: map[string]bool{ownObject: true}}
	for line := range strings.Lines(knownFields) {
		prefix, words := "", strings.Fields(line)
		if len(words) > 0 && strings.HasSuffix(words[0], ".") {
			prefix, words = words[0], words[1:]
		}
		t.add(prefix, words)
	}
	for _, end := range geoEnds {
		t.add(end+".geo.", strings.Fields(geoFields))
	}
	for name := range t.leaves {
		t.names = append(t.names, name)
	}
	slices.Sort(t.names)
	return t
}

func (t *table) add(prefix string, words []string) {
	for _, w := range words {
		name := prefix + w
		t.leaves[name] = true
		for i, c := range name {
			if c == '.' {
				t.objects[name[:i]] = true
			}
		}
	}
}

// known reports whether the mapping has a field by name.
func known(name string) bool { return fields.leaves[name] }
