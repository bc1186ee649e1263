package parse

import (
	"encoding/json"
	"slices"
	"strings"

	"belfry/shared/event"
)

// ecsRoots are the sets of fields of which a line may tell, where it uses the names of ECS.
var ecsRoots = func() map[string]bool {
	all := make(map[string]bool)
	for root := range strings.FieldsSeq(`client cloud container destination device dll dns ecs email error event faas file
		group hash http log network orchestrator organization package process registry related rule server service source
		span threat transaction trace url user user_agent vulnerability x509`) {
		all[root] = true
	}
	return all
}()

// ownFields are those that say what was proven of an event, or what Belfry makes of it. One that ends with a dot is a
// whole set. What happened is Belfry's word too: attempts are counted by action and outcome, and whoever has a program
// print a line of his would be counted. A parser of the operator's may take them.
var ownFields = []string{
	"event.action", "event.category", "event.type", "event.outcome",
	"event.id", "event.original", "event.created", "event.ingested", "event.timezone", "event.kind",
	"event.module", "event.provider", "event.hash",
	"log.offset", "log.original_length", "log.file.", "log.syslog.", "log.source.", "related.", "cloud.", "container.",
}

// mayClaim reports whether a line may set a field of ECS by its name: not who sent it, where it was found and by whom,
// or what Belfry says of it.
func mayClaim(name string) bool {
	root, _, dotted := strings.Cut(name, ".")
	return dotted && ecsRoots[root] && !isOwn(name)
}

func isOwn(name string) bool {
	return slices.ContainsFunc(ownFields, func(own string) bool {
		return name == own || own[len(own)-1] == '.' && strings.HasPrefix(name, own)
	})
}

// isOwnLabel reports whether a label is one that agents, this package and the enricher set: where an address is, and what
// is known of a host, is not for a line to say.
func isOwnLabel(key string) bool {
	switch key {
	case "log_time", "raw_base64", "dataset", "threat_field", "dead_letter",
		"source_class", "destination_class", "client_class", "server_class",
		"source_host", "destination_host", "client_host", "server_host",
		"host_owner", "host_team", "host_criticality", "user_owner", "user_team", "user_criticality",
		"user_target_team", "user_target_criticality", "user_effective_team", "user_effective_criticality":
		return true
	}
	return false
}

// fits reports whether a field may have a value: it is of its type, and one of those that ECS allows.
func fits(name, value string) bool {
	switch event.TypeOf(name) {
	case event.Long:
		n, ok := number(value)
		return ok && (n <= 65535 || !strings.HasSuffix(name, ".port"))
	case event.Float:
		return json.Valid([]byte(value)) && value[0] != '"'
	case event.Bool:
		return value == "true" || value == "false"
	case event.IP:
		return canonical(value) == value
	case event.Date:
		return false // one that is not proven
	}
	switch name {
	case "event.dataset": // Belfry's own are told by it
		const own = "belfry"
		return len(value) < len(own) || !strings.EqualFold(value[:len(own)], own)
	case "event.outcome":
		return value == "success" || value == "failure" || value == "unknown"
	case "event.category":
		return slices.Contains(categories, value)
	case "event.type":
		return slices.Contains(eventTypes, value)
	}
	return true
}

// The values that ECS allows.
var (
	categories = strings.Fields(`api authentication configuration database driver email file host iam intrusion_detection
		library malware network package process registry session threat vulnerability web`)
	eventTypes = strings.Fields(`access admin allowed change connection creation deletion denied end error group indicator
		info installation protocol start user`)
)
