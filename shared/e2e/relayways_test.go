package e2e_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"belfry/shared/event"
)

// hop is how messages come to a listener.
type hop struct {
	transport string // udp, tcp or unix
	whole     bool   // line ends in a message are none of the framing
	long      int    // bytes of long messages
}

// Hops.
var (
	datagram      = hop{"udp", true, 1000}
	stream        = hop{"tcp", false, 8000}
	counted       = hop{"tcp", true, 8000}
	localDatagram = hop{"unix", true, 8000}
	localStream   = hop{"unix", false, 8000}
	localCounted  = hop{"unix", true, 8000}
)

// way is one sender's way to one listener, and what went by it.
type way struct {
	name string // a word that each of its messages ends with
	hop
	wire     wire
	client   string // whom the sender's certificate names; "" for none
	said     []said
	from, to time.Time // of the sending
}

// add makes a way to which messages can be added.
func (r *relay) add(name string, h hop, wire wire, client string) *way {
	w := &way{name: name, hop: h, wire: wire, client: client, from: time.Now()}
	r.ways = append(r.ways, w)
	return w
}

// judge compares what arrived by a way with what was sent by it.
func (w *way) judge(t *testing.T, found []*event.Event) {
	times := make(map[int]int)
	for _, e := range found {
		text := e.Get("event.original")
		n, err := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1 : len(text)-1])
		if err != nil || n >= len(w.said) {
			t.Errorf("not sent: %s", e.AppendJSON(nil))
			continue
		}
		if times[n]++; times[n] == 1 {
			if all := w.differences(e, w.said[n]); len(all) > 0 {
				t.Errorf("%s\nin %.2000s", strings.Join(all, "\n"), e.AppendJSON(nil))
			}
		}
	}
	for n, m := range w.said {
		if times[n] != 1 {
			t.Errorf("number %d: %d times, want once: %.200q", n, times[n], m.text)
		}
	}
}

// ours are the fields that the relay and the aggregator add, and nobody can foretell.
var ours = []string{"@timestamp", "agent.id", "agent.version", "event.created", "event.id", "event.ingested",
	"event.timezone", "log.offset"}

// differences compares every field of an event with what must be in it.
func (w *way) differences(e *event.Event, m said) (all []string) {
	differs := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	at, arrived := timeOf(e, "@timestamp"), timeOf(e, "event.created")
	if m.at.IsZero() && !w.during(at) || !m.at.IsZero() && !at.Equal(m.at) {
		differs("@timestamp is %v, want %v, or %v to %v", at, m.at, w.from, w.to)
	}
	if !w.during(arrived) {
		differs("event.created is %v, want %v to %v", arrived, w.from, w.to)
	}
	if w.wire.told {
		m.first = clockTold.FindString(e.Get("event.original"))
	}
	want := w.fields(m, at)
	for _, f := range e.Fields {
		if value, foreseen := want[f.Name]; value != f.Value && (foreseen || !slices.Contains(ours, f.Name)) {
			differs("%s is %.300q, want %.300q", f.Name, f.Value, value)
		}
		delete(want, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if want[name] != "" {
			differs("%s is not there, want %.300q", name, want[name])
		}
	}
	for _, name := range ours {
		if !e.Has(name) {
			differs("%s is not there", name)
		}
	}
	return all
}

// clockTold is what logger says of its clock (RFC 5424, section 7.1).
var clockTold = regexp.MustCompile(`\[timeQuality tzKnown="1" isSynced="[01]"( syncAccuracy="\d+")?\]`)

// timeOf is the time in a field, zero if there is none.
func timeOf(e *event.Event, name string) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, e.Get(name)) // what is wrong differs
	return at
}

// during reports whether a time is one of the sending, by a clock that is as exact as the format. What waits in a
// daemon may take a while.
func (w *way) during(at time.Time) bool {
	return !at.Before(w.from.Truncate(w.wire.exact)) && !at.After(w.to.Add(patience()))
}

// fields are those that a message must have, with what must stand in them.
func (w *way) fields(m said, at time.Time) map[string]string {
	raw := w.wire.text(m, at.Local())
	fields := map[string]string{
		"agent.name": "agent-web01", "observer.name": "web01", "event.kind": "event",
		"event.original": valid(raw), "message": valid(m.text),
		"host.name": m.host, "network.transport": w.transport, "process.name": m.program, "log.level": severities[m.priority%8],
		"log.syslog.priority":      strconv.Itoa(m.priority),
		"log.syslog.facility.code": strconv.Itoa(m.priority / 8), "log.syslog.facility.name": facilities[m.priority/8],
		"log.syslog.severity.code": strconv.Itoa(m.priority % 8), "log.syslog.severity.name": severities[m.priority%8],
		"log.syslog.hostname": m.host, "log.syslog.appname": m.program, "log.syslog.procid": m.pid, "process.pid": m.pid,
		"tls.client.x509.subject.common_name": w.client,
	}
	if w.wire.ietf {
		fields["log.syslog.version"], fields["log.syslog.msgid"], fields["log.syslog.structured_data"] = "1", m.msgid, m.elements()
	} else {
		fields["message"] = strings.TrimLeft(fields["message"], " ") // no RFC says where the text begins
	}
	if w.transport == "unix" { // of whatever host a program of this one speaks
		fields["host.name"], fields["observer.name"] = "web01", ""
	} else {
		fields["source.ip"], fields["log.source.address"], fields["labels.source_class"] = "127.0.0.1", "127.0.0.1", "loopback"
	}
	if !utf8.ValidString(raw) {
		fields["tags"], fields["labels.raw_base64"] = "invalid_utf8", base64.StdEncoding.EncodeToString([]byte(raw))
	}
	return fields
}

// valid is a text as JSON can hold it.
func valid(s string) string { return string([]rune(s)) }

// facilities are the names of the numbers that a line's priority holds (RFC 5424, section 6.2.1).
var facilities = strings.Fields("kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock " +
	"local0 local1 local2 local3 local4 local5 local6 local7")
