package parse

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

// relayFields are what a relay and the journal's input send beside a line.
func relayFields(priority int) []event.Field {
	return []event.Field{
		{Name: "source.ip", Value: "192.0.2.9"}, {Name: "observer.name", Value: "relay1"},
		{Name: "log.syslog.priority", Value: strconv.Itoa(priority)},
		{Name: "log.syslog.facility.code", Value: strconv.Itoa(priority >> 3)},
		{Name: "log.syslog.facility.name", Value: event.Facility(priority >> 3)},
		{Name: "log.syslog.severity.code", Value: strconv.Itoa(priority & 7)},
		{Name: "log.syslog.severity.name", Value: event.Severity(priority & 7)},
		{Name: "tls.client.x509.subject.common_name", Value: "web01"}, {Name: "network.transport", Value: "tcp"},
		{Name: "log.original_length", Value: "70000"}, {Name: "labels.site", Value: "brno"}, {Name: "tags", Value: "truncated"},
		{Name: "journald.custom.X", Value: "y"}, {Name: "systemd.unit", Value: "ssh.service"},
	}
}

// with parses a line with more fields.
func with(line string, more ...event.Field) *event.Event {
	e := new(event.Event)
	e.Append("event.original", line)
	e.Append("event.created", readAt.Format(time.RFC3339Nano))
	e.Append("event.timezone", "UTC")
	e.Append("event.id", "1")
	e.Append("agent.id", "2")
	e.Fields = append(e.Fields, more...)
	New(Config{}, nil).Parse(e, readAt)
	return e
}

// An event of a relay parses to the same as one without its fields, and these beside.
func TestRelayFields(t *testing.T) {
	f := func(text string, priority int) {
		t.Helper()
		fields := relayFields(priority)
		l := new(line)
		l.begin(&event.Event{Fields: fields}, readAt)
		if l.merge {
			t.Errorf("%q: fields of a relay are merged one by one", text)
		}
		got, want := with(text, fields...), with(text, fields[:2]...)
		sound(t, got, text)
		for _, x := range fields[7:] {
			want.Add(x.Name, x.Value)
		}
		if text[0] != '<' {
			for _, x := range append(fields[2:7:7], event.Field{Name: "log.level", Value: event.Severity(priority & 7)}) {
				want.Set(x.Name, x.Value)
			}
		}
		if g, w := string(got.AppendJSON(nil)), string(want.AppendJSON(nil)); g != w {
			t.Errorf("%q\ngot  %s\nwant %s", text, g, w)
		}
	}
	f("<86>Nov 23 17:53:29 vm sshd[7]: Failed password for root from 192.0.2.1 port 22 ssh2", 86)
	f("Nov 23 17:53:29 vm sshd[7]: Failed password for root from 192.0.2.1 port 22 ssh2", 86)
	f("<85>Nov 23 17:53:29 vm sudo:   averez : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id", 85)
	f(`<165>1 2026-11-23T17:14:15.003Z h a 7 m [x y="z"] t`, 165)
	f("<189>29: sw01: Nov 23 17:46:11.123 UTC: %SYS-5-CONFIG_I: x", 189)
	f("<13>x", 13)
	f("<0>x", 0)
	f("x", 191)
}

// What the line says stands, once; what no line may say is not believed of one.
func TestRelayClaims(t *testing.T) {
	field := func(name, value string) event.Field { return event.Field{Name: name, Value: value} }
	check(t, with("<86>Nov 23 17:53:29 vm a: x", relayFields(13)...), "log.syslog.priority=86", "log.syslog.facility.name=authpriv",
		"log.syslog.severity.code=6", "log.level=info")
	check(t, with("x", field("log.syslog.severity.name", "loud")), "-log.level", "log.syslog.severity.name=loud")
	check(t, with("<13>x", field("log.syslog.priority", "1"), field("log.syslog.priority", "2")), "log.syslog.priority=13")
	check(t, with("Nov 23 17:53:29 vm a: x", field("journald.x", "y"), field("event.action", "z"), field("process.name", "b")),
		"process.name=a", "event.action=z", "journald.x=y")
	// From a local socket: who takes it is where it comes from.
	check(t, with("<13>Nov 23 17:53:29 a[12:34]: x", field("observer.name", "relay1"), field("network.transport", "unix")),
		"host.name=relay1", "-log.syslog.hostname", "process.pid=12", "process.thread.id=34", "log.syslog.procid=12:34")
	check(t, with("<13>Nov 23 17:53:29 a[12:x]: x"), "-process.pid", "-process.thread.id", "log.syslog.procid=12:x")
	check(t, with("<13>Nov 23 17:53:29 web01 a: x", field("observer.name", "relay1"), field("host.name", "relay1")),
		"host.name=relay1", "log.syslog.hostname=web01")
}

// A program on Solaris says what it says elsewhere; its message is as it was written.
func TestSolaris(t *testing.T) {
	e := with("<38>Nov 23 17:53:29 sol sshd[12]: [ID 800047 auth.info] Failed password for root from 192.0.2.1 port 22 ssh2")
	check(t, e, "event.action=ssh-login-attempt", "source.ip=192.0.2.1", "log.syslog.msgid=800047",
		"message=[ID 800047 auth.info] Failed password for root from 192.0.2.1 port 22 ssh2")
	for _, text := range []string{"[ID x auth.info] y", "[ID 1] y", "[ID 1 auth.info y", "[ID 1 " + strings.Repeat("a", 40) + "] y"} {
		if h := scanHeader("Nov 23 17:53:29 sol a[1]: " + text); h.text != text || h.msgid != "" {
			t.Errorf("%q: text %q, msgid %q", text, h.text, h.msgid)
		}
	}
}
