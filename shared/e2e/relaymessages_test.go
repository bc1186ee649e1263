package e2e_test

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// said is one message as its sender was told to send it.
type said struct {
	priority           int
	at                 time.Time // zero where the sender looks at its own clock
	host, program, pid string
	msgid, data        string // of RFC 5424
	first, added       string // structured data that the sender puts before and behind that
	text               string
}

// wire is a format of messages.
type wire struct {
	ietf     bool          // RFC 5424; else RFC 3164 and its kin
	nameless bool          // it names no host
	told     bool          // logger says first how good its clock is, which nobody can foretell
	exact    time.Duration // unit of its time
	text     func(m said, at time.Time) string
}

// Formats as senders write them.
var (
	bsd = wire{exact: time.Second, text: func(m said, at time.Time) string {
		return fmt.Sprintf("<%d>%s %s %s: %s", m.priority, at.Format(time.Stamp), m.host, m.tag(), m.text)
	}}
	bsdLocal = wire{exact: time.Second, nameless: true, text: func(m said, at time.Time) string { // of syslog(3)
		return fmt.Sprintf("<%d>%s %s: %s", m.priority, at.Format(time.Stamp), m.tag(), m.text)
	}}
	bsdISO = wire{exact: time.Second, text: func(m said, at time.Time) string { // RSYSLOG_ForwardFormat
		return fmt.Sprintf("<%d>%s %s %s: %s", m.priority, at.Format("2006-01-02T15:04:05-07:00"), m.host, m.tag(), m.text)
	}}
	ietf     = wire{exact: time.Microsecond, ietf: true, text: said.ietf}
	ietfTold = wire{exact: time.Microsecond, ietf: true, told: true, text: said.ietf}
)

func (m said) ietf(at time.Time) string {
	return fmt.Sprintf("<%d>1 %s %s %s %s %s %s %s", m.priority, at.Format("2006-01-02T15:04:05.000000-07:00"),
		m.host, m.program, cmp.Or(m.pid, "-"), cmp.Or(m.msgid, "-"), cmp.Or(m.elements(), "-"), m.text)
}

// elements is the structured data.
func (m said) elements() string { return m.first + m.data + m.added }

// tag is the TAG of RFC 3164.
func (m said) tag() string {
	if m.pid == "" {
		return m.program
	}
	return m.program + "[" + m.pid + "]"
}

// texts are as awkward as a line may be.
var texts = []string{
	"nothing of note",
	`Grüße, 漢字 and 🔔`,
	`"quoted" 'twice' \ and \n \" behind`,
	"100% of %s %d %msg% $MSG ${HOST}",
	"a <34> inside, <0>x, <191>",
	"12 <34>x and not a frame",
	"<34>1 - - - - - - not a header",
	"Nov 28 15:49:15 other program[1]: within",
	`key=value k="v w" {"json": [1, 2]} @cee: {"a":1}`,
	"a: b[7]: c [not@1 data=\"x\"] ] [",
	"tab\tand  blanks   within",
	"- --help -t x",
	"  indented",
	"Latin-1: Gr\xfc\xdfe",
	"\x1b[31mred\x1b[0m \x01",
}

// text makes the text of a way's message number n: some are long, and some have line ends in them.
func (w *way) text(n int) string {
	text := texts[n%len(texts)]
	switch n % 25 {
	case 13:
		text = strings.Repeat(text+", and ", 1+w.long/len(text))[:w.long]
		text = strings.ToValidUTF8(text, "") + "..."
	case 7:
		if w.whole && n < relayed/2 {
			text += "\nand more\n\tof it"
		}
	}
	return fmt.Sprintf("%s (%s %d)", text, w.name, n)
}

// message makes message number n of a way, as some program of some host may write it.
func (w *way) message(n int) said {
	m := said{priority: 8 + n%(192-8), host: "host01", program: "relayed", pid: strconv.Itoa(4000 + n), text: w.text(n)}
	switch n % 5 {
	case 1:
		m.pid = ""
	case 2:
		m.program = "postfix/smtpd"
	case 3:
		m.host = "host02.example.org"
	case 4:
		m.program = "a-b_c.d"
	}
	if w.wire.ietf && n%3 > 0 {
		m.msgid = fmt.Sprint("ID", n)
	}
	if w.wire.ietf && n%4 > 0 {
		m.data = fmt.Sprintf(`[origin@32473 n="%d" note="a b"]`, n)
	}
	return m
}
