package app

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"belfry/aggregator/dead"
	"belfry/shared/batch"
)

// deadCmd is the commands about what could never be taken.
type deadCmd struct {
	List  deadListCmd  `cmd:"" default:"withargs" help:"List dead letters, oldest first. Exit code 0 if there are none, 1 if there are some, 2 on an error."`
	Show  deadShowCmd  `cmd:"" help:"Show a dead letter: why it is one, its headers and manifest, and its lines."`
	Retry deadRetryCmd `cmd:"" help:"Send dead letters the road again. One that cannot be taken again comes back."`
	Drop  deadDropCmd  `cmd:"" help:"Throw dead letters away, for ever."`
}

type deadListCmd struct {
	JSON  bool `help:"Print JSON, one letter a line." name:"json"`
	Limit int  `help:"At most so many letters; 0 for all." default:"0"`
}

type deadShowCmd struct {
	ID   string `arg:"" help:"Of the letter, or the beginning of it."`
	Body bool   `help:"With its lines."`
	JSON bool   `help:"Print JSON; the body, if it is wanted, in base64." name:"json"`
}

type deadRetryCmd struct {
	IDs []string `arg:"" optional:"" help:"Of the letters, or the beginnings of them." name:"id"`
	All bool     `help:"All of them."`
}

type deadDropCmd struct {
	IDs []string `arg:"" optional:"" help:"Of the letters, or the beginnings of them." name:"id"`
	All bool     `help:"All of them; needs --yes."`
	Yes bool     `help:"Yes, all of them."`
}

// errSome says that there are dead letters: exit code 1, so that cron speaks up.
var errSome = errors.New("there are dead letters")

// Run prints one line a letter.
func (s deadListCmd) Run(ctx context.Context, c *CLI) error {
	body, err := c.ask(ctx, "/v1/dead", url.Values{"limit": {strconv.Itoa(s.Limit)}})
	if err != nil {
		return err
	}
	defer body.Close()
	out := bufio.NewWriter(c.out())
	n := 0
	err = eachLine(body, func(line []byte) error {
		n++
		return s.print(out, line)
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if n > 0 {
		return errSome
	}
	if !s.JSON {
		_, err = fmt.Fprintln(c.out(), "no dead letters")
	}
	return err
}

// shortID is how much of an id a list shows: two of a thousand letters agree in so much once in 10^8 lists.
const shortID = 12

func (s deadListCmd) print(w io.Writer, line []byte) error {
	if s.JSON {
		_, err := fmt.Fprintf(w, "%s\n", printableJSON(line))
		return err
	}
	var l letterLine
	if err := json.Unmarshal(line, &l); err != nil {
		return fmt.Errorf("read the aggregator's answer: %w", err)
	}
	again := ""
	if l.Retries > 0 {
		again = fmt.Sprintf(" (retried %d times)", l.Retries)
	}
	_, err := fmt.Fprintf(w, "%s %s %-11s %s %d events %d bytes: %s%s\n", l.ID.String()[:shortID],
		l.Received.UTC().Format("2006-01-02 15:04:05Z"), l.Class, printable(cmp.Or(l.Host, l.Sender)), l.Events, l.Bytes,
		printable(l.Reason), again)
	return err
}

// Run prints all of a letter.
func (s deadShowCmd) Run(ctx context.Context, c *CLI) error {
	v := url.Values{}
	if s.Body {
		v.Set("body", "true")
	}
	var l shownLetter
	text, err := c.get(ctx, "/v1/dead/"+url.PathEscape(s.ID), v, &l)
	if err != nil {
		return err
	}
	if s.JSON {
		_, err := c.out().Write(printableJSON(text))
		return err
	}
	out := bufio.NewWriter(c.out())
	printLetter(out, &l.Letter)
	if s.Body {
		printBody(out, l.Encoding, l.Body)
	}
	return out.Flush()
}

func printLetter(w io.Writer, l *dead.Letter) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-10s %s\n", name, printable(value))
		}
	}
	line("letter", l.ID.String())
	line("received", l.Received.UTC().Format("2006-01-02 15:04:05Z"))
	line("class", string(l.Class))
	line("reason", l.Reason)
	line("retries", strconv.Itoa(l.Retries))
	line("sender", l.Sender)
	line("host", l.Host)
	line("queue", l.Queue)
	line("exchange", l.Exchange)
	line("key", l.Key)
	line("message", l.MessageID)
	line("type", strings.TrimSpace(l.Type+" "+l.Encoding))
	line("events", strconv.Itoa(l.Events))
	line("bytes", strconv.Itoa(l.Bytes))
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		if name != batch.ManifestHeader {
			line("header", name+": "+l.Headers[name])
		}
	}
	if m := l.Headers[batch.ManifestHeader]; m != "" {
		fmt.Fprintln(w, "manifest")
		printLines(w, indented([]byte(m)))
	}
}

// indented is JSON over several lines, or the text as it is if it is none.
func indented(text []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return text
	}
	return b.Bytes()
}

// printBody prints the lines of a body, as far as it can be read.
func printBody(w io.Writer, encoding string, body []byte) {
	fmt.Fprintln(w, "body")
	if encoding == batch.ContentEncoding {
		o, err := batch.NewOpener()
		if err == nil {
			body, err = o.Decompress(body)
		}
		if err != nil {
			fmt.Fprintf(w, "  (cannot be read: %s; --json gives it as it is)\n", printable(err.Error()))
			return
		}
	}
	printLines(w, body)
}

func printLines(w io.Writer, text []byte) {
	for line := range bytes.Lines(text) {
		fmt.Fprintf(w, "  %s\n", printable(string(bytes.TrimRight(line, "\r\n"))))
	}
}

// Run sends letters the road again.
func (s deadRetryCmd) Run(ctx context.Context, c *CLI) error {
	ids, err := chosen(s.IDs, s.All)
	if err != nil {
		return err
	}
	return c.changeDead(ctx, http.MethodPost, "/retry", "sent again", ids)
}

// Run throws letters away.
func (s deadDropCmd) Run(ctx context.Context, c *CLI) error {
	ids, err := chosen(s.IDs, s.All)
	if err != nil {
		return err
	}
	if s.All && !s.Yes {
		return errors.New("this would throw all dead letters away, for ever: add --yes if that is meant")
	}
	return c.changeDead(ctx, http.MethodDelete, "", "dropped", ids)
}

func chosen(ids []string, all bool) ([]string, error) {
	switch {
	case all && len(ids) > 0:
		return nil, errors.New("either ids or --all")
	case all:
		return []string{allLetters}, nil
	case slices.Contains(ids, allLetters): // the API would take it, and nobody would have said --yes
		return nil, fmt.Errorf("%q is no id; all of them are --all", allLetters)
	case len(ids) == 0:
		return nil, errors.New("which letters? Give their ids, or --all")
	}
	return ids, nil
}

// changeDead asks for a change of each letter, and goes on where one fails.
func (c *CLI) changeDead(ctx context.Context, method, suffix, what string, ids []string) error {
	var errs []error
	for _, id := range ids {
		body, err := c.call(ctx, method, "/v1/dead/"+url.PathEscape(id)+suffix, nil, nil)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var res deadResult
		err = json.NewDecoder(body).Decode(&res)
		body.Close()
		if err != nil {
			errs = append(errs, fmt.Errorf("read the aggregator's answer: %w", err))
			continue
		}
		for _, done := range res.Done {
			fmt.Fprintf(c.out(), "%s %s\n", done, what)
		}
		for _, f := range res.Failed {
			errs = append(errs, fmt.Errorf("%s: %s", f.ID, printable(f.Error)))
		}
		if id == allLetters && len(res.Done)+len(res.Failed) == 0 {
			fmt.Fprintln(os.Stderr, "belfry: there are no dead letters")
		}
	}
	return errors.Join(errs...)
}
