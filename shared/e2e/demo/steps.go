package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/shared/e2e/stack"
)

const (
	lookEvery = 500 * time.Millisecond
	promise   = 2 * time.Second // from the write of a line to its ping
)

// step is one thing that the demo promises to show.
type step struct {
	name  string
	check func(context.Context) (evidence string, err error)
	err   error // why it was not seen yet
	seen  bool
	last  bool // looked at once more at the end, when the file rests
}

// watched lists the steps.
func (d *demo) watched() []*step {
	road := "HTTPS"
	if d.broker {
		road = "RabbitMQ"
	}
	s := func(name string, check func(context.Context) (string, error)) *step {
		return &step{name: name, check: check, err: errors.New("not looked at yet")}
	}
	steps := []*step{
		s("the servers run", d.serversRun),
		s("the agent follows the file through rotation and gzip, each line once", d.followed),
		s("batches went through "+road+", sudo, sshd and slapd lines are parsed and indexed", d.parsed),
		s("sudo su pings the one on call on IRC in under 2 s", d.pinged),
		s("belfry search prints what sudo did", d.printed),
		s("belfry tail follows live", d.followedLive),
		s("the event posted by curl is found", d.postedFound),
		s("logger --rfc5424 over UDP, and --rfc3164 over TCP, show up in belfry tail", d.relayed),
		s("belfry audit knows of each byte, and misses none", d.audited),
	}
	steps[1].last = true
	return steps
}

// audited asks what became of the bytes that the agent has read.
func (d *demo) audited(ctx context.Context) (string, error) {
	text, code, err := d.Aggregator.Audit(ctx, d.Agent.Host)
	if err != nil {
		return "", err
	}
	var known, held uint64
	ours := false
	for line := range bytes.Lines(text) {
		var f struct {
			Type  string
			Path  string
			Known bool `json:"end_known"`
			Held  uint64
		}
		if err := json.Unmarshal(line, &f); err != nil {
			return "", fmt.Errorf("read what the audit says: %w", err)
		}
		if f.Type == "file" && f.Known && f.Held > 0 {
			known, held = known+1, held+f.Held
			ours = ours || f.Path == d.Feeder.Path()
		}
	}
	switch {
	case code != 0:
		return "", fmt.Errorf("it misses something: %.500s", text)
	case !ours:
		return "", errors.New("the agent has not said yet how far the file goes that is replayed")
	}
	return fmt.Sprintf("%d bytes of %d files are held", held, known), nil
}

// watch looks for each step until it was seen.
func (d *demo) watch(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		d.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look checks what was not seen yet.
func (d *demo) look(ctx context.Context) (all bool) {
	all = true
	for _, s := range d.steps {
		if s.seen {
			continue
		}
		evidence, err := s.check(ctx)
		if err != nil {
			all = false
			if ctx.Err() == nil { // else it only says that the time is over
				s.err = err
			}
			continue
		}
		s.seen = true
		d.say("seen: %s: %s", s.name, evidence)
	}
	return all
}

// verdict gives the last lines time to arrive, until end, and judges.
func (d *demo) verdict(ctx context.Context, end time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	d.mark = d.Feeder.Numbers()
	for _, s := range d.steps {
		s.seen = s.seen && !s.last
	}
	for !d.look(ctx) && ctx.Err() == nil {
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
		}
	}
	var missing []error
	for _, s := range d.steps {
		if !s.seen {
			missing = append(missing, fmt.Errorf("not seen: %s: %w", s.name, s.err))
		}
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	d.say("every step was seen")
	<-ctx.Done() // whoever looks around has the time that was asked for
	return nil
}

func (d *demo) serversRun(context.Context) (string, error) {
	servers := "ngircd, belfry serve, belfry-agent"
	if d.elastic() {
		servers = "Elasticsearch, " + servers
	}
	if d.broker {
		servers = "RabbitMQ, " + servers
	}
	return servers, nil
}

// followed compares the numbered lines, up to a mark, with those that are found: each once.
func (d *demo) followed(ctx context.Context) (string, error) {
	rotations := d.Feeder.Rotations()
	if rotations == 0 {
		return "", errors.New("the file was not rotated yet")
	}
	if d.mark == 0 {
		d.mark = d.Feeder.Numbers()
	}
	events, err := d.Aggregator.Search(ctx, "process.name:"+stack.Program)
	if err != nil {
		return "", err
	}
	times := map[int]int{}
	for _, e := range events {
		n, _ := stack.NumberOf(e.Get("event.original"))
		times[n]++
	}
	for n := 1; n <= d.mark; n++ {
		if times[n] != 1 {
			return "", fmt.Errorf("of %d numbered lines number %d is there %d times", d.mark, n, times[n])
		}
	}
	return fmt.Sprintf("%d numbered lines, rotations so far: %d", d.mark, rotations), nil
}

func (d *demo) parsed(ctx context.Context) (string, error) {
	var found []string
	for _, q := range []struct{ name, query string }{
		{"sudo", "process.name:sudo AND user.name:averez"},
		{"sshd failures", "process.name:sshd AND event.outcome:failure"},
		{"LDAP binds", "event.action:ldap-bind AND event.outcome:success"},
		{"failed ones", "event.action:ldap-bind AND event.outcome:failure"},
	} {
		events, err := d.Aggregator.Search(ctx, q.query)
		if err == nil && len(events) == 0 {
			err = fmt.Errorf("nothing found for %s", q.query)
		}
		if err != nil {
			return "", err
		}
		found = append(found, fmt.Sprintf("%d %s", len(events), q.name))
	}
	return strings.Join(found, ", "), nil
}

// pinged looks for a ping that came in time. Line and ping belong together by their order.
func (d *demo) pinged(context.Context) (string, error) {
	lines := d.Feeder.Written(root)
	heard := slices.DeleteFunc(d.Reader.Heard(), func(h stack.Heard) bool { return !strings.Contains(h.Text, program) })
	err := fmt.Errorf("%d such lines, no ping yet", len(lines))
	for i := range min(len(lines), len(heard)) {
		took := heard[i].At.Sub(lines[i].At)
		switch {
		case !strings.HasPrefix(heard[i].Text, stack.Oncall+": "):
			err = fmt.Errorf("%s was not called: %q", stack.Oncall, heard[i].Text)
		case took >= promise:
			err = fmt.Errorf("the %d. ping came after %v", i+1, took)
		default:
			return fmt.Sprintf("%.2f s after the line was written", took.Seconds()), nil
		}
	}
	return "", err
}

func (d *demo) printed(ctx context.Context) (string, error) {
	out, err := d.Aggregator.Print(ctx, "user.name:averez AND process.name:sudo")
	if err == nil && !strings.Contains(out, "averez") {
		err = errors.New("nothing printed")
	}
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(out, "\n")
	return first, nil
}

func (d *demo) followedLive(context.Context) (string, error) {
	n := d.tail.Count(stack.Program)
	if n == 0 {
		return "", errors.New("no line of the file in the tail")
	}
	return fmt.Sprintf("%d numbered lines so far", n), nil
}

func (d *demo) postedFound(ctx context.Context) (string, error) {
	events, err := d.Aggregator.Search(ctx, `"`+posted+`"`)
	if err == nil && len(events) == 0 {
		err = errors.New("not found")
	}
	if err != nil {
		return "", err
	}
	return events[0].Get("message"), nil
}

func (d *demo) relayed(context.Context) (string, error) {
	udp, tcp := d.tail.Count(byUDP), d.tail.Count(byTCP)
	if udp == 0 || tcp == 0 {
		return "", fmt.Errorf("%d by UDP, %d by TCP", udp, tcp)
	}
	return fmt.Sprintf("%d by UDP, %d by TCP", udp, tcp), nil
}
