package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/query"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// start opens an index and runs it until the test ends.
func start(t testing.TB, cfg Config, onDurable func(uint64, []*event.Event) error) *Index {
	t.Helper()
	x := openIndex(t, cfg, onDurable)
	runIndex(t, x)
	return x
}

func openIndex(t testing.TB, cfg Config, onDurable func(uint64, []*event.Event) error) *Index {
	t.Helper()
	if cfg.Memory == 0 {
		cfg.Memory = 256 << 20
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = -1
	}
	x, err := Open(cfg, slog.New(slog.DiscardHandler), nil, onDurable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func runIndex(t testing.TB, x *Index) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := x.Run(ctx); err != nil {
			t.Error("Run:", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

type answer struct {
	index.Result
	err error
}

// write writes and waits for the answer.
func write(t testing.TB, x *Index, w index.Write) answer {
	t.Helper()
	ch := make(chan answer, 1)
	x.Write(context.Background(), w, func(r index.Result, err error) { ch <- answer{r, err} })
	select {
	case a := <-ch:
		return a
	case <-time.After(30 * time.Second):
		t.Fatal("no answer")
		return answer{}
	}
}

func mustWrite(t testing.TB, x *Index, w index.Write) index.Result {
	t.Helper()
	a := write(t, x, w)
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.Result
}

var testPos = ledger.Position{Agent: event.HashKey("agent"), Stream: event.HashKey("stream"), Epoch: 5}

// numbered makes events first to end of a stream, each as long as one byte of it.
func numbered(pos ledger.Position, first, end uint64, at time.Time) index.Write {
	w := index.Write{Ranges: []index.Range{{Pos: pos, Kind: batch.Data, First: first, End: end}}}
	for n := first; n < end; n++ {
		e := sampleEvent(int(n), at.Add(time.Duration(n)*time.Millisecond))
		e.Set("event.id", event.ID(pos.Agent, pos.Stream, pos.Epoch, n).String())
		e.Set("labels.number", fmt.Sprint(n))
		w.Items = append(w.Items, index.Item{Event: e, Pos: pos, Offset: n, Ranged: true})
	}
	return w
}

// sampleEvent is what the parser makes of a line of sudo.
func sampleEvent(n int, at time.Time) *event.Event {
	host := fmt.Sprintf("web%02d", n%20)
	user := []string{"averez", "bob", "carol", "dave"}[n%4]
	message := fmt.Sprintf("%s : TTY=pts/%d ; PWD=/home/%s ; USER=root ; COMMAND=/usr/bin/less /var/log/file%d", user, n%9, user, n)
	e := new(event.Event)
	add := func(name, value string) { e.Append(name, value) }
	add("@timestamp", at.UTC().Format(time.RFC3339Nano))
	add("agent.id", event.HashKey(host).String())
	add("agent.version", "0.1.0")
	add("event.created", at.Add(300*time.Millisecond).UTC().Format(time.RFC3339Nano))
	add("event.ingested", at.Add(500*time.Millisecond).UTC().Format(time.RFC3339Nano))
	add("event.id", event.HashKey("event", fmt.Sprint(n)).String())
	add("event.original", at.Format(time.Stamp)+" "+host+" sudo["+fmt.Sprint(1000+n%30000)+"]:   "+message)
	add("event.timezone", "Europe/Berlin")
	add("event.kind", "event")
	add("event.category", "process")
	add("event.type", "start")
	add("event.action", "sudo-command")
	add("event.outcome", "success")
	add("event.dataset", "sudo")
	add("host.name", host)
	add("log.file.path", "/var/log/auth.log")
	add("log.offset", fmt.Sprint(n*120))
	add("log.syslog.appname", "sudo")
	add("log.syslog.procid", fmt.Sprint(1000+n%30000))
	add("message", message)
	add("process.name", "sudo")
	add("process.command_line", fmt.Sprintf("/usr/bin/less /var/log/file%d", n))
	add("process.args", "/usr/bin/less")
	add("process.args", fmt.Sprintf("/var/log/file%d", n))
	add("process.tty", fmt.Sprintf("pts/%d", n%9))
	add("process.working_directory", "/home/"+user)
	add("user.name", user)
	add("user.effective.name", "root")
	add("related.user", user)
	add("related.user", "root")
	return e
}

// canonical is an event as text, whatever the order of its fields.
func canonical(e *event.Event) string {
	lines := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		lines[i] = fmt.Sprintf("%q", f.Name)
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	for i, name := range lines {
		lines[i] = fmt.Sprintf("%s=%q", name, e.All(strings.Trim(name, `"`)))
	}
	return strings.Join(lines, "\n")
}

func search(t testing.TB, x *Index, text string, s index.Search) []*event.Event {
	t.Helper()
	if text != "" {
		q, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Query = q
	}
	var all []*event.Event
	err := x.Search(context.Background(), s, func(e *event.Event, _ index.Cursor) error { all = append(all, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}
