package receive

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"belfry/shared/event"
)

// mozdef maps the names of a MozDef event that are single words to those of ECS.
var mozdef = map[string]string{
	"category":     "labels.category",
	"hostname":     "host.name",
	"severity":     "log.level",
	"summary":      "message",
	"processname":  "process.name",
	"processid":    "process.pid",
	"source":       "event.provider",
	"utctimestamp": "@timestamp",
	"timestamp":    "@timestamp",
}

// rootNames are the field sets of ECS, and those that Belfry adds.
const rootNames = `@timestamp agent client cloud container data_stream destination details device dll dns ecs email error
	event faas file group hash host http labels ldap log message network observer orchestrator organization package process
	registry related rule server service source span sudo tags threat tls trace transaction url user user_agent
	vulnerability x509`

var roots = func() map[string]bool {
	all := make(map[string]bool)
	for _, r := range strings.Fields(rootNames) {
		all[r] = true
	}
	return all
}()

func isRoot(name string) bool {
	root, _, _ := strings.Cut(name, ".")
	return roots[root]
}

// The tags of foreign events.
const (
	tagNoID            = "no_id"           // it may be here twice: its sender has no name for it
	tagClaimed         = "claimed"         // its sender claimed what only Belfry says; that is kept under details
	tagUnauthenticated = "unauthenticated" // nobody knows who sent it
)

// ourTags say something that a sender may not.
var ourTags = []string{tagNoID, tagClaimed, tagUnauthenticated, "doubt", "identity_mismatch", "time_out_of_range", "clock_not_set", "timezone_unknown"}

// ourFields are Belfry's to set. What a sender says there is kept under details.
var ourFields = []string{"agent.id", "agent.name", "event.id", "event.created", "event.ingested", "log.offset"}

// adopt gives a foreign event the names of ECS, and those fields that are Belfry's to set.
func adopt(in *event.Event, from Origin) *event.Event {
	out := &event.Event{Fields: make([]event.Field, 0, len(in.Fields)+6)}
	claimed := false
	for _, f := range in.Fields {
		to := rename(f.Name, in)
		switch {
		case pretends(to, f.Value):
			claimed = true
			to = "details." + to
		case slices.Contains(ourFields, to): // any shipper says these of itself
			to = "details." + to
		}
		out.Append(to, f.Value)
	}
	setTime(out, from.Now)
	out.Set("event.created", from.Now.UTC().Format(time.RFC3339Nano))
	out.Set("event.id", event.RandomKey().String())
	out.Set("agent.name", from.Sender)
	out.Default("event.kind", "event")
	out.Add("tags", tagNoID)
	if claimed {
		out.Add("tags", tagClaimed)
	}
	if from.Sender == "" {
		out.Add("tags", tagUnauthenticated)
	}
	return out
}

// pretends reports whether a value would make an event look like one of Belfry's own, or like one that Belfry judged.
func pretends(name, value string) bool {
	switch name {
	case "event.dataset":
		return hasPrefixFold(value, "belfry.") || strings.EqualFold(value, "belfry")
	case "event.kind":
		return value == "pipeline_error"
	case "tags":
		return slices.Contains(ourTags, value)
	}
	return false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// name gives an event the id that follows from its sender and the sender's name for it. So it is known when it comes
// again.
func name(e *event.Event, sender string, parts ...string) {
	e.Set("event.id", event.HashKey(append([]string{"named", sender}, parts...)...).String())
	tags := e.All("tags")
	e.Delete("tags")
	for _, t := range tags {
		if t != tagNoID {
			e.Append("tags", t)
		}
	}
}

// Named reports whether an event of a foreign sender has an id by which it is known when it comes again.
func Named(e *event.Event) bool { return !slices.Contains(e.All("tags"), tagNoID) }

// rename returns the ECS name for a foreign one.
func rename(name string, in *event.Event) string {
	if to, ok := mozdef[name]; ok && (name == "utctimestamp" || in.Get(to) == "" && !(name == "timestamp" && in.Has("utctimestamp"))) {
		return to
	}
	switch {
	case name == "source" || name == "host" || name == "user" || name == "process": // a field set of ECS, never a value
		return "labels." + name
	case isRoot(name):
		return name
	case strings.Contains(name, "."):
		return "details." + name
	}
	return "labels." + name
}

// setTime makes one valid @timestamp of what the sender said, or takes the time of arrival.
func setTime(e *event.Event, now time.Time) {
	said := e.Get("@timestamp")
	t, err := parseTime(said)
	if err != nil {
		t = now
		e.Append("labels.log_time", said)
	}
	e.Set("@timestamp", t.UTC().Format(time.RFC3339Nano))
}

// parseTime reads RFC 3339 and the like, or seconds or milliseconds since 1970.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", time.DateTime} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > 1e14 {
		return time.Time{}, fmt.Errorf("time %q is not RFC 3339", s)
	}
	if n > 1e11 {
		return time.UnixMilli(int64(n)), nil
	}
	return time.UnixMicro(int64(n * 1e6)), nil
}
