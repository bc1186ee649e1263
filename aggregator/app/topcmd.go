package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/shared/ops"
	"belfry/shared/terminal"
)

type topCmd struct {
	Interval time.Duration `help:"Time between two looks." default:"1s"`
	Once     bool          `help:"Print what is so in one interval, and end; so it is where there is no terminal."`
}

// shortestInterval keeps a view from being all that an aggregator does.
const shortestInterval = 100 * time.Millisecond

func (k topCmd) Run(ctx context.Context, c *CLI) error {
	if k.Interval < shortestInterval {
		return fmt.Errorf("--interval: %v is less than %v", k.Interval, shortestInterval)
	}
	way, err := c.road()
	if err != nil {
		return err
	}
	if !way.local() {
		return errors.New("top: the metrics are told over the aggregator's socket alone, and not from elsewhere")
	}
	t := &top{c: c, way: way, err: errors.New("nobody was asked yet")}
	v := terminal.View{Every: k.Interval, Look: t.look, Draw: t.draw, Key: func(key byte) bool { return key != 'q' }}
	if err := v.Run(ctx, k.Once, c.out()); err != nil {
		return err
	}
	if t.now == nil {
		return t.err
	}
	return nil
}

// top is a live view of a running aggregator.
type top struct {
	c      *CLI
	way    *road
	before *picture
	now    *picture
	err    error // why there is nothing newer
}

// picture is the aggregator at one moment.
type picture struct {
	at     time.Time
	status Status
	counts ops.Samples
}

func (t *top) look(ctx context.Context) func() {
	p, err := t.ask(ctx)
	return func() {
		if t.err = err; err == nil {
			t.before, t.now = t.now, p
		}
	}
}

// maxStatus bounds an answer, in bytes.
const maxStatus = 16 << 20

func (t *top) ask(ctx context.Context) (*picture, error) {
	p := &picture{at: time.Now()}
	body, err := t.c.ask(ctx, "/v1/status", nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxStatus)).Decode(&p.status); err != nil {
		return nil, fmt.Errorf("read the aggregator's answer: %w", err)
	}
	if p.counts, err = ops.Scrape(ctx, t.way.client, t.way.base+"/metrics"); err != nil {
		return nil, fmt.Errorf("ask the aggregator for its metrics: %w", explain(err))
	}
	return p, nil
}

func (t *top) draw(_, height int) []string {
	switch {
	case t.now == nil && height == 0:
		return nil // the command's error tells
	case t.now == nil:
		return []string{"belfry top: " + terminal.Printable(t.err.Error())}
	}
	p := t.now
	n := func(name string) float64 { return p.counts.Sum(name) }
	ready := "ready " + p.status.Ready
	if t.err != nil {
		ready = "NO ANSWER: " + t.err.Error()
	}
	lines := []string{
		fmt.Sprintf("belfry    %s  up %s  %s", p.at.Format(time.TimeOnly),
			terminal.Age(p.at.Sub(time.Unix(int64(n("process_start_time_seconds")), 0))), terminal.Printable(ready)),
		fmt.Sprintf("received  %s events/s; %s messages/s of queues, %s batches/s over HTTP", t.rate("belfry_receive_events_total"),
			t.rate("belfry_receive_amqp_messages_total"), t.rate("belfry_receive_http_batches_total")),
		fmt.Sprintf("indexed   %s events/s, %s repeats/s; %s bytes wait", t.rate("belfry_index_rows_total"), t.rate("belfry_index_repeats_total"),
			terminal.Bytes(n("belfry_index_queue_bytes"))),
		fmt.Sprintf("alerts    %.0f wait, %s/s raised; %.0f dead letters, %.0f gaps", n("belfry_alert_pending"), t.rate("belfry_alert_fired_total"),
			n("belfry_dead_letters"), n("belfry_audit_gaps_open")),
		fmt.Sprintf("hosts     %.0f, %.0f of them silent", n("belfry_fleet_hosts"), n("belfry_fleet_hosts_silent")),
		fmt.Sprintf("process   cpu %s %%, memory %s%s", t.grown("process_cpu_seconds_total", func(n float64) string { return fmt.Sprintf("%.1f", 100*n) }),
			terminal.Bytes(n("process_resident_memory_bytes")), room(p.status.Index)),
	}
	for _, m := range p.status.Members {
		which := ""
		if m.Self {
			which = " (this one)"
		}
		lines = append(lines, fmt.Sprintf("member    %s%s consumes %d queues", terminal.Printable(m.Host), which, len(m.Queues)))
	}
	return lines
}

// room tells of the disk of an index that has one of its own.
func room(x index.Stats) string {
	if x.Engine != config.EngineEmbedded {
		return ""
	}
	return fmt.Sprintf("; %s bytes of log, %s of disk free", terminal.Bytes(float64(x.LogBytes)), terminal.Bytes(float64(x.DiskFree)))
}

func (t *top) rate(counter string) string { return t.grown(counter, terminal.Count) }

// grown is how much a counter has grown in a second, "-" where it is not known, as after a restart.
func (t *top) grown(counter string, write func(float64) string) string {
	if t.before == nil {
		return "-"
	}
	grown, seconds := t.now.counts.Sum(counter)-t.before.counts.Sum(counter), t.now.at.Sub(t.before.at).Seconds()
	if grown < 0 || seconds <= 0 {
		return "-"
	}
	return write(grown / seconds)
}
