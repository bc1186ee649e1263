package parse

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"belfry/shared/event"
)

// Options say what plain lines do not tell.
type Options struct {
	Host     string    // host of lines that name none
	TZ       string    // IANA name of the time zone of stamps without one; default UTC
	Received time.Time // when the lines were read, which gives the year; default now
}

// maxLine bounds one line of Lines, in bytes.
const maxLine = 1 << 20

// Lines reads log lines from r and writes each, understood, as one ECS object a line to w, in their order.
func Lines(r io.Reader, w io.Writer, opts Options) error {
	zone := opts.TZ
	if zone == "" {
		zone = "UTC"
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("time zone: %w", err)
	}
	now := opts.Received
	if now.IsZero() {
		now = time.Now()
	}
	p := New(Config{Retention: 100 * 365 * 24 * time.Hour}, nil)
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	out := bufio.NewWriter(w)
	var text []byte
	for n := 1; in.Scan(); n++ {
		e := new(event.Event)
		e.Append("event.original", string(bytes.ToValidUTF8(in.Bytes(), []byte("\uFFFD"))))
		e.Append("event.created", now.UTC().Format(time.RFC3339Nano))
		e.Append("event.timezone", zone)
		e.Append("event.id", event.HashKey("line", strconv.Itoa(n)).String())
		p.Parse(e, now)
		e.Default("host.name", opts.Host)
		text = append(e.AppendJSON(text[:0]), '\n')
		if _, err := out.Write(text); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("read lines: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}
