package parse

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"belfry/shared/event"
)

// sliced reports values that are neither a part of the lines so far, nor a known constant, nor the documented decoding
// of a part. lines are all that the parser has seen of that host.
func sliced(t *testing.T, e *event.Event, lines []string) {
	t.Helper()
	for _, f := range e.Fields {
		if isGiven(f.Name) || partOf(f.Value, lines) || slices.Contains(constants[f.Name], f.Value) {
			continue
		}
		if shape, ok := shapes[f.Name]; ok && shape.MatchString(f.Value) {
			continue
		}
		if decodes, ok := decodings[f.Name]; ok && decodes(f.Value, lines) {
			continue
		}
		if inBody(f.Value, lines) || f.Name == overflowField {
			continue
		}
		if decodesAudit[f.Name] && auditDecoded(f.Value, lines) {
			continue
		}
		t.Errorf("%q: %s is %q, which is nowhere in the lines", lines[len(lines)-1], f.Name, f.Value)
	}
}

// isGiven reports whether a field is not of the line: it names the event, or is of its header and time.
func isGiven(name string) bool {
	switch name {
	case "@timestamp", "event.start", "event.end", "event.id", "event.created", "event.timezone", "event.kind", "agent.id", "host.name", "labels.log_time",
		"log.level", "event.severity", "sudo.continues":
		return true
	}
	return strings.HasPrefix(name, "log.syslog.")
}

func partOf(value string, lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, value) })
}

// constants are the values that a field may have beside those in the line.
var constants = map[string][]string{
	"event.outcome": {"success", "failure"},
	"event.category": strings.Fields(`api authentication configuration database driver email file host iam
		intrusion_detection library malware network package process registry session threat vulnerability web`),
	"event.type": strings.Fields(`access admin allowed change connection creation deletion denied end error group
		indicator info installation protocol start user`),
	"ldap.tls": {"true", "false"}, "ldap.anonymous": {"true"}, "ldap.complete": {"true", "false"},
	"ldap.mechanism":       {"SIMPLE", "SASL"},
	"ldap.scope":           {"base", "one", "sub", "children"},
	"tls.version_protocol": {"tls"}, "tls.established": {"true", "false"},
	"network.protocol": {"smtp", "dns"},
	"dns.header_flags": {"RD", "CD", "DO"}, "dns.type": {"query"}, "process.name": {"named", "slapd", "ns-slapd", "sudo"},
	"ldap.internal":       {"true"},
	"tags":                {"overflow", "ambiguous", "truncated", "dst_ambiguous", "timezone_unknown", "time_out_of_range", "clock_not_set", "truncated_json", "superuser_added"},
	"sudo.dumped_core":    {"true", "false"},
	"network.type":        {"ipv4", "ipv6", "arp"},
	"network.transport":   protocolNames(),
	"network.iana_number": protocolNumbers(),

	"netfilter.quoted.transport": protocolNames(),

	"auditd.result":             {"success", "fail"},
	"auditd.data.arch":          architectureNames(),
	"auditd.data.socket.family": {"unix", "inet", "inet6", "netlink", "packet"},
	"ssh.method":                {"keyboard-interactive/pam", "password", "publickey", "none"},
	"ssh.session":               {"subsystem"},
	"user.name":                 {"root"},
	"related.user":              {"root"},
	"event.reason": {
		"root login refused", "member renamed", "wheel", "tty is not secure", "invalid shell", "too many logins",
		"no logins allowed", "local port forward", "streamlocal port forward", "connect",
		"bad protocol version identification", "password expiry", "lame server", "shadow group", "invalid user",
	},
}

// shapes are the values that are names of ours.
var shapes = map[string]*regexp.Regexp{
	"event.action":        regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`),
	"auditd.message_type": regexp.MustCompile(`^[A-Z0-9_]+$`), // of a number
	"auditd.data.syscall": regexp.MustCompile(`^[a-z0-9_]+$`),
	"ldap.request":        regexp.MustCompile(`^[a-z]+$`),
	"ldap.result.name":    regexp.MustCompile(`^(e-)?[a-zA-Z]+$|^unknown\(\d+\)$`),
}

// decodings are the documented ones, each of a part of the line.
var decodings = map[string]func(value string, lines []string) bool{
	"source.nat.ip": anAddress, "destination.nat.ip": anAddress,
	"openvpn.virtual_ip": anAddress,
	"source.mac":         aMAC, "destination.mac": aMAC,
	"netfilter.quoted.source.ip": anAddress, "netfilter.quoted.destination.ip": anAddress,
	"source.ip": anAddress, "destination.ip": anAddress, "client.ip": anAddress, "server.ip": anAddress, "related.ip": anAddress,
	"network.forwarded_ip": anAddress,
	"user.name":            unescaped, // of a DN
	"user.id":              unescaped,
	"related.user":         glued,
	"process.args":         glued,                                 // of sudo's quotes
	"event.reason":         orClosed(glued), "sudo.reason": glued, // of what sudo wrote in parts, and codes of 389-ds
	"ldap.dn": inBody, "ldap.base": inBody, "ldap.filter": inBody, "ldap.attributes": inBody, "ldap.oid": inBody, // of JSON
	"tls.client.subject": inBody, "tls.client.issuer": inBody, "ldap.audit": inBody, "tls.cipher": inBody, "tls.version": inBody,
	"log.logger": inBody, "source.address": inBody, "destination.address": inBody, "ldap.close_code": inBody,
	"sudo.part":        isCount,
	"ldap.result.code": isCount,
	"event.duration":   isCount, // in nanoseconds
	"sudo.run_time":    decimal,
	"process.tty":      glued, // what follows is of JSON
	"sudo.chroot":      glued, "sudo.source": glued, "sudo.host": glued, "sudo.submithost": glued,
	"sudo.submitcwd": glued, "sudo.iolog_path": glued, "sudo.tsid": glued, "sudo.signal": glued,
	"sudo.uuid": glued, "related.hosts": glued,
	"process.command_line": glued, "process.executable": glued, "process.env_vars": glued,
	"process.working_directory": glued, "user.effective.name": glued, "user.target.name": glued, "group.name": glued,
}

// inBody reports whether value is what a quote of the lines says, its escapes decoded, or what a quote within that does;
// or a part of a line of CEF.
func inBody(value string, lines []string) bool {
	for _, line := range lines {
		if strings.Contains(slashless.Replace(line), value) {
			return true
		}
		said := quoted(line)
		if slices.Contains(said, value) {
			return true
		}
		for _, s := range said {
			if strings.Contains(s, value) || slices.Contains(quoted(s), value) {
				return true
			}
		}
	}
	return false
}

var slashless = strings.NewReplacer(`\\`, `\`, `\|`, `|`, `\=`, `=`, `\n`, "\n", `\r`, "\r")

var control = regexp.MustCompile(`[\x00-\x1f]`)

// quoted returns what stands in quotes, wherever one may begin, as another decoder reads it.
func quoted(line string) []string {
	var all []string
	for i := range len(line) {
		if line[i] != '"' && line[i] != '\'' {
			continue
		}
		inside := line[i+1:]
		end := 0
		for end < len(inside) && inside[end] != line[i] {
			if inside[end] == '\\' {
				end++
			}
			end++
		}
		inside = inside[:min(end, len(inside))]
		if line[i] == '\'' {
			inside = strings.ReplaceAll(inside, `"`, `\u0022`)
		}
		inside = control.ReplaceAllStringFunc(inside, func(c string) string { return fmt.Sprintf(`\u%04x`, c[0]) })
		var s string
		if json.Unmarshal([]byte(`"`+inside+`"`), &s) == nil {
			all = append(all, s)
		}
	}
	return all
}

func isCount(value string, _ []string) bool { return isNumber(value) }

func decimal(value string, _ []string) bool { return isDecimal(value) }

// anAddress reports whether the canonical form of some word of the lines is value.
func anAddress(value string, lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t()[]<>=,;'`\"#|/", r) })
		return slices.ContainsFunc(words, func(w string) bool {
			host, _, _ := cutLast(w, ":")
			_, behind, _ := strings.Cut(w, ":") // an interface
			if behind = strings.TrimRight(behind, ".:"); behind != "" && canonical(behind) == value {
				return true
			}
			return canonical(w) == value || canonical(host) == value || canonical(strings.Trim(w, ":.")) == value
		})
	})
}

// bare keeps what no escaping or folding changes: letters and digits.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// unescaped reports whether value may be a part of the lines from which escapes were taken: its letters and digits
// stand there in their order, with no more between them than the escapes' own.
func unescaped(value string, lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return inOrder(bare(value), line) || strings.Contains(hexed.ReplaceAllStringFunc(line, unhex), bare(value))
	})
}

// hexed is a byte as web servers escape it.
var hexed = regexp.MustCompile(`\\x[0-9a-fA-F]{2}`)

func unhex(s string) string {
	b, _ := strconv.ParseUint(s[2:], 16, 8)
	return string([]byte{byte(b)})
}

// inOrder reports whether all bytes of value stand in line in that order.
func inOrder(value, line string) bool {
	for i := range len(value) {
		at := strings.IndexByte(line, value[i])
		if at < 0 {
			return false
		}
		line = line[at+1:]
	}
	return true
}

// glued reports whether value may be made of parts of several lines, and of control characters as sudo shows them.
func glued(value string, lines []string) bool {
	all := strings.Join(lines, " ")
	return inOrder(bare(value), all) || inOrder(bare(octal.ReplaceAllString(value, "")), all)
}

// octal is a character as sudo shows it.
var octal = regexp.MustCompile(`#0[0-7]{1,3}`)

// orClosed allows for what the codes of closed connections mean.
func orClosed(other func(string, []string) bool) func(string, []string) bool {
	return func(value string, lines []string) bool {
		for _, meaning := range ds389Close {
			if value == meaning {
				return true
			}
		}
		return other(value, lines)
	}
}

func protocolNames() (names []string) {
	for _, p := range protocols {
		names = append(names, p.name)
	}
	return names
}

func protocolNumbers() (numbers []string) {
	for _, p := range protocols {
		numbers = append(numbers, p.number)
	}
	return numbers
}

// aMAC reports whether value is an address of the lines as ECS writes it.
func aMAC(value string, lines []string) bool {
	return partOf(strings.ToLower(strings.ReplaceAll(value, "-", ":")), lines) || partOf(strings.ReplaceAll(value, "-", ":"), lines)
}

func architectureNames() (names []string) {
	for _, name := range architectures {
		names = append(names, name)
	}
	return names
}

// decodesAudit are the fields that audit may write as hexadecimal digits, or that are made of several records.
var decodesAudit = map[string]bool{
	"process.name": true, "process.executable": true, "process.working_directory": true, "process.title": true, "process.args": true,
	"process.command_line": true, "user.name": true, "user.target.name": true, "group.name": true, "related.user": true,
	"file.path": true, "file.name": true, "rule.name": true, "auditd.data.data": true, "auditd.data.apparmor": true,
	"auditd.data.operation": true, "auditd.data.profile": true, "auditd.data.requested_mask": true, "auditd.data.denied_mask": true,
	"auditd.data.cause": true, "auditd.data.name": true, "auditd.data.socket.path": true, "auditd.data.socket.address": true,
	"auditd.data.socket.port": true, "destination.ip": true, "destination.port": true, "source.ip": true, "source.port": true,
	"related.ip": true, "user.id": true, "group.id": true,
}

// auditDecoded reports whether value may be decoded from digits in the lines: its letters stand there in their order, each as it
// is or as two digits. An address or a port stands there as the bytes that it means.
func auditDecoded(value string, lines []string) bool {
	text := strings.Join(lines, " ")
	if ip, err := netip.ParseAddr(value); err == nil {
		return strings.Contains(strings.ToLower(text), hex.EncodeToString(ip.AsSlice()))
	}
	if n, ok := number(value); ok && n <= 65535 && strings.Contains(strings.ToLower(text), fmt.Sprintf("%04x", n)) {
		return true
	}
	for _, r := range value {
		if r == ' ' || r == ',' || r == '\uFFFD' {
			continue
		}
		for _, c := range []byte(string(r)) {
			end := -1
			if at := strings.IndexByte(text, c); at >= 0 && c < 0x80 {
				end = at + 1
			}
			if at := strings.Index(text, fmt.Sprintf("%02X", c)); at >= 0 && (end < 0 || at+2 < end) {
				end = at + 2
			} else if at := strings.Index(text, fmt.Sprintf("%02x", c)); at >= 0 && (end < 0 || at+2 < end) {
				end = at + 2
			}
			if end < 0 {
				return strings.Contains(text, string(r))
			}
			text = text[end:]
		}
	}
	return true
}
