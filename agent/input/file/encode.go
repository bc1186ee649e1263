package file

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

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
	labels []byte // the members of "labels", without braces
	buf    []byte
	at     time.Time // of stamp: what is read at once has one time
	stamp  []byte
}

func newEncoder(src Source, cfg *Config, c *content, path string, ref time.Time) *encoder {
	e := &encoder{agent: src.Agent, stream: c.Stream, epoch: c.Epoch, tags: cfg.Tags}
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

// line is one line as it was read.
type line struct {
	offset  uint64
	text    []byte // at most maxLine bytes, without its line end
	length  int    // of the whole line
	partial bool   // it had no line end when its content ended
}

// encode returns the line as one JSON object. The result is valid until the next call.
func (e *encoder) encode(l line, now time.Time) []byte {
	b := append(e.buf[:0], `{"@timestamp":"`...)
	if !now.Equal(e.at) || len(e.stamp) == 0 {
		e.created(now)
	}
	b = append(append(append(b, e.stamp...), e.head...), e.stamp...)
	b = append(b, `","id":"`...)
	b = event.ID(e.agent, e.stream, e.epoch, l.offset).AppendHex(b)
	b = append(b, `","original":`...)
	b = event.AppendString(b, l.text)
	b = append(b, e.middle...)
	b = strconv.AppendUint(b, l.offset, 10)
	if l.length > len(l.text) {
		b = strconv.AppendInt(append(b, `,"original_length":`...), int64(l.length), 10)
	}
	b = append(b, '}')
	valid := utf8.Valid(l.text)
	b = e.appendLabels(b, l, valid)
	b = append(e.appendTags(b, l, valid), '}')
	e.buf = b
	return b
}

// created renews the time of reading.
func (e *encoder) created(now time.Time) {
	e.at = now
	e.stamp = now.UTC().AppendFormat(e.stamp[:0], "2006-01-02T15:04:05.000000Z")
}

func (e *encoder) appendLabels(b []byte, l line, valid bool) []byte {
	if len(e.labels) == 0 && valid {
		return b
	}
	b = append(b, `,"labels":{`...)
	if !valid {
		b = append(b, `"raw_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, l.text), '"')
	}
	if len(e.labels) > 0 {
		if valid {
			b = append(b, e.labels[1:]...)
		} else {
			b = append(b, e.labels...)
		}
	}
	return append(b, '}')
}

func (e *encoder) appendTags(b []byte, l line, valid bool) []byte {
	n := len(b)
	b = append(b, `,"tags":[`...)
	empty := len(b)
	tag := func(t string) {
		if len(b) > empty {
			b = append(b, ',')
		}
		b = event.AppendString(b, t)
	}
	for _, t := range e.tags {
		tag(t)
	}
	if l.partial {
		tag("partial_line")
	}
	if l.length > len(l.text) {
		tag("truncated")
	}
	if !valid {
		tag("invalid_utf8")
	}
	if len(b) == empty {
		return b[:n]
	}
	return append(b, ']')
}
