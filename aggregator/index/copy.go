package index

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// maxLine bounds a line that is imported, in bytes.
const maxLine = 32 << 20

// Import adds the events of NDJSON, one ECS object a line, to a loader, and flushes it. An error names the line; what is
// before it is there, and the same text may be imported again.
func Import(ctx context.Context, r io.Reader, to *Loader, progress func(n uint64)) (uint64, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var dec event.Decoder
	var n uint64
	for lines.Scan() {
		n++
		if len(lines.Bytes()) == 0 {
			continue
		}
		e, err := dec.Decode(lines.Bytes())
		if err == nil {
			err = to.Add(ctx, e)
		}
		if err != nil {
			_ = to.Flush(ctx) // the fault is told already
			return n, fmt.Errorf("line %d: %w", n, err)
		}
		if progress != nil && n%loadEvents == 0 {
			progress(n)
		}
	}
	if err := lines.Err(); err != nil {
		_ = to.Flush(ctx) // the fault is told already
		return n, fmt.Errorf("line %d: %w", n+1, err)
	}
	return n, to.Flush(ctx)
}

// rangesOfWrite is how many ranges of a ledger are written at once.
const rangesOfWrite = 2000

// CopyLedger makes an index know what a ledger knows, so that what agents send again is a repeat there too. Ranges
// only grow, so it may be done again.
func CopyLedger(ctx context.Context, from *ledger.Ledger, to Index) error {
	var w Write
	send := func() error {
		answer := make(chan error, 1)
		to.Write(ctx, w, func(_ Result, err error) { answer <- err })
		w = Write{}
		select {
		case err := <-answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, pos := range from.Positions() {
		for _, r := range from.Ranges(pos) {
			w.Ranges = append(w.Ranges, Range{Pos: pos, Kind: r.Kind, First: r.First, End: r.End})
		}
		if len(w.Ranges) >= rangesOfWrite {
			if err := send(); err != nil {
				return fmt.Errorf("copy the ledger: %w", err)
			}
		}
	}
	if len(w.Ranges) == 0 {
		return nil
	}
	if err := send(); err != nil {
		return fmt.Errorf("copy the ledger: %w", err)
	}
	return nil
}
