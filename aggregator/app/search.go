package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"belfry/shared/conf"
	"belfry/shared/event"
)

type searchCmd struct {
	Query []string `arg:"" optional:"" help:"What to look for, as: user.name:averez AND process.name:sudo. Nothing means all."`
	spanFlags
	Limit  int    `help:"At most so many events; 0 for all." default:"100"`
	Oldest bool   `help:"Oldest first."`
	After  string `help:"Go on behind the place that a search before has told." placeholder:"CURSOR"`
	showFlags
	CountBy string         `help:"Count the values of this field instead, the most frequent first." placeholder:"FIELD"`
	Top     int            `help:"Of --count-by: so many values." default:"10"`
	Over    *conf.Duration `help:"Count the events of each such step of time, as 1h; with --count-by, of each value."`
	Follow  bool           `help:"Go on with what comes, until interrupted. What was found is printed oldest first." short:"f"`
	Context int            `help:"With so many lines of the same file before and after each." short:"C"`
}

// text is the query.
func (s searchCmd) text() string { return strings.Join(s.Query, " ") }

// Run prints the events that match.
func (s searchCmd) Run(ctx context.Context, c *CLI) error {
	if err := s.check(); err != nil {
		return err
	}
	v := url.Values{"q": {s.text()}}
	if err := s.ask(v, time.Now()); err != nil {
		return err
	}
	switch {
	case s.Over != nil:
		return s.overTime(ctx, c, v)
	case s.CountBy != "":
		return s.countValues(ctx, c, v)
	}
	v.Set("limit", strconv.Itoa(s.Limit))
	v.Set("after", s.After)
	if s.Oldest {
		v.Set("order", "oldest")
	}
	switch {
	case s.Follow:
		return s.follow(ctx, c, v)
	case s.Context > 0:
		return s.around(ctx, c, v)
	}
	return s.list(ctx, c, v)
}

// check refuses flags that mean nothing together.
func (s searchCmd) check() error {
	counts := s.CountBy != "" || s.Over != nil
	switch {
	case counts && (s.Follow || s.Context > 0 || s.After != ""):
		return errors.New("--count-by and --over count: --follow, --context and --after are for events")
	case s.Follow && (s.Context > 0 || s.After != "" || !s.To.end.IsZero()):
		return errors.New("--follow goes on with what comes: --context, --after and --to do not")
	case s.Context < 0 || s.Limit < 0:
		return errors.New("--context and --limit are numbers of lines")
	case s.Over != nil && *s.Over <= 0:
		return errors.New("--over is the length of a step of time, as 1h")
	}
	return nil
}

// list prints what was found as it comes.
func (s searchCmd) list(ctx context.Context, c *CLI, v url.Values) error {
	out := bufio.NewWriter(c.out())
	p := s.printer(out, c.screen(s.Color), wordsOf(s.text()))
	if s.Format == "json" && len(s.Fields) > 0 {
		v.Set("fields", strings.Join(s.Fields, ","))
	}
	n := 0
	last, err := c.search(ctx, v, out, func(line []byte, e *event.Event) error {
		n++
		return p.event(line, e)
	})
	if err := errors.Join(err, p.flush(), out.Flush()); err != nil {
		return err
	}
	return s.nothing(ctx, c, v, n, last)
}

// nothing is the error of a search that has found so many events; how to find more is told.
func (s searchCmd) nothing(ctx context.Context, c *CLI, v url.Values, n int, last ended) error {
	if n == 0 {
		c.advise(ctx, v)
		return errNothing
	}
	if last.More && s.Format == "table" {
		most := "--limit 0 shows all, "
		if s.Context > 0 {
			most = fmt.Sprintf("--limit %d shows the most, ", maxMatches)
		}
		fmt.Fprintf(c.aside(), "belfry: these are %d, and there may be more: %s--after %s goes on\n", n, most, last.Cursor)
	}
	return nil
}

// hint tells what a query that found nothing may have been meant to be, by how it is written, and reports whether it did.
func hint(w io.Writer, q string) bool {
	for _, word := range strings.Fields(q) {
		switch {
		case word == "and", word == "or", word == "not":
			fmt.Fprintf(w, "belfry: nothing found; %q is a word to look for, %s is the operator\n", word, strings.ToUpper(word))
			return true
		case strings.Contains(word, "=") && !strings.ContainsAny(word, `":`):
			field, value, _ := strings.Cut(word, "=")
			fmt.Fprintf(w, "belfry: nothing found; a field is asked for by a colon: %s:%s\n", printable(field), printable(value))
			return true
		}
	}
	return false
}

// The lines of an answer that are no events: each is an object with its one key.
type (
	progress struct {
		Found   int       `json:"found"`
		At      time.Time `json:"at"`
		Seconds float64   `json:"seconds"`
	}
	ended struct {
		Found  int    `json:"found"`
		Cursor string `json:"cursor"`
		More   bool   `json:"more"`
	}
	aside struct {
		Progress *progress `json:"progress"`
		End      *ended    `json:"end"`
		Error    *string   `json:"error"`
		Column   int       `json:"column"`
	}
)

// asideOf reads a line that is no event.
func asideOf(line []byte) (a aside, ok bool) {
	if !bytes.HasPrefix(line, []byte(`{"progress":`)) && !bytes.HasPrefix(line, []byte(`{"end":`)) &&
		!bytes.HasPrefix(line, []byte(`{"error":`)) && !bytes.HasPrefix(line, []byte(`{"column":`)) {
		return a, false
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields() // an event has others, or these with other things in them
	return a, dec.Decode(&a) == nil
}

// search asks for events and calls fn for each, with its line. out is flushed each second. It returns how the answer
// ended; one that did not is an error.
func (c *CLI) search(ctx context.Context, v url.Values, out *bufio.Writer, fn func([]byte, *event.Event) error) (last ended, err error) {
	v.Set("progress", "1")
	body, err := c.ask(ctx, "/v1/search", v)
	if err != nil {
		return last, err
	}
	defer body.Close()
	shown := newMeter(c)
	defer shown.clear()
	whole := false
	var dec event.Decoder
	err = eachLine(body, func(line []byte) error {
		a, isAside := asideOf(line)
		switch {
		case !isAside:
			e, err := dec.Decode(line)
			if err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			shown.clear()
			return fn(line, e)
		case a.Error != nil:
			return fmt.Errorf("the search failed on its way: %s", printable(*a.Error))
		case a.End != nil:
			last, whole = *a.End, true
		case a.Progress != nil:
			if err := out.Flush(); err != nil {
				return err
			}
			shown.show(*a.Progress)
		}
		return nil
	})
	if err == nil && !whole {
		err = errors.New("the aggregator's answer was cut off: there may be more")
	}
	return last, err
}

// meter shows on a terminal how far a long work has come: one line, again and again.
type meter struct {
	out   io.Writer // nil: nobody looks
	shown bool
}

func newMeter(c *CLI) *meter {
	if c.Err == nil && isTerminal(os.Stderr) {
		return &meter{out: os.Stderr}
	}
	return new(meter)
}

func (m *meter) show(p progress) {
	if m.out == nil {
		return
	}
	at := ""
	if !p.At.IsZero() {
		at = ", at " + p.At.UTC().Format("2006-01-02 15:04:05Z")
	}
	m.line("searching: %d found%s, %.0f s", p.Found, at, p.Seconds)
}

// line shows a line in the place of the one before.
func (m *meter) line(format string, args ...any) {
	fmt.Fprintf(m.out, "\r\x1b[K"+format, args...)
	m.shown = true
}

func (m *meter) clear() {
	if m.shown {
		fmt.Fprint(m.out, "\r\x1b[K")
		m.shown = false
	}
}

// maxAnswerLine bounds one event of an answer, in bytes.
const maxAnswerLine = 32 << 20

func eachLine(r io.Reader, fn func([]byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxAnswerLine)
	for lines.Scan() {
		if err := fn(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
