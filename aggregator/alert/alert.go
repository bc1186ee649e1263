// Package alert evaluates rules over events as they pass and delivers what fired.
//
// Rules are Sigma (detections; correlations come later) with ECS field names, and a block `belfry:` of our own. All of
// them compile into one matcher, whose prefilter looks only at the rules that the values of an event can satisfy, so
// that cost does not grow with the number of rules. No regular expression runs unless a rule asks for one.
//
// An alert has an id, hash(rule, group, event), and the Outbox takes each id once, on disk, together with the cursor:
// the position in the index's log up to which events were evaluated. After a crash the events from Cursor()+1 on are
// evaluated again, and what had fired before is not taken again. From the outbox alerts are delivered oldest first and
// at least once: an alert stays until the notifier says that it was taken.
//
// Alert never touches events, and never talks to anybody but through the notify func that it was given.
package alert

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"belfry/shared/event"
)

// Alert is one firing of a rule.
type Alert struct {
	ID      event.Key `json:"id"` // hash of rule, group and event: the same for every try
	Rule    string    `json:"rule"`
	Title   string    `json:"title"`
	Level   string    `json:"level"` // one of Levels
	EventID string    `json:"event_id"`
	Time    time.Time `json:"time"` // of the event
	Host    string    `json:"host,omitempty"`
	User    string    `json:"user,omitempty"`
	Summary string    `json:"summary"` // holds text of the event: not safe to send anywhere as it is
	Tags    []string  `json:"tags,omitempty"`
}

// Levels are Sigma's, from the lowest to the highest.
var Levels = []string{"informational", "low", "medium", "high", "critical"}

// alert makes the alert of an event that the rule matched.
func (r *Rule) alert(e *event.Event) Alert {
	id := e.Get("event.id")
	if id == "" { // not of our making: the same bytes give the same id
		id = event.HashKey(string(e.AppendJSON(nil))).String()
	}
	group := make([]string, len(r.Group))
	for i, f := range r.Group {
		group[i] = strings.Join(e.All(f), "\x00")
	}
	return Alert{
		ID:   event.HashKey(r.ID, event.HashKey(group...).String(), id),
		Rule: r.ID, Title: r.Title, Level: r.Level, Tags: r.Tags,
		EventID: id, Time: timeOf(e), Host: cut(e.Get("host.name"), maxValue), User: cut(e.Get("user.name"), maxValue),
		Summary: trust(e) + r.summary.fill(e),
	}
}

// trust warns of what anybody may have sent.
func trust(e *event.Event) string {
	if slices.Contains(e.All("tags"), "unauthenticated") {
		return "(unauthenticated) "
	}
	return ""
}

// timeOf returns the event's own time, else when it was read; the zero time if it has neither.
func timeOf(e *event.Event) time.Time {
	for _, name := range []string{"@timestamp", "event.created"} {
		if t, err := time.Parse(time.RFC3339Nano, e.Get(name)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// The bounds of what an alert repeats of one value, in bytes. Whoever chooses one must not push the others out of sight.
const (
	maxValue   = 400
	maxSummary = 80 // within the summary
)

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
