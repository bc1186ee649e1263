package file

import (
	"encoding/base64"
	"strconv"
	"time"

	"belfry/agent/input/file/lines"
	"belfry/shared/event"
)

// Source says who reads: it stands in each event.
type Source struct {
	Agent   event.Key
	Version string
	Host    string
	Zone    string // IANA name of the host's time zone, for stamps that have none
}

// encoder writes events of one content. All that does not change from line to line is written once.
type encoder struct {
	agent  event.Key
	stream event.Key
	epoch  uint64
	head   []byte // from the agent to the event's id
	middle []byte // from the time zone to the offset
	tags   []string
	labels []byte    // the members of "labels", without braces
	buf    *[]byte   // shared by all: what is encoded is valid until the next
	at     time.Time // of stamp: what is read at once has one time
	stamp  []byte
}

func newEncoder(src Source, cfg *Config, c *content, path string, ref time.Time) *encoder {
	e := &encoder{buf: new([]byte), agent: src.Agent, stream: c.Stream, epoch: c.Epoch, tags: cfg.Tags}
	e.head = append(e.head, `","agent":{"id":"`...)
	e.head = append(src.Agent.AppendHex(e.head), `","version":`...)
	e.head = append(event.AppendString(e.head, src.Version), '}')
	if !ref.IsZero() {
		e.head = append(e.head, `,"belfry":{"ref_time":"`...)
		e.head = append(ref.UTC().AppendFormat(e.head, time.RFC3339), `"}`...)
	}
	e.head = append(e.head, `,"event":{"created":"`...)
	e.middle = event.AppendString(append(e.middle, `,"timezone":`...), src.Zone)
	e.middle = event.AppendString(append(e.middle, `},"host":{"name":`...), src.Host)
	e.middle = event.AppendString(append(e.middle, `},"log":{"file":{"path":`...), path)
	e.middle = append(e.middle, `},"offset":`...)
	for name, value := range cfg.Fields {
		e.labels = event.AppendString(append(e.labels, ','), name)
		e.labels = event.AppendString(append(e.labels, ':'), value)
	}
	return e
}

// marks is what is to be said of an event beside what its line tells.
type marks struct {
	doubt   bool // it may have been sent under another id
	suspect bool // it comes from an archive that is damaged, and no checksum has proven it
}

func (c *content) marksOf(l *lines.Event) marks {
	return marks{l.First < c.Doubt, c.Suspect != nil && l.End > *c.Suspect}
}

// encode returns the event as one JSON object. The result is valid until the next call.
func (e *encoder) encode(l *lines.Event, now time.Time, m marks) []byte {
	b := append((*e.buf)[:0], `{"@timestamp":"`...)
	if !now.Equal(e.at) || len(e.stamp) == 0 {
		e.created(now)
	}
	if l.Time.IsZero() {
		b = append(b, e.stamp...)
	} else {
		b = l.Time.AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
	}
	b = append(append(b, e.head...), e.stamp...)
	b = append(b, `","id":"`...)
	b = event.ID(e.agent, e.stream, e.epoch, l.First).AppendHex(b)
	b = append(b, `","original":`...)
	b = event.AppendString(b, l.Text)
	b = append(b, e.middle...)
	b = strconv.AppendUint(b, l.First, 10)
	if l.Truncated {
		b = strconv.AppendInt(append(b, `,"original_length":`...), int64(l.Length), 10)
	}
	b = append(b, '}')
	b = e.appendLabels(b, l)
	b = append(e.appendTags(b, l, m), '}')
	*e.buf = b
	return b
}

// created renews the time of reading.
func (e *encoder) created(now time.Time) {
	e.at = now
	e.stamp = now.UTC().AppendFormat(e.stamp[:0], event.Stamp)
}

func (e *encoder) appendLabels(b []byte, l *lines.Event) []byte {
	if len(e.labels) == 0 && l.Raw == nil && l.Stream == "" {
		return b
	}
	b = append(b, `,"labels":{`...)
	empty := len(b)
	if l.Raw != nil {
		b = append(b, `"raw_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, l.Raw), '"')
	}
	if l.Stream != "" {
		b = event.AppendString(append(b, `,"stream":`...), l.Stream)
	}
	b = append(b, e.labels...)
	if b[empty] == ',' {
		b = append(b[:empty], b[empty+1:]...)
	}
	return append(b, '}')
}

// appendTags writes what is to be known of an event, besides the tags of its input.
func (e *encoder) appendTags(b []byte, l *lines.Event, m marks) []byte {
	n := len(b)
	b = append(b, `,"tags":[`...)
	empty := len(b)
	tag := func(t string, on bool) {
		if on {
			if len(b) > empty {
				b = append(b, ',')
			}
			b = event.AppendString(b, t)
		}
	}
	for _, t := range e.tags {
		tag(t, true)
	}
	tag("partial_line", l.Partial)
	tag("truncated", l.Truncated)
	tag("invalid_utf8", l.Invalid)
	tag("masked", l.Masked)
	tag("malformed", l.Malformed)
	tag("split", l.Split)
	tag("suspect", m.suspect)
	tag("doubt", m.doubt)
	if len(b) == empty {
		return b[:n]
	}
	return append(b, ']')
}
