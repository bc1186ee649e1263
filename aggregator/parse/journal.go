package parse

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"belfry/shared/event"
)

// Bounds of an entry of the journal, as those of the agent.
const (
	maxJournalField = 4 << 10 // bytes of a value but the message; the rest is cut off
	maxJournalOther = 32      // fields that are not known
	mostPriority    = 7
	mostFacility    = 23
	syslogDaemon    = 3 // of an entry that names no facility, as journald forwards it
	syslogInfo      = 6
)

// journalEntry is one entry of systemd's journal.
type journalEntry struct {
	fields []journalField
	cut    bool // something of it was left out
	said   bool // there is a message
	length int  // bytes of it, with those that were cut off
}

// journalField is one field. A name may stand several times.
type journalField struct {
	name  string
	value []byte
}

// add takes a field whose value is length bytes long, of which value is the beginning.
func (j *journalEntry) add(name string, value []byte, length int) {
	switch {
	case name == "MESSAGE" && !j.said:
		j.said, j.length = true, length
		j.fields = append(j.fields, journalField{name, value})
		return
	case len(value) > maxJournalField, length > len(value):
		value = value[:min(len(value), maxJournalField)]
		j.cut = true
	}
	j.fields = append(j.fields, journalField{name, value})
}

// get returns the first value of a field, nil if there is none.
func (j *journalEntry) get(name string) []byte {
	for i := range j.fields {
		if j.fields[i].name == name {
			return j.fields[i].value
		}
	}
	return nil
}

// number reads a field of digits up to most; what is none is marked as left out.
func (j *journalEntry) number(name string, otherwise, most int) int {
	v := j.get(name)
	if len(v) == 0 {
		return otherwise
	}
	if n, ok := number(string(v)); ok && n <= most {
		return n
	}
	j.cut = true
	return otherwise
}

// event returns the entry as an agent sends it: as a line of syslog (RFC 5424) with what journald knows beside.
func (j *journalEntry) event() *event.Event {
	e := new(event.Event)
	line, renamed := j.line()
	e.Append("event.original", string(bytes.ToValidUTF8(line, []byte("\uFFFD"))))
	j.known(e)
	if renamed {
		e.Append("journald.identifier", text(j.get("SYSLOG_IDENTIFIER")))
	}
	j.others(e)
	if !utf8.Valid(line) {
		e.Append("labels.raw_base64", base64.StdEncoding.EncodeToString(line))
		e.Append("tags", "invalid_utf8")
	}
	if kept := len(j.get("MESSAGE")); j.length > kept {
		e.Append("log.original_length", strconv.Itoa(len(line)-kept+j.length))
		e.Append("tags", "truncated")
	}
	if j.cut {
		e.Append("tags", "journal_fields_cut")
	}
	return e
}

func text(v []byte) string { return string(bytes.ToValidUTF8(v, []byte("\uFFFD"))) }

// line returns the entry as a line, and reports whether its program is not named as it was.
func (j *journalEntry) line() (line []byte, renamed bool) {
	kernel := string(j.get("_TRANSPORT")) == "kernel"
	facility := syslogDaemon
	if kernel {
		facility = 0
	}
	facility = j.number("SYSLOG_FACILITY", facility, mostFacility)
	severity := j.number("PRIORITY", syslogInfo, mostPriority)
	b := strconv.AppendInt([]byte{'<'}, int64(facility<<3|severity), 10)
	b = append(b, ">1 "...)
	if at, ok := j.time(); ok {
		b = at.AppendFormat(b, event.Stamp)
	} else {
		b = append(b, '-')
	}
	b, _ = appendWord(append(b, ' '), j.get("_HOSTNAME"), maxHost)
	ident := j.get("SYSLOG_IDENTIFIER")
	if len(ident) == 0 && kernel {
		ident = []byte("kernel")
	} else if len(ident) == 0 {
		ident = j.get("_COMM")
	}
	b, renamed = appendWord(append(b, ' '), ident, 2*maxProgram)
	pid := j.get("SYSLOG_PID")
	if len(pid) == 0 {
		pid = j.get("_PID")
	}
	b, _ = appendWord(append(b, ' '), pid, maxPID)
	return append(append(b, " - - "...), j.get("MESSAGE")...), renamed
}

// time is when the entry was written, or else when journald got it.
func (j *journalEntry) time() (time.Time, bool) {
	for _, name := range []string{"_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"} {
		if us, ok := number(string(j.get(name))); ok && us < 1<<57 {
			return time.UnixMicro(int64(us)).UTC(), true
		}
	}
	return time.Time{}, false
}

// appendWord writes a field of the header: printable ASCII without blanks, "-" for nothing. It reports whether something
// is not as it was.
func appendWord(b, word []byte, most int) (_ []byte, altered bool) {
	if len(word) == 0 {
		return append(b, '-'), false
	}
	for _, c := range word[:min(len(word), most)] {
		if c <= ' ' || c >= 0x7f {
			c, altered = '_', true
		}
		b = append(b, c)
	}
	return b, altered || len(word) > most
}

// known writes the fields that have a name of their own in the event.
func (j *journalEntry) known(e *event.Event) {
	for _, k := range journalNames {
		e.Append(k.to, text(j.get(k.from)))
	}
}

// others writes the fields that are not known: those whose names begin with _ are journald's, the others were set by who
// logged.
func (j *journalEntry) others(e *event.Event) {
	n := 0
	for _, f := range j.fields {
		if slices.Contains(journalHeader, f.name) || isJournalName(f.name) || strings.HasPrefix(f.name, "__") {
			continue
		}
		if n++; n > maxJournalOther {
			j.cut = true
			return
		}
		set := "journald.custom."
		if f.name[0] == '_' {
			set = "journald.trusted."
		}
		e.Append(set+strings.ToLower(strings.TrimLeft(f.name, "_")), text(f.value))
	}
}

// journalHeader are the fields that the line holds, and one that says nothing.
var journalHeader = []string{
	"MESSAGE", "PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "_SOURCE_REALTIME_TIMESTAMP", "_HOSTNAME",
	"_SOURCE_MONOTONIC_TIMESTAMP",
}

func isJournalName(name string) bool {
	for i := range journalNames {
		if journalNames[i].from == name {
			return true
		}
	}
	return false
}

// journalNames are what journald proves (systemd.journal-fields(7)), under the names that agents give it.
var journalNames = []struct{ from, to string }{
	{"_BOOT_ID", "journald.boot_id"}, {"_MACHINE_ID", "journald.machine_id"}, {"_NAMESPACE", "journald.namespace"},
	{"_PID", "journald.pid"}, {"_UID", "journald.uid"}, {"_GID", "journald.gid"},
	{"_SELINUX_CONTEXT", "journald.selinux_context"},
	{"_AUDIT_LOGINUID", "journald.audit.login_uid"}, {"_AUDIT_SESSION", "journald.audit.session"},
	{"_COMM", "journald.process.name"}, {"_EXE", "journald.process.executable"},
	{"_CMDLINE", "journald.process.command_line"}, {"_CAP_EFFECTIVE", "journald.process.capabilities"},
	{"_TRANSPORT", "systemd.transport"}, {"_SYSTEMD_UNIT", "systemd.unit"}, {"_SYSTEMD_USER_UNIT", "systemd.user_unit"},
	{"_SYSTEMD_SLICE", "systemd.slice"}, {"_SYSTEMD_USER_SLICE", "systemd.user_slice"},
	{"_SYSTEMD_SESSION", "systemd.session"}, {"_SYSTEMD_OWNER_UID", "systemd.owner_uid"},
	{"_SYSTEMD_CGROUP", "systemd.cgroup"}, {"_SYSTEMD_INVOCATION_ID", "systemd.invocation_id"},
}
