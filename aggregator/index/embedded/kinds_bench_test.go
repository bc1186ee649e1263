package embedded

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/query"
	"belfry/shared/batch"
	"belfry/shared/event"
)

var events = flag.Int("events", 200_000, "how many events BenchmarkKinds asks for")

// kindsDays is over how many days they are spread.
const kindsDays = 10

// BenchmarkKinds asks for kinds of things among many events of several programs on 200 hosts: the newest hundred
// for a search. Of each kind it reports the median and the longest of all times, and how many answers there were; every
// event that comes back must be one that was asked for. -benchtime=5x is five rounds. The last is what an event takes on disk.
func BenchmarkKinds(b *testing.B) {
	x := start(b, Config{Dir: b.TempDir(), Memory: 1 << 30}, nil)
	begin := time.Now()
	writeKinds(b, x, *events)
	b.Logf("%d events written in %v, %d bytes", *events, time.Since(begin).Round(time.Millisecond), x.Stats().Bytes)
	for _, k := range []struct{ name, text string }{
		{"word", "minecraft"},
		{"rare word", fmt.Sprintf("session%d", *events/2)},
		{"phrase", `"invalid user oracle from"`},
		{"keyword", "user.name:averez AND process.name:sudo"},
		{"prefix", `process.executable:\/usr\/bin\/su*`},
		{"cidr", "source.ip:10.7.0.0/16"},
		{"range", "source.port:[61000 TO *]"},
		{"not", "process.name:sshd AND NOT event.outcome:failure"},
		{"exists", "_exists_:process.exit_code"},
	} {
		b.Run(k.name, func(b *testing.B) { timed(b, func() (int, error) { return newest(x, k.text) }) })
	}
	b.Run("count over time", func(b *testing.B) {
		timed(b, func() (int, error) {
			all, err := x.Count(context.Background(), index.Count{Every: time.Hour})
			total := 0
			for _, c := range all {
				total += int(c.Count)
			}
			if err == nil && total != *events {
				err = fmt.Errorf("%d events are counted", total)
			}
			return len(all), err
		})
	})
	b.Run("top values", func(b *testing.B) {
		timed(b, func() (int, error) {
			r, err := x.Top(context.Background(), index.Top{Field: "source.ip"})
			if err == nil && r.Events != uint64(*events) {
				err = fmt.Errorf("%d events are counted", r.Events)
			}
			return len(r.Values), err
		})
	})
	b.Run("size", func(b *testing.B) {
		for b.Loop() { // it takes no time
		}
		b.ReportMetric(float64(x.Stats().Bytes)/float64(*events), "B/event")
	})
}

// timed reports how long a question takes. It must have an answer.
func timed(b *testing.B, ask func() (int, error)) {
	b.Helper()
	var took []float64
	found := 0
	for b.Loop() {
		begin := time.Now()
		n, err := ask()
		if err != nil || n == 0 {
			b.Fatalf("%d answers, %v", n, err)
		}
		took, found = append(took, time.Since(begin).Seconds()*1000), n
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)-1], "worst-ms")
	b.ReportMetric(float64(found), "found")
}

// newest returns how many of the newest hundred events of a query there are.
func newest(x *Index, text string) (n int, err error) {
	q, err := query.Parse(text)
	if err != nil {
		return 0, err
	}
	err = x.Search(context.Background(), index.Search{Span: index.Span{Query: q}, Limit: 100}, func(e *event.Event, _ index.Cursor) error {
		if !q.Match(e) {
			return fmt.Errorf("%s was not asked for", canonical(e))
		}
		n++
		return nil
	})
	return n, err
}

// writeKinds writes n events as they come in: in the order of time, the last of them an hour ago.
func writeKinds(b *testing.B, x *Index, n int) {
	b.Helper()
	const size = 1000
	first := time.Now().Add(-time.Hour - kindsDays*24*time.Hour)
	step := kindsDays * 24 * time.Hour / time.Duration(n)
	window := make(chan bool, 16)
	var answers sync.WaitGroup
	for from := 0; from < n; from += size {
		end := min(from+size, n)
		pos := ledger.Position{Agent: testPos.Agent, Stream: event.HashKey("kinds"), Epoch: 1}
		w := index.Write{Ranges: []index.Range{{Pos: pos, Kind: batch.Data, First: uint64(from), End: uint64(end)}}}
		for i := from; i < end; i++ {
			w.Items = append(w.Items, index.Item{Event: kindEvent(i, first.Add(time.Duration(i)*step)), Pos: pos, Offset: uint64(i), Ranged: true})
		}
		window <- true
		answers.Add(1)
		x.Write(context.Background(), w, func(_ index.Result, err error) {
			if err != nil {
				b.Error(err)
			}
			<-window
			answers.Done()
		})
	}
	answers.Wait()
}

// kindEvent is what the parsers make of a line of sshd, cron, systemd or sudo, in shares as on a server that is
// reachable from outside.
func kindEvent(i int, at time.Time) *event.Event {
	r := uint64(i)*0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15
	r = (r ^ r>>30) * 0xbf58476d1ce4e5b9
	r = (r ^ r>>27) * 0x94d049bb133111eb
	r ^= r >> 31
	draw := func(n uint64) int { v := r % n; r = r/n ^ r<<51; return int(v) }
	host, user, pid := fmt.Sprintf("web%03d", draw(200)), of(draw, "averez", "bob", "carol", "dave", "jdoe", "svc"), strconv.Itoa(300+draw(30000))
	program, message := "", ""
	e := new(event.Event)
	add := func(name, value string) { e.Append(name, value) }
	switch share := draw(100); {
	case share < 45:
		program = "sshd"
		name, ip, port := of(draw, "admin", "test", "oracle", "minecraft", "root", "pi"), address(draw), strconv.Itoa(32768+draw(30000))
		outcome := "failure"
		if draw(10) == 0 {
			outcome, name = "success", user
			message = fmt.Sprintf("Accepted publickey for %s from %s port %s ssh2: ED25519 SHA256:%x", name, ip, port, r)
		} else {
			message = fmt.Sprintf("Failed password for invalid user %s from %s port %s ssh2", name, ip, port)
		}
		add("event.category", "authentication")
		add("event.action", "ssh-login")
		add("event.outcome", outcome)
		add("source.ip", ip)
		add("source.port", port)
		add("user.name", name)
		add("related.user", name)
		add("related.ip", ip)
	case share < 70:
		program, message = "CRON", fmt.Sprintf("(%s) CMD (/usr/local/bin/job%d --quiet)", user, draw(50))
		add("event.category", "process")
		add("event.action", "cron-job")
		add("user.name", user)
		add("related.user", user)
	case share < 90:
		unit := of(draw, "nginx", "postgresql", "logrotate", "man-db", "apt-daily") + ".service"
		program, message = "systemd", fmt.Sprintf("%s: Main process exited, code=exited, status=%d session%d", unit, draw(3), i)
		add("event.action", "unit-exit")
		add("service.name", unit)
		if draw(50) == 0 {
			add("process.exit_code", "1")
		}
	default:
		program = "sudo"
		command := of(draw, "/usr/bin/less", "/usr/bin/id", "/usr/bin/systemctl", "/usr/bin/apt-get", "/usr/bin/vim", "/usr/bin/tail")
		if draw(100) == 0 {
			command = "/usr/bin/su"
		}
		message = fmt.Sprintf("%s : TTY=pts/%d ; PWD=/home/%s ; USER=root ; COMMAND=%s /var/log/file%d", user, draw(9), user, command, draw(1000))
		add("event.category", "process")
		add("event.action", "sudo-command")
		add("event.outcome", "success")
		add("process.executable", command)
		add("process.working_directory", "/home/"+user)
		add("user.name", user)
		add("user.effective.name", "root")
		add("related.user", user)
		add("related.user", "root")
	}
	if i == *events/2 { // there is one, whatever was drawn
		message += fmt.Sprintf(" session%d", i)
	}
	add("@timestamp", at.UTC().Format(time.RFC3339Nano))
	add("agent.id", event.HashKey(host).String())
	add("event.created", at.Add(300*time.Millisecond).UTC().Format(time.RFC3339Nano))
	add("event.ingested", at.Add(500*time.Millisecond).UTC().Format(time.RFC3339Nano))
	add("event.id", event.HashKey("event", strconv.Itoa(i)).String())
	add("event.original", at.UTC().Format(time.Stamp)+" "+host+" "+program+"["+pid+"]: "+message)
	add("event.timezone", "UTC")
	add("event.kind", "event")
	add("host.name", host)
	add("log.file.path", "/var/log/auth.log")
	add("log.offset", strconv.Itoa(i*120))
	add("log.syslog.appname", program)
	add("message", message)
	add("process.name", program)
	add("process.pid", pid)
	return e
}

func of(draw func(uint64) int, list ...string) string { return list[draw(uint64(len(list)))] }

// address is one of half a million; some come often.
func address(draw func(uint64) int) string {
	if draw(4) == 0 {
		return fmt.Sprintf("203.0.113.%d", 1+draw(20))
	}
	return fmt.Sprintf("10.%d.%d.%d", draw(8), draw(256), 1+draw(254))
}
