package index

import "belfry/shared/event"

// reducedFields are those of an event that is reduced to its raw line: what it is known by, and where it is from.
var reducedFields = []string{
	"@timestamp", "event.id", "event.created", "event.ingested", "event.original", "event.timezone", "host.name",
	"agent.id", "agent.name", "log.file.path", "log.offset", "log.original_length",
}

// Reduce leaves of an event that an index does not take the raw line, and says why. An event without one keeps its
// message.
func Reduce(e *event.Event, reason error) {
	var kept event.Event
	for _, name := range reducedFields {
		kept.Append(name, e.Get(name))
	}
	if !kept.Has("event.original") {
		kept.Append("event.original", e.Get("message"))
	}
	kept.Append("message", kept.Get("event.original"))
	kept.Append("event.kind", "pipeline_error")
	kept.Append("error.message", reason.Error())
	e.Fields = kept.Fields
}
