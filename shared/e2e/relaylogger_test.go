package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

// logger: as a process for each message and as one for many.
func (r *relay) logger(t *testing.T) {
	stack.Need(t, "logger")
	over := func(port string) []string { return []string{"-n", "127.0.0.1", "-P", port} }
	f := func(word string, h hop, wire wire, to []string, flags ...string) *way {
		t.Helper()
		w := r.add("logger_"+word, h, wire, "")
		w.byLogger(t, append(to, flags...))
		w.to = time.Now()
		return w
	}
	f("udp_3164", datagram, bsd, over(r.udp), "-d", "--rfc3164")
	f("udp_5424", datagram, ietf, over(r.udp), "-d", "--rfc5424=notq")
	f("tcp_3164", stream, bsd, over(r.tcp), "-T", "--rfc3164")
	f("tcp_5424", stream, ietf, over(r.tcp), "-T", "--rfc5424=notq")
	f("counted_3164", counted, bsd, over(r.tcp), "-T", "--octet-count", "--rfc3164")
	f("counted_5424", counted, ietf, over(r.tcp), "-T", "--octet-count", "--rfc5424=notq")
	f("counted", counted, ietfTold, over(r.tcp), "-T", "--octet-count") // its default
	f("unixgram", localDatagram, bsdLocal, []string{"-u", r.datagrams}, "-d")
	f("unixgram_5424", localDatagram, ietf, []string{"-u", r.datagrams}, "-d", "--rfc5424=notq")
	f("unix", localStream, bsdLocal, []string{"-u", r.stream}, "-T")
	f("unix_counted_5424", localCounted, ietf, []string{"-u", r.stream}, "-T", "--octet-count", "--rfc5424=notq")
}

// byLogger sends the messages of a way: the first half each by a process of its own, the others by one that reads them.
func (w *way) byLogger(t *testing.T, flags []string) {
	t.Helper()
	flags = append(flags, "--size", "16384")
	var lines strings.Builder
	for n := range relayed {
		m := w.message(n)
		m.host = w.loggerHost(t)
		own := n < relayed/2
		if !own { // one process has one tag
			m.program, m.pid, m.msgid, m.data = "manylines", "99", "", ""
		} else if facility := m.priority / 8; facility >= 12 && facility <= 15 { // it has no names for these
			m.priority += 4 * 8
		}
		w.said = append(w.said, m)
		if own {
			runLogger(t, "", append(flags, m.loggerFlags()...)...)
		} else {
			fmt.Fprintf(&lines, "<%d>%s\n", m.priority, m.text)
		}
	}
	runLogger(t, lines.String(), append(flags, "--prio-prefix", "-t", "manylines", "--id=99")...)
}

// loggerHost is this host as logger names it: without a domain in the older format, and not at all where it writes as
// syslog(3) does.
func (w *way) loggerHost(t *testing.T) string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if w.wire.nameless {
		return ""
	}
	if !w.wire.ietf {
		host, _, _ = strings.Cut(host, ".")
	}
	return host
}

func (m said) loggerFlags() []string {
	flags := []string{"-p", facilities[m.priority/8] + "." + severities[m.priority%8], "-t", m.program}
	if m.pid != "" {
		flags = append(flags, "--id="+m.pid)
	}
	if m.msgid != "" {
		flags = append(flags, "--msgid", m.msgid)
	}
	if id, params, ok := strings.Cut(strings.Trim(m.data, "[]"), " "); ok {
		first, second, _ := strings.Cut(params, " ")
		flags = append(flags, "--sd-id", id, "--sd-param", first, "--sd-param", second)
	}
	return append(flags, "--", m.text)
}

func runLogger(t *testing.T, input string, flags ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "logger", flags...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
}
