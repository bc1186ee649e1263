package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/certs"
	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
)

// user is the one user of the broker.
const user = "belfry"

// look is how often a sender's progress is asked for.
const look = 20 * time.Millisecond

// bench is one run.
type bench struct {
	options
	out    io.Writer
	dir    string
	file   string // the lines
	part   string // the first of them, for syslog-ng
	cpu    string // of the sender
	rabbit *stack.RabbitMQ
	files  certs.Files
	queue  *queue
	turns  map[string][]turn // by sender
}

// turn is what one sender did alone.
type turn struct {
	events int
	gauge.Spent
}

func (t turn) rate() float64   { return float64(t.events) / t.Took.Seconds() }
func (t turn) perCPU() float64 { return float64(t.CPU.Nanoseconds()) / 1000 / float64(t.events) }

// The senders, in the order of their turns.
const (
	theAgent    = "agent"
	theBare     = "bare"
	theSyslogNG = "syslog-ng"
)

func run(ctx context.Context, o options, out io.Writer) (err error) {
	b := &bench{options: o, out: out, turns: make(map[string][]turn)}
	if err := b.possible(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "belfry-bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.open(ctx); err != nil {
		return err
	}
	defer func() {
		b.queue.close()
		err = errors.Join(err, b.rabbit.Stop())
	}()
	for round := 1; round <= o.Rounds; round++ {
		for _, sender := range []struct {
			name string
			turn func(context.Context, int) (turn, error)
		}{{theAgent, b.agent}, {theBare, b.bare}, {theSyslogNG, b.syslogNG}} {
			t, err := sender.turn(ctx, round)
			if err != nil {
				return fmt.Errorf("round %d: %s: %w", round, sender.name, err)
			}
			b.turns[sender.name] = append(b.turns[sender.name], t)
			b.print(fmt.Sprint("round ", round), sender.name, t.rate(), t.perCPU(), t.Peak, t)
		}
	}
	b.sum()
	return nil
}

// possible says what is missing, or wrong with the options.
func (b *bench) possible() error {
	var errs []error
	if b.Lines < 1 || b.Rounds < 1 || b.Share < 1 || b.Share > b.Lines {
		errs = append(errs, fmt.Errorf("lines %d, rounds %d, share %d: each at least 1, share at most lines", b.Lines, b.Rounds, b.Share))
	}
	if missing := stack.Missing("rabbitmq-server", "taskset"); len(missing) > 0 {
		errs = append(errs, fmt.Errorf("not installed: %s (make deps installs it, or says how)", strings.Join(missing, ", ")))
	}
	if len(stack.MissingSenders(theSyslogNG)) > 0 {
		errs = append(errs, errors.New("syslog-ng is not there to compare with (make deps unpacks it from Debian's packages "+
			"syslog-ng-core and syslog-ng-mod-amqp, or says why not)"))
	}
	if _, err := os.Stat(filepath.Join(b.Bin, "belfry-agent")); err != nil {
		errs = append(errs, fmt.Errorf("no agent (make build makes it): %w", err))
	}
	return errors.Join(errs...)
}

// open writes the file and starts the broker.
func (b *bench) open(ctx context.Context) error {
	if err := os.Chmod(b.dir, 0o755); err != nil { // the broker runs as a user of its own
		return err
	}
	sender, rest, err := gauge.Cores()
	if err != nil {
		return err
	}
	b.cpu = sender
	if err := gauge.Stay(rest); err != nil {
		return err
	}
	b.file, b.part = filepath.Join(b.dir, "lines"), filepath.Join(b.dir, "part")
	start := time.Now().Add(-time.Duration(b.Lines) * time.Millisecond)
	if err := errors.Join(gauge.WriteLines(b.file, b.Lines, start), gauge.WriteLines(b.part, b.Lines/b.Share, start)); err != nil {
		return fmt.Errorf("write lines: %w", err)
	}
	st, err := os.Stat(b.file)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%d lines, %.0f MB; each sender alone on CPU %s, the broker on CPU %s; what others take of them "+
		"lowers events/s, and hardly CPU/event\n", b.Lines, float64(st.Size())/1e6, sender, rest)
	return b.openBroker(ctx)
}

func (b *bench) openBroker(ctx context.Context) error {
	certificates, rabbit := filepath.Join(b.dir, "certs"), filepath.Join(b.dir, "rabbitmq")
	if err := errors.Join(os.Mkdir(certificates, 0o755), os.Mkdir(rabbit, 0o755)); err != nil {
		return err
	}
	ca, err := certs.NewAuthority(certificates)
	if err != nil {
		return err
	}
	b.files, err = ca.Issue(user, certs.Request{CommonName: user, Client: true, Days: 7})
	if err != nil {
		return err
	}
	b.rabbit, err = stack.StartRabbitMQ(ctx, stack.Rabbit{Dir: rabbit, Authority: ca,
		Users: []stack.User{{Name: user, Configure: ".*", Write: ".*", Read: ".*"}}})
	if err != nil {
		return err
	}
	if b.queue, err = openQueue(ctx, b.rabbit); err != nil {
		return errors.Join(err, b.rabbit.Stop())
	}
	return nil
}

// by is the command that keeps a sender on its CPU.
func (b *bench) by() []string { return []string{"taskset", "-c", b.cpu} }

func (b *bench) print(when, who string, rate, cpu, rss float64, t turn) {
	memory := ""
	if rss > 0 {
		memory = fmt.Sprintf("%4.0f MiB", rss)
	}
	load := ""
	if t.Took > 0 {
		load = fmt.Sprintf("  %d events in %v, of its CPU it had %.0f %%, others %.0f %%", t.events,
			t.Took.Round(time.Millisecond), 100*t.CPU.Seconds()/t.Took.Seconds(), 100*t.Others.Seconds()/t.Took.Seconds())
	}
	fmt.Fprintf(b.out, "%-8s %-10s %8.0f events/s %6.2f us CPU/event %8s%s\n", when, who, rate, cpu, memory, load)
}

// sum prints the medians, and the last line.
func (b *bench) sum() {
	rate := make(map[string]float64)
	var cpu, rss float64
	for _, who := range []string{theAgent, theBare, theSyslogNG} {
		var rates, cpus, sizes []float64
		for _, t := range b.turns[who] {
			rates, cpus, sizes = append(rates, t.rate()), append(cpus, t.perCPU()), append(sizes, t.Peak)
		}
		rate[who] = gauge.Median(rates)
		b.print("median", who, rate[who], gauge.Median(cpus), gauge.Median(sizes), turn{})
		if who == theAgent {
			cpu, rss = gauge.Median(cpus), gauge.Median(sizes)
		}
	}
	fmt.Fprintf(b.out, "bench-ship: events_per_s=%.0f cpu_us_per_event=%.2f rss_mib=%.0f vs_syslog_ng=%.2f vs_bare=%.2f\n",
		rate[theAgent], cpu, rss, rate[theAgent]/rate[theSyslogNG], rate[theAgent]/rate[theBare])
}
