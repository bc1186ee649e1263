package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"belfry/shared/certs"
	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
)

// bench is one run.
type bench struct {
	options
	out      io.Writer
	dir      string
	cpu      string // of the agent
	rest     string // of all else
	receiver *receiver
	files    certs.Files // of the agent
	extra    string      // keys of an entry of inputs.files that this agent knows
	figures  []figure
}

// figure is one of the last line.
type figure struct{ name, value string }

// The figures, in the order of the last line, with how they are printed.
var names = []struct{ name, format string }{
	{"read_mb_per_s", "%.0f"}, {"allocs_per_line", "%.0f"}, {"rss_1000_idle_mib", "%.0f"}, {"rss_10000_mib", "%.0f"},
	{"idle_cpu_percent", "%.2f"}, {"gz_vs_bare", "%.2f"}, {"gz_resume_s", "%.2f"},
}

// set notes a figure.
func (b *bench) set(name string, value float64) {
	for _, n := range names {
		if n.name == name {
			b.figures = append(b.figures, figure{name, fmt.Sprintf(n.format, value)})
		}
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	b := &bench{options: o, out: out}
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
	defer b.receiver.close()
	err = b.all(ctx)
	fmt.Fprintln(out, b.lastLine())
	return err
}

// all measures one thing after the other. What fails does not keep the rest from being measured.
func (b *bench) all(ctx context.Context) error {
	var errs []error
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{"read", b.read}, {"allocs", b.readLines}, {"gz", b.gz}, {"resume", b.resume}, {"idle", b.idle}, {"many", b.many}} {
		if len(b.Only) > 0 && !slices.Contains(b.Only, part.name) {
			continue
		}
		if err := part.measure(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (b *bench) lastLine() string {
	var line strings.Builder
	line.WriteString("bench-agent:")
	for _, n := range names {
		value := "?"
		for _, f := range b.figures {
			if f.name == n.name {
				value = f.value
			}
		}
		fmt.Fprintf(&line, " %s=%s", n.name, value)
	}
	return line.String()
}

// possible says what is missing, or wrong with the options.
func (b *bench) possible() error {
	var errs []error
	if min(b.Rounds, b.MB, b.ResumeMB, b.Idle, b.Many, b.Busy, b.Rate) < 1 || b.Measure <= 0 {
		errs = append(errs, errors.New("every size, count and time is at least 1"))
	}
	if missing := stack.Missing("taskset", "gzip", "go"); len(missing) > 0 {
		errs = append(errs, fmt.Errorf("not installed: %s", strings.Join(missing, ", ")))
	}
	if _, err := os.Stat(b.program()); err != nil {
		errs = append(errs, fmt.Errorf("no agent (make build makes it): %w", err))
	}
	return errors.Join(errs...)
}

func (b *bench) program() string { return filepath.Join(b.Bin, "belfry-agent") }

// open shares out the cores, starts the receiver, and finds out what the agent's config may hold.
func (b *bench) open(ctx context.Context) (err error) {
	if b.cpu, b.rest, err = gauge.Cores(); err != nil {
		return err
	}
	if err := gauge.Stay(b.rest); err != nil {
		return err
	}
	ca, err := certs.NewAuthority(filepath.Join(b.dir, "certs"))
	if err != nil {
		return err
	}
	server, err1 := ca.Issue("receiver", certs.Request{CommonName: "receiver", Hosts: []string{"127.0.0.1"}, Server: true})
	b.files, err = ca.Issue("agent", certs.Request{CommonName: "agent-bench", Client: true})
	if err := errors.Join(err1, err); err != nil {
		return err
	}
	if b.receiver, err = startReceiver(server); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "what is timed of the agent is on CPU %s, the receiver on CPU %s; what others take of them makes it take "+
		"longer, and hardly more CPU\n", b.cpu, b.rest)
	return b.probe(ctx)
}

// bytesPerLine is what a line of the corpus has on average.
const bytesPerLine = 103

// linesIn is how many lines make so many MB.
func linesIn(mb int) int { return mb * 1_000_000 / bytesPerLine }

// plain writes a file of so many MB once, and returns its name and its lines.
func (b *bench) plain(mb int) (name string, lines int, err error) {
	name, lines = filepath.Join(b.dir, fmt.Sprintf("%dMB", mb)), linesIn(mb)
	if _, err := os.Stat(name); err == nil {
		return name, lines, nil
	}
	if err := gauge.WriteLines(name, lines, began(lines)); err != nil {
		return "", 0, fmt.Errorf("write lines: %w", err)
	}
	return name, lines, nil
}

// began is when the first of so many lines was written, if the last one was just now. Whole hours give one run's files
// the same beginning.
func began(lines int) time.Time {
	return time.Now().Add(-time.Duration(lines) * time.Millisecond).Truncate(time.Hour)
}

// sizeOf is how many bytes a file has.
func sizeOf(name string) (uint64, error) {
	st, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return uint64(st.Size()), nil
}
