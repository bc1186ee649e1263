package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"belfry/agent/input/file"
	"belfry/shared/ops"
	"belfry/shared/terminal"
)

// Top is a live view of a running agent: what it ships in a second, how far it is behind, and which files that is of.
type Top struct {
	client *http.Client
	before *look
	now    *look
	err    error // why there is nothing newer
	by     order
}

// look is the agent at one moment.
type look struct {
	at     time.Time
	status Status
	counts ops.Samples
}

// order is by what the files are sorted.
type order byte

// The orders, each with the key that asks for it.
const (
	byRate   order = 'r'
	byBehind order = 'b'
	byName   order = 'n'
)

// keyQuit ends the view.
const keyQuit = 'q'

// NewTop returns a view of the agent that answers at a socket.
func NewTop(socket string) *Top {
	client := ops.Client(socket)
	client.Timeout = 10 * time.Second
	return &Top{client: client, by: byRate, err: errors.New("nobody was asked yet")}
}

// Run shows it until it is ended; once, or where there is no terminal, it prints what is so in one interval.
func (t *Top) Run(ctx context.Context, every time.Duration, once bool, out io.Writer) error {
	v := terminal.View{Every: every, Look: t.look, Draw: t.draw, Key: t.key}
	err := v.Run(ctx, once, out)
	if err == nil && t.now == nil {
		return t.err
	}
	return err
}

// look asks the agent.
func (t *Top) look(ctx context.Context) func() {
	l, err := t.ask(ctx)
	return func() {
		if t.err = err; err == nil {
			t.before, t.now = t.now, l
		}
	}
}

func (t *Top) ask(ctx context.Context) (*look, error) {
	l := &look{at: time.Now()}
	var err error
	if l.counts, err = ops.Scrape(ctx, t.client, "http://agent/metrics"); err != nil {
		return nil, ops.Explain(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/status", nil)
	if err != nil {
		return nil, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, ops.Explain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return l, json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(&l.status)
}

// maxStatus bounds an answer, in bytes: an agent knows some ten thousand files.
const maxStatus = 64 << 20

func (t *Top) key(k byte) bool {
	switch order(k) {
	case byRate, byBehind, byName:
		t.by = order(k)
	}
	return k != keyQuit
}

// draw writes the head and as many files as there is room for.
func (t *Top) draw(_, height int) []string {
	switch {
	case t.now == nil && height == 0:
		return nil // Run's error tells
	case t.now == nil:
		return []string{"belfry-agent top: " + terminal.Printable(t.err.Error())}
	}
	lines := t.head()
	files := t.files()
	if height > 0 {
		files = files[:min(len(files), max(height-len(lines), 0))]
	}
	for _, f := range files {
		lines = append(lines, f.line())
	}
	return lines
}

// head tells of the agent as a whole.
func (t *Top) head() []string {
	n := t.now
	c, s := n.counts, n.status
	road := "road " + s.Road
	if t.err != nil {
		road = "NO ANSWER: " + t.err.Error()
	}
	up := n.at.Sub(time.Unix(int64(c.Sum("process_start_time_seconds")), 0))
	lines := []string{
		fmt.Sprintf("belfry-agent  %s  %s  up %s  %s", terminal.Printable(s.Host), n.at.Format(time.TimeOnly), terminal.Age(up), terminal.Printable(road)),
		fmt.Sprintf("shipped  %s lines/s, %s bytes/s, %s compressed; window %.0f batches, %s bytes; %s retries/s",
			t.rate("belfry_agent_ship_events_total", terminal.Count), t.rate("belfry_agent_ship_raw_bytes_total", terminal.Bytes),
			t.rate("belfry_agent_ship_sent_bytes_total", terminal.Bytes), c.Sum("belfry_agent_ship_window_batches"),
			terminal.Bytes(c.Sum("belfry_agent_ship_window_bytes")), t.rate("belfry_agent_ship_retries_total", terminal.Count)),
		t.behind(),
		fmt.Sprintf("agent    cpu %s %%, memory %s", t.rate("process_cpu_seconds_total", percent), terminal.Bytes(c.Sum("process_resident_memory_bytes"))),
	}
	if r := s.Relay; r != nil {
		line := fmt.Sprintf("relay    %s messages/s, %s waits in the spool, %d dropped", t.rate("belfry_agent_syslog_messages_total", terminal.Count),
			terminal.Bytes(float64(r.Spool)), r.Dropped)
		if r.Stuck != "" {
			line += "; TAKES NOTHING: " + terminal.Printable(r.Stuck)
		}
		lines = append(lines, line)
	}
	return append(lines, "", fmt.Sprintf("%9s %9s %9s  %s", "BYTES/S", "BEHIND", "SECONDS", "FILE"))
}

// behind tells how far the files are behind, together and the one that is so for the longest.
func (t *Top) behind() string {
	var bytes uint64
	var longest float64
	files := 0
	for _, f := range t.now.status.Files {
		if !f.Copy {
			files++
			bytes += f.Lag
			longest = max(longest, f.Behind)
		}
	}
	return fmt.Sprintf("behind   %s bytes, %s; %d files", terminal.Bytes(float64(bytes)), terminal.Age(time.Duration(longest*float64(time.Second))), files)
}

func percent(n float64) string { return fmt.Sprintf("%.1f", 100*n) }

// rate is how much a counter has grown in a second, "-" where it is not known, as after a restart.
func (t *Top) rate(counter string, write func(float64) string) string {
	if t.before == nil {
		return "-"
	}
	grown := t.now.counts.Sum(counter) - t.before.counts.Sum(counter)
	if seconds := t.now.at.Sub(t.before.at).Seconds(); grown >= 0 && seconds > 0 {
		return write(grown / seconds)
	}
	return "-"
}

// topFile is one file of the view.
type topFile struct {
	file.Status
	rate float64 // bytes that were read in a second; negative: not known
}

func (f topFile) line() string {
	rate, note := "-", ""
	if f.rate >= 0 {
		rate = terminal.Bytes(f.rate)
	}
	if f.Fault != "" {
		note = "  FAULT " + f.Fault
	}
	return fmt.Sprintf("%9s %9s %9.0f  %s", rate, terminal.Bytes(float64(f.Lag)), f.Behind, terminal.Printable(f.Path+note))
}

// files returns them in the order that is wanted.
func (t *Top) files() (all []topFile) {
	type content struct {
		stream string
		epoch  uint64
	}
	was := map[content]uint64{}
	seconds := 0.0
	if t.before != nil {
		seconds = t.now.at.Sub(t.before.at).Seconds()
		for _, f := range t.before.status.Files {
			was[content{f.Stream, f.Epoch}] = f.Read
		}
	}
	for _, f := range t.now.status.Files {
		if f.Copy {
			continue
		}
		rate := -1.0
		if before, known := was[content{f.Stream, f.Epoch}]; known && seconds > 0 && f.Read >= before {
			rate = float64(f.Read-before) / seconds
		}
		all = append(all, topFile{f, rate})
	}
	slices.SortFunc(all, func(a, b topFile) int {
		name := strings.Compare(a.Path, b.Path)
		switch t.by {
		case byBehind:
			return cmp.Or(cmp.Compare(b.Lag, a.Lag), cmp.Compare(b.Behind, a.Behind), name)
		case byName:
			return name
		}
		return cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(b.Lag, a.Lag), name)
	})
	return all
}
