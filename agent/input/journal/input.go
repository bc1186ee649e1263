package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/backoff"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// Sink takes what is read. Its methods block for back pressure until ctx is done; who gives up may come again with the same.
// They copy what they are given.
type Sink interface {
	// Add takes one event, as a JSON object, that came from [first, end) of its place.
	Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error
	// Pass takes a range of which no event is sent.
	Pass(ctx context.Context, p batch.Place, kind batch.Kind, first, end uint64) error
}

// program is what reads the journal.
const program = "journalctl"

// Input follows one journal.
type Input struct {
	cfg    Config
	sink   Sink
	log    *slog.Logger
	now    func() time.Time
	path   string // of the state
	stream event.Key
	enc    *encoder

	series   map[seriesID]*series
	epochs   map[uint64]*series // likewise
	counters map[string]*counter
	last     *series // that an entry was of
	order    uint64  // entries that were shown
	way      way
	holes    holes
	began    int64 // when nothing was known, in Unix microseconds
	since    int64 // nothing older is read, likewise; 0 is no bound
	dirty    bool  // the state is not on the disk
	saved    time.Time

	program string    // journalctl
	child   int       // how many were started
	born    time.Time // when the last one was
	entry   entry
	at      time.Time // when what is being handed on was read
	day     string    // of that
	dayOf   int64     // likewise, in days since 1970
	ticked  time.Time
	broken  broken
	beyond  bool            // the next child begins behind the last entry, not at it
	tick    context.Context //nolint:containedctx // by which the sink gives up waiting for a while
	untick  context.CancelFunc
	lost    uint64 // entries that were declared dropped
	read    uint64 // entries that were handed on
	restart uint64

	faults [2]string // by what it is that does not go

	mu        sync.Mutex
	confirmed []batch.Stream
	ends      []heartbeat.Stream
	status    Status

	entries, bytes, dropped, restarts, truncated, damaged, cutFields *metrics.Counter
}

// Open reads the state of a journal, and returns its input. It starts nothing; see Run.
func Open(stateDir string, cfg Config, src Source, sink Sink, log *slog.Logger, set *metrics.Set) (*Input, error) {
	if err := os.MkdirAll(stateDir, 0o750); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	stream := event.HashKey("journal", src.Agent.String(), cfg.Name())
	counter := func(what string) *metrics.Counter { return set.GetOrCreateCounter("belfry_agent_journal_" + what) }
	in := &Input{
		cfg: cfg, sink: sink, log: log.With("journal", cfg.Name()), now: time.Now, stream: stream,
		path: filepath.Join(stateDir, stream.String()[:16]+".json"), enc: newEncoder(src, stream, cfg.Directory != ""),
		holes: holes{grace: holeGrace}, program: program,
		entries: counter("entries_total"), bytes: counter("read_bytes_total"), dropped: counter("dropped_entries_total"),
		restarts: counter("restarts_total"), truncated: counter("truncated_messages_total"),
		damaged: counter("damaged_entries_total"), cutFields: counter("cut_fields_entries_total"),
	}
	in.forget()
	if err := in.load(); err != nil {
		return nil, err
	}
	in.picture()
	return in, nil
}

// forget begins without any knowledge.
func (in *Input) forget() {
	in.series, in.epochs = make(map[seriesID]*series), make(map[uint64]*series)
	in.counters, in.way, in.last = make(map[string]*counter), way{}, nil
}

// Confirmed notes what the receiver has taken. It may be called from any goroutine.
func (in *Input) Confirmed(s batch.Stream) {
	if s.ID != in.stream {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.confirmed = append(in.confirmed, s)
}

// errAnew says that the child is to be started anew at once.
var errAnew = errors.New("begin anew")

// Run follows the journal until ctx is done, and returns nil then. Close must follow: it brings the cursor to the disk.
func (in *Input) Run(ctx context.Context) error {
	pause := backoff.Backoff{Min: 200 * time.Millisecond, Max: time.Minute}
	defer func() {
		if in.untick != nil {
			in.untick()
		}
		in.keep()
	}()
	for ctx.Err() == nil {
		read := in.read
		err := in.follow(ctx)
		var refused *sinkError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &refused):
			return refused.error
		case errors.Is(err, errAnew):
			continue
		}
		if in.read > read {
			pause.Reset()
		}
		in.complain(reading, err)
		in.rest(ctx, pause.Next())
	}
	return nil
}

// follow reads what one child shows. It returns why that has ended.
func (in *Input) follow(ctx context.Context) error {
	c, err := startChild(in.program, in.arguments(), in.log)
	if err != nil {
		return err
	}
	defer c.stop()
	defer context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })() // it may have ended
	if in.child++; in.child > 1 {
		in.restart++
		in.restarts.Inc()
	}
	in.at = in.now()
	in.born = in.at
	in.holes.began(in.at)
	d := newDecoder(&pipe{in: in, ctx: ctx, file: c.out}, in.cfg.maxMessage())
	for {
		if err := d.next(&in.entry); err != nil {
			return in.ending(ctx, c, err)
		}
		if err := in.take(ctx, &in.entry); err != nil {
			return err
		}
	}
}

// arguments are those of the child.
func (in *Input) arguments() []string {
	// --merge: else --follow shows the present boot only.
	args := []string{"--output=export", "--follow", "--no-tail", "--merge", "--quiet", "--no-pager"}
	switch {
	case in.cfg.Directory != "":
		args = append(args, "--directory="+in.cfg.Directory)
	case in.cfg.Namespace != "":
		args = append(args, "--namespace="+in.cfg.Namespace)
	}
	from := in.way.last
	switch {
	case len(in.holes.open) > 0:
		from = in.holes.open[0].from
	case in.beyond:
		from.number++
	}
	switch {
	case from.number > 0:
		args = append(args, "--cursor="+from.cursor())
	case in.since > 0:
		args = append(args, fmt.Sprintf("--since=@%d.%06d", in.since/1e6, in.since%1e6))
	}
	return args
}

// broken is the last entry in whose middle a child ended.
type broken struct {
	at    point
	times int
}

// maxBroken is how often an entry is tried.
const maxBroken = 3

// ending finds out why a child shows nothing more.
func (in *Input) ending(ctx context.Context, c *child, err error) error {
	var bad *malformedError
	switch {
	case ctx.Err() != nil, errors.Is(err, errAnew):
		return err
	case errors.As(err, &bad):
		return fmt.Errorf("what journalctl writes is not of the export format: %w", err)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	select {
	case <-c.ended:
	case <-time.After(time.Second): // it has closed what it writes to, and lives
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	if at := in.entry.at; errors.Is(err, io.ErrUnexpectedEOF) && at.number > 0 {
		if in.broken.at != at {
			in.broken = broken{at: at}
		}
		if in.broken.times++; in.broken.times >= maxBroken { // it ends there each time: an entry that it cannot read
			in.entry.damaged = true
			if err := in.take(ctx, &in.entry); err != nil {
				return err
			}
			in.beyond = true
		}
	}
	if text := c.says.text(); text != "" {
		return fmt.Errorf("journalctl has ended: %s", text)
	}
	if c.err == nil {
		return errors.New("journalctl has ended without an error")
	}
	return fmt.Errorf("journalctl has ended: %w", c.err)
}

// Close brings what was confirmed to the disk.
func (in *Input) Close() error {
	in.applyConfirmed()
	in.picture()
	for _, s := range in.series {
		if s.reserved > s.sent {
			s.reserved, in.dirty = s.sent, true
		}
	}
	if !in.dirty {
		return nil
	}
	return in.write()
}
