package app

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/config"
	"belfry/shared/conf"
	"belfry/shared/event"
	"belfry/shared/ops"
)

type searchCmd struct {
	Query  []string      `arg:"" optional:"" help:"What to look for, as: user.name:averez AND process.name:sudo. Nothing means all."`
	Last   conf.Duration `help:"Only the last so long, as 90m, 24h or 30d."`
	From   time.Time     `help:"Not before this time (RFC 3339)."`
	To     time.Time     `help:"Not after this time (RFC 3339)."`
	Limit  int           `help:"At most so many events; 0 for all." default:"100"`
	Oldest bool          `help:"Oldest first."`
	Format string        `help:"How to print: table or json." enum:"table,json" default:"table"`
}

type tailCmd struct {
	Query  []string `arg:"" optional:"" help:"What to follow; nothing means all."`
	Format string   `help:"How to print: table or json." enum:"table,json" default:"table"`
}

// Run prints the events that match.
func (s searchCmd) Run(ctx context.Context, c *CLI) error {
	v := url.Values{"q": {strings.Join(s.Query, " ")}, "limit": {strconv.Itoa(s.Limit)}}
	if s.Last > 0 {
		s.From = time.Now().Add(-time.Duration(s.Last))
	}
	for name, t := range map[string]time.Time{"from": s.From, "to": s.To} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if s.Oldest {
		v.Set("order", "oldest")
	}
	body, err := c.ask(ctx, "/v1/search", v)
	if err != nil {
		return err
	}
	defer body.Close()
	out := bufio.NewWriter(c.out())
	n := 0
	err = eachLine(body, func(line []byte) error {
		if msg, failed := strings.CutPrefix(string(line), `{"error":`); failed {
			return fmt.Errorf("search failed: %s", strings.TrimSuffix(msg, "}"))
		}
		n++
		return printEvent(out, line, s.Format)
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if n == 0 {
		hint(os.Stderr, strings.Join(s.Query, " "))
		return errNothing
	}
	if n == s.Limit && s.Format == "table" {
		fmt.Fprintf(os.Stderr, "belfry: these are %d, and there may be more: --limit 0 shows all\n", n)
	}
	return nil
}

// hint tells what a query that found nothing may have been meant to be.
func hint(w io.Writer, q string) {
	for _, word := range strings.Fields(q) {
		switch {
		case word == "and", word == "or", word == "not":
			fmt.Fprintf(w, "belfry: nothing found; %q is a word to look for, %s is the operator\n", word, strings.ToUpper(word))
			return
		case strings.Contains(word, "=") && !strings.ContainsAny(word, `":`):
			field, value, _ := strings.Cut(word, "=")
			fmt.Fprintf(w, "belfry: nothing found; a field is asked for by a colon: %s:%s\n", printable(field), printable(value))
			return
		}
	}
}

// Run prints events as they come, until ctx is done.
func (t tailCmd) Run(ctx context.Context, c *CLI) error {
	body, err := c.ask(ctx, "/v1/tail", url.Values{"q": {strings.Join(t.Query, " ")}})
	if err != nil {
		return err
	}
	defer body.Close()
	missed := false
	err = eachLine(body, func(line []byte) error {
		text, isData := strings.CutPrefix(string(line), "data: ")
		switch {
		case string(line) == "event: missed":
			missed = true
		case isData && missed:
			missed = false
			_, err := fmt.Fprintf(c.out(), "(%s events passed too fast to be shown)\n", text)
			return err
		case isData:
			return printEvent(c.out(), []byte(text), t.Format)
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("the aggregator ended the connection")
	}
	return err
}

// Run prints how the aggregator is.
func (s statusCmd) Run(ctx context.Context, c *CLI) error {
	var st Status
	text, err := c.get(ctx, "/v1/status", nil, &st)
	if err != nil {
		return err
	}
	if s.JSON {
		_, err := c.out().Write(text)
		return err
	}
	x := st.Index
	_, err = fmt.Fprintf(c.out(), "ready   %s\nevents  %d, in %d bytes on the disk, and %d bytes of log\ndisk    %d bytes free\nalerts  %d wait to be told\ndead    %d letters\n",
		printable(st.Ready), x.Rows, x.Bytes, x.LogBytes, x.DiskFree, st.AlertsPending, st.DeadLetters)
	return errors.Join(err, printMembers(c.out(), st.Members))
}

// ask asks the aggregator on this machine.
func (c *CLI) ask(ctx context.Context, path string, v url.Values) (io.ReadCloser, error) {
	return c.call(ctx, http.MethodGet, path, v, nil)
}

// call sends a request to the aggregator on this machine.
func (c *CLI) call(ctx context.Context, method, path string, v url.Values, content io.Reader) (io.ReadCloser, error) {
	socket := c.Socket
	if socket == "" {
		var err error
		if socket, err = config.LoadSocket(c.Config); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://belfry"+path+"?"+v.Encode(), content)
	if err != nil {
		return nil, fmt.Errorf("ask the aggregator: %w", err)
	}
	resp, err := ops.Client(socket).Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the aggregator at %s: %w", socket, ops.Explain(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp, v.Get("q"))
}

// refusal makes an error of an answer that is none; a fault of the query is pointed at.
func refusal(resp *http.Response, q string) error {
	var body struct {
		Error  string `json:"error"`
		Column int    `json:"column"`
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the aggregator's answer: %w", err)
	}
	if json.Unmarshal(text, &body) != nil || body.Error == "" {
		return fmt.Errorf("the aggregator answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	if body.Column > 0 {
		return fmt.Errorf("%s\n  %s\n  %s^", body.Error, q, strings.Repeat(" ", body.Column-1))
	}
	return errors.New(body.Error)
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

// printEvent writes one event as it came, or as one line: time, host, program, message.
func printEvent(w io.Writer, line []byte, format string) error {
	if format == "json" {
		_, err := fmt.Fprintf(w, "%s\n", line)
		return err
	}
	var dec event.Decoder
	e, err := dec.Decode(line)
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	at := e.Get("@timestamp")
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		at = t.UTC().Format("2006-01-02 15:04:05.000Z")
	}
	program := e.Get("process.name")
	if pid := e.Get("process.pid"); pid != "" {
		program += "[" + pid + "]"
	}
	text := e.Get("message")
	if text == "" {
		text = cmp.Or(e.Get("event.original"), string(line)) // it says nothing else: all of it
	}
	_, err = fmt.Fprintf(w, "%s %s %s: %s%s\n", at, printable(e.Get("host.name")), printable(program), printable(text), outcome(e))
	return err
}

// outcome adds what the parser understood, so that the eye finds failures.
func outcome(e *event.Event) string {
	action, result := e.Get("event.action"), e.Get("event.outcome")
	if action == "" {
		return ""
	}
	return "  (" + printable(strings.TrimSpace(action+" "+result)) + ")"
}

// printable takes out what would act on a terminal: an attacker may have written the text.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}
