package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"belfry/shared/event"
)

type tailCmd struct {
	Query []string `arg:"" optional:"" help:"What to follow; nothing means all."`
	showFlags
}

// Run prints events as they come, until ctx is done.
func (t tailCmd) Run(ctx context.Context, c *CLI) error {
	q := strings.Join(t.Query, " ")
	body, err := c.ask(ctx, "/v1/tail", url.Values{"q": {q}})
	if err != nil {
		return err
	}
	defer body.Close()
	out := bufio.NewWriter(c.out())
	p := t.printer(out, c.screen(t.Color), wordsOf(q))
	var dec event.Decoder
	err = eachTail(body, func(line []byte, missed string) error {
		if missed != "" {
			tellMissed(c, missed)
			return nil
		}
		e, err := dec.Decode(line)
		if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		return errors.Join(p.event(line, e), p.flush(), out.Flush())
	})
	return tailEnd(ctx, err)
}

// tailEnd is the error of a tail that has ended.
func tailEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("the aggregator ended the connection")
	}
	return err
}

// tellMissed says that some passed too fast, where it disturbs nobody who reads events.
func tellMissed(c *CLI, missed string) {
	fmt.Fprintf(c.aside(), "belfry: %s events passed too fast to be shown\n", printable(missed))
}

// eachTail calls fn for each event of server-sent events, or with the number of those that were left out.
func eachTail(body io.Reader, fn func(line []byte, missed string) error) error {
	missed := false
	return eachLine(body, func(line []byte) error {
		text, isData := strings.CutPrefix(string(line), "data: ")
		switch {
		case string(line) == "event: missed":
			missed = true
		case isData && missed:
			missed = false
			return fn(nil, text)
		case isData:
			return fn([]byte(text), "")
		}
		return nil
	})
}
