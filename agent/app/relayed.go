package app

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// relayed writes events of messages that were relayed. Its memory is used again.
type relayed struct {
	src   file.Source
	buf   []byte
	at    time.Time // of what is in stamp and day: what was read together has one time
	stamp []byte
	day   string
}

// received writes down when a message was.
func (r *relayed) received(at time.Time) {
	if at.Equal(r.at) && r.day != "" {
		return
	}
	r.at = at
	r.stamp = at.UTC().AppendFormat(r.stamp[:0], event.Stamp)
	if day := r.stamp[:len(time.DateOnly)]; string(day) != r.day {
		r.day = string(day)
	}
}

// event writes a message as one ECS object, with the identity of its place. The host is not the relay's, unless it came by a
// socket of this machine: the aggregator reads it from the header.
func (r *relayed) event(place batch.Place, offset uint64, m *syslog.Message) []byte {
	r.received(m.Received)
	b := append(r.buf[:0], `{"@timestamp":"`...)
	b = append(b, r.stamp...)
	b = append(b, `","agent":{"id":"`...)
	b = append(r.src.Agent.AppendHex(b), `","version":`...)
	b = append(event.AppendString(b, r.src.Version), `},"event":{"created":"`...)
	b = append(append(b, r.stamp...), `","id":"`...)
	b = event.ID(r.src.Agent, place.Stream, place.Epoch, offset).AppendHex(b)
	b = event.AppendString(append(b, `","original":`...), m.Raw)
	b = event.AppendString(append(b, `,"timezone":`...), r.src.Zone)
	b = append(b, '}')
	if !m.Peer.IsValid() {
		b = append(event.AppendString(append(b, `,"host":{"name":`...), r.src.Host), '}')
	}
	valid, cut := utf8.Valid(m.Raw), m.OriginalLength > len(m.Raw)
	if !valid {
		b = append(b, `,"labels":{"raw_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, m.Raw), `"}`...)
	}
	b = strconv.AppendUint(append(b, `,"log":{"offset":`...), offset, 10)
	if cut {
		b = strconv.AppendInt(append(b, `,"original_length":`...), int64(m.OriginalLength), 10)
	}
	b = appendPriority(b, m.Priority)
	b = event.AppendString(append(b, `},"network":{"transport":`...), m.Transport)
	b = append(b, '}')
	if m.Peer.IsValid() {
		b = event.AppendString(append(b, `,"observer":{"name":`...), r.src.Host)
		b = append(b, `},"source":{"ip":"`...)
		b = append(m.Peer.Addr().Unmap().WithZone("").AppendTo(b), `"}`...)
	}
	switch {
	case cut && !valid:
		b = append(b, `,"tags":["truncated","invalid_utf8"]`...)
	case cut:
		b = append(b, `,"tags":["truncated"]`...)
	case !valid:
		b = append(b, `,"tags":["invalid_utf8"]`...)
	}
	if m.Client != "" {
		b = event.AppendString(append(b, `,"tls":{"client":{"x509":{"subject":{"common_name":`...), m.Client)
		b = append(b, `}}}}`...)
	}
	r.buf = append(b, '}')
	return r.buf
}

// appendPriority writes what a message's priority says, by name too (RFC 5424, section 6.2.1).
func appendPriority(b []byte, priority int) []byte {
	if priority == syslog.NoPriority {
		return b
	}
	facility, severity := priority>>3, priority&7
	b = strconv.AppendInt(append(b, `,"syslog":{"facility":{"code":`...), int64(facility), 10)
	b = event.AppendString(append(b, `,"name":`...), event.Facility(facility))
	b = strconv.AppendInt(append(b, `},"priority":`...), int64(priority), 10)
	b = strconv.AppendInt(append(b, `,"severity":{"code":`...), int64(severity), 10)
	b = event.AppendString(append(b, `,"name":`...), event.Severity(severity))
	return append(b, `}}`...)
}
