package parse

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// readAt is when the lines of the tests are read, an hour after the last of the corpus was written.
var readAt = time.Date(2026, time.November, 23, 18, 54, 31, 0, time.UTC)

// reader hands lines to a Parser as an agent does, each with an id of its own.
type reader struct {
	p    *Parser
	host string
	now  time.Time
	n    int
}

func newReader() *reader { return &reader{p: New(Config{}, nil), host: "vm", now: readAt} }

// event returns the event of a line, before it is parsed.
func (r *reader) event(line string, n int) *event.Event {
	e := new(event.Event)
	e.Append("event.original", line)
	e.Append("event.created", r.now.Format(time.RFC3339Nano))
	e.Append("event.timezone", "UTC")
	e.Append("event.id", event.HashKey(r.host, strconv.Itoa(n)).String())
	e.Append("agent.id", event.HashKey(r.host).String())
	e.Append("host.name", r.host)
	return e
}

// line parses the next line.
func (r *reader) line(line string) *event.Event {
	r.n++
	return r.again(line, r.n)
}

// again parses a line that came before as the nth.
func (r *reader) again(line string, n int) *event.Event {
	e := r.event(line, n)
	r.p.Parse(e, r.now)
	return e
}

// says parses what a program said.
func (r *reader) says(program, text string) *event.Event {
	return r.line("Nov 23 17:54:31 vm " + program + ": " + text)
}

// check compares fields. "name=a|b" are all the values that the field may have, "-name" must be absent.
func check(t *testing.T, e *event.Event, want ...string) {
	t.Helper()
	for _, w := range want {
		name, value, _ := strings.Cut(w, "=")
		name = strings.TrimPrefix(name, "-")
		if got := strings.Join(e.All(name), "|"); got != value {
			t.Errorf("%s\n%s is %q, want %q", e.Get("event.original"), name, got, value)
		}
	}
}

// unparsed counts the lines that no scanner knew, by the label of their program.
func unparsed(set *metrics.Set, program string) uint64 {
	return set.GetOrCreateCounter(fmt.Sprintf("belfry_parse_unparsed_total{program=%q}", program)).Get()
}

func TestUnparsed(t *testing.T) {
	set := metrics.NewSet()
	r := newReader()
	r.p = New(Config{}, set)
	for program, text := range map[string]string{
		"sudo": "what is this", "su": "what", "sshd[1]": "Hello there", "slapd[1]": "bdb_db_open: x", "useradd[1]": "x",
		"x": "x",
	} {
		e := r.says(program, text)
		check(t, e, "message="+text, "event.kind=event", "-event.action", "-event.outcome")
	}
	for _, label := range []string{"sudo", "su", "sshd", "slapd", "shadow", "other"} {
		if n := unparsed(set, label); n != 1 {
			t.Errorf("unparsed %s: %d, want 1", label, n)
		}
	}
	if n := set.GetOrCreateCounter("belfry_parse_lines_total").Get(); n != 6 {
		t.Errorf("%d lines, want 6", n)
	}
}

// What is no line, its sender has understood.
func TestForeign(t *testing.T) {
	f := func(stamp, want string, more ...string) {
		t.Helper()
		e := new(event.Event)
		e.Append("message", "Failed password for root from 192.0.2.1 port 22 ssh2")
		e.Append("event.original", "Nov 23 17:54:31 vm sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2")
		e.Append("event.created", "2026-11-23T18:00:00Z")
		e.Append("@timestamp", stamp)
		New(Config{}, nil).Parse(e, readAt)
		check(t, e, append(more, "@timestamp="+want, "-event.action", "-source.ip")...)
	}
	f("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z", "-tags")
	f("2026-11-23T13:00:00+01:00", "2026-11-23T13:00:00+01:00", "-tags")
	f("", "2026-11-23T18:00:00Z", "-tags")
	f("1999-01-01T00:00:00Z", "2026-11-23T18:00:00Z", "tags=time_out_of_range", "labels.log_time=1999-01-01T00:00:00Z")
	f("2126-01-01T00:00:00Z", "2026-11-23T18:00:00Z", "tags=time_out_of_range", "labels.log_time=2126-01-01T00:00:00Z")
	f("yesterday", "2026-11-23T18:00:00Z", "tags=time_out_of_range", "labels.log_time=yesterday")
}

// A scanner with a bug costs the fields, not the line.
func TestFault(t *testing.T) {
	set := metrics.NewSet()
	r := newReader()
	r.p = New(Config{}, set)
	r.p.programs.byName["sudo"].scan = func(_ *Parser, l *line) bool {
		l.put("user.name", "half")
		panic("bug")
	}
	e := r.says("sudo", "x : y")
	check(t, e, "event.kind=pipeline_error", "error.message=parse: bug", "-user.name", "host.name=vm",
		"message=Nov 23 17:54:31 vm sudo: x : y", "@timestamp=2026-11-23T17:54:31Z")
	if n := set.GetOrCreateCounter("belfry_parse_errors_total").Get(); n != 1 {
		t.Errorf("%d faults, want 1", n)
	}
}

// What an agent proved of a host is not overridden by what a line claims; what a relay got is the line's word.
func TestHost(t *testing.T) {
	f := func(line string, fields, want []string) {
		t.Helper()
		e := new(event.Event)
		e.Append("event.original", line)
		for _, x := range fields {
			name, value, _ := strings.Cut(x, "=")
			e.Append(name, value)
		}
		New(Config{}, nil).Parse(e, readAt)
		check(t, e, want...)
	}
	const line = "Nov 23 17:54:31 evil sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2"
	f(line, []string{"host.name=web01"}, []string{"host.name=web01", "log.syslog.hostname=evil", "source.ip=192.0.2.1"})
	f(line, nil, []string{"host.name=evil"})
	f(line, []string{"observer.name=relay", "source.ip=198.51.100.7"},
		[]string{"host.name=evil", "source.ip=192.0.2.1", "log.source.address=198.51.100.7", "related.ip=192.0.2.1"})
	f("Nov 23 17:54:31 sshd[1]: hello", []string{"observer.name=relay", "source.ip=198.51.100.7"},
		[]string{"host.name=198.51.100.7", "source.ip=198.51.100.7"})
	// Without a relay, an address that the event brought is one of its own fields: one value remains.
	f(line, []string{"source.ip=198.51.100.7"}, []string{"source.ip=192.0.2.1"})
	f(line, []string{"event.category=web", "event.action=x", "log.syslog.appname=y"},
		[]string{"event.category=authentication", "event.action=ssh-login-attempt", "log.syslog.appname=sshd"})
}

// mixed are lines of every program, with what spans them.
func mixed() []string {
	lines := corpus.AuthMixed()
	for _, text := range append(slapdSession(), sudoSession()...) {
		lines = append(lines, "Nov 23 17:54:31 vm "+text)
	}
	return append(lines, slapdCrossed()...)
}

// A batch that is delivered twice yields the same events twice, wherever it begins and ends.
func TestRepeat(t *testing.T) {
	f := func(lines []string, size int) {
		t.Helper()
		r := newReader()
		for start := 0; start < len(lines); start += size {
			var first []string
			for i := start; i < min(start+size, len(lines)); i++ {
				first = append(first, string(r.again(lines[i], i).AppendJSON(nil)))
			}
			for i, want := range first {
				if got := string(r.again(lines[start+i], start+i).AppendJSON(nil)); got != want {
					t.Fatalf("batches of %d, line %d:\nfirst  %s\nsecond %s", size, start+i, want, got)
				}
			}
		}
	}
	lines := mixed()
	for _, size := range []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, len(lines)} {
		f(lines, size)
	}
}

// Hosts are never mixed, whatever order their lines come in: each reads as it would alone.
func TestConcurrent(t *testing.T) {
	lines := mixed()
	alone := newReader()
	var want []string
	for i, line := range lines {
		want = append(want, string(alone.again(line, i).AppendJSON(nil)))
	}
	shared := New(Config{}, nil)
	var all sync.WaitGroup
	for host := range 4 {
		all.Go(func() {
			r := &reader{p: shared, host: "vm" + strconv.Itoa(host), now: readAt}
			for i, line := range lines {
				e := r.again(line, i)
				for _, name := range []string{"event.id", "agent.id", "host.name"} {
					e.Set(name, alone.event(line, i).Get(name))
				}
				if e.Has("sudo.continues") {
					continue // names an event of its host
				}
				if got := string(e.AppendJSON(nil)); got != want[i] {
					t.Errorf("host %d, line %d:\ngot  %s\nwant %s", host, i, got, want[i])
				}
			}
		})
	}
	all.Wait()
}

func TestValidate(t *testing.T) {
	f := func(retention time.Duration, ok bool) {
		t.Helper()
		if err := (Config{Retention: retention}).Validate(); (err == nil) != ok {
			t.Errorf("retention %v: %v", retention, err)
		}
	}
	f(0, true)
	f(time.Hour, true)
	f(-1, false)
}
