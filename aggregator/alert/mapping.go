package alert

import "go.yaml.in/yaml/v3"

// fieldNames are the names of Sigma's taxonomy (linux, generic) that have another name in ECS. Rules may use either.
var fieldNames = map[string]string{
	"User":              "user.name",
	"TargetUserName":    "user.target.name",
	"Image":             "process.executable",
	"CommandLine":       "process.command_line",
	"CurrentDirectory":  "process.working_directory",
	"ProcessId":         "process.pid",
	"ParentImage":       "process.parent.executable",
	"ParentCommandLine": "process.parent.command_line",
	"ParentProcessId":   "process.parent.pid",
	"Computer":          "host.name",
	"SourceIp":          "source.ip",
	"src_ip":            "source.ip",
	"SourcePort":        "source.port",
	"src_port":          "source.port",
	"DestinationIp":     "destination.ip",
	"dst_ip":            "destination.ip",
	"DestinationPort":   "destination.port",
	"dst_port":          "destination.port",
}

// services are the values of logsource.service that name programs otherwise than the service is called; any other
// service is the name of its program.
var services = map[string][]string{
	"auth":     nil, // lines of any program: what was in /var/log/auth.log
	"syslog":   nil,
	"sshd":     {"sshd", "sshd-session", "sshd-auth"},
	"cron":     {"cron", "crond", "CRON"},
	"auditd":   {"auditd", "audit"},
	"openldap": {"slapd"},
	"389ds":    {"ns-slapd"},
}

// categories are the values of logsource.category, as event.category.
var categories = map[string]string{
	"process_creation":   "process",
	"network_connection": "network",
	"authentication":     "authentication",
	"file_event":         "file",
	"firewall":           "network",
	"webserver":          "web",
}

// logsource reads where the events of a rule come from, as a condition; nil for anywhere.
func (r *reader) logsource(n *yaml.Node) cond {
	var all allOf
	for _, p := range r.pairs(n, "logsource") {
		text := r.text(p.value, "logsource."+p.name)
		switch p.name {
		case "definition":
		case "product":
			if text != "linux" && text != "unix" && text != "belfry" {
				r.fail(p.value, "logsource.product %q: only linux, unix and belfry are mapped", text)
			}
		case "service":
			all = append(all, programs(text)...)
		case "category":
			c, ok := categories[text]
			if !ok {
				r.fail(p.value, "logsource.category %q is not mapped", text)
				continue
			}
			all = append(all, equal("event.category", c))
		default:
			r.fail(p.key, "logsource.%s: unknown key", p.name)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func programs(service string) []cond {
	names, ok := services[service]
	switch {
	case !ok:
		return []cond{equal("process.name", service)}
	case len(names) == 0:
		return nil
	}
	return []cond{equal("process.name", names...)}
}

func equal(field string, values ...string) cond {
	c := oneOf{field: field, values: map[string]struct{}{}}
	for _, v := range values {
		c.add(v)
	}
	return c
}
