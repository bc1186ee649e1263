package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"belfry/aggregator/audit"
	"belfry/aggregator/fleet"
)

// errFindings says that there is something to see to: exit code 1.
var errFindings = errors.New("there is something to see to")

type (
	hostsCmd struct {
		List     hostsListCmd     `cmd:"" default:"withargs" help:"List all hosts that ship, or are expected to. Exit code 0 if all is well, 1 if a host is silent, is missing, is a clone or has open gaps, 2 on an error."`
		Expected hostsExpectedCmd `cmd:"" help:"Say which hosts are expected to ship: those that never do are listed, and alert. The list takes the place of the one before."`
		Forget   hostsForgetCmd   `cmd:"" help:"Forget a host that is no more: it is not missed any longer, and its agent id may be claimed anew."`
	}
	hostsListCmd struct {
		JSON bool `help:"Print JSON." name:"json"`
	}
	hostsExpectedCmd struct {
		File string `arg:"" help:"One name a line, of the certificate or of the host; # begins a comment; - is the standard input."`
	}
	hostsForgetCmd struct {
		Name string `arg:"" help:"Name of the host, or in its certificate."`
	}
	gapsCmd struct {
		List   gapsListCmd   `cmd:"" default:"withargs" help:"List what is missing. Exit code 0 if nothing is, 1 if there is a gap that nobody has accepted, 2 on an error."`
		Accept gapsAcceptCmd `cmd:"" help:"Take note of a gap, and say why it is no trouble: it counts no more. Who and why is kept."`
	}
	gapsListCmd struct {
		JSON bool `help:"Print JSON." name:"json"`
		All  bool `help:"List those that are accepted, closed, or older than what is kept, too."`
	}
	gapsAcceptCmd struct {
		ID     string   `arg:"" help:"Id of the gap, or as much of its beginning as no other has."`
		Reason []string `arg:"" help:"Why it is no trouble."`
	}
	auditCmd struct {
		Host string `arg:"" optional:"" help:"One host alone: its name, the one in its certificate, or its agent id."`
		All  bool   `help:"Tell of each file, and of each of its parts."`
		JSON bool   `help:"Print JSON, one object a line; the last one is the total." name:"json"`
	}
)

// Run lists the hosts.
func (l hostsListCmd) Run(ctx context.Context, c *CLI) error {
	var got hostsAnswer
	text, err := c.get(ctx, "/v1/hosts", nil, &got)
	if err != nil {
		return err
	}
	if l.JSON {
		_, err = c.out().Write(printableJSON(text))
	} else {
		err = printHosts(c.out(), got.Hosts)
	}
	for _, h := range got.Hosts {
		if err == nil && (h.State == fleet.Silent || h.State == fleet.Clone || h.Gaps > 0) {
			err = errFindings
		}
	}
	return err
}

func printHosts(w io.Writer, all []fleet.Host) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tLAST SEEN\tLAG BYTES\tLAG\tDROPPED\tGAPS\tVERSION\tCERTIFICATE UNTIL\tAGENT")
	for _, h := range all {
		state := h.State
		if h.Idle {
			state += " (nobody speaks in its queue)"
		}
		lag := fmt.Sprint(h.Lag)
		if h.Spool > 0 {
			lag += fmt.Sprintf(" (spool: %d)", h.Spool)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", printable(h.Name), printable(state), when(h.Seen), lag,
			time.Duration(h.LagTime*float64(time.Second)).Round(time.Second), h.Dropped, h.Gaps, printable(h.Version),
			when(h.Expires), printable(h.Agent))
	}
	return t.Flush()
}

// when writes a time for a reader.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// Run says which hosts are expected.
func (e hostsExpectedCmd) Run(ctx context.Context, c *CLI) error {
	in := io.Reader(os.Stdin)
	if e.File != "-" {
		f, err := os.Open(e.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxNames+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", e.File, err)
	}
	names, err := readNames(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", e.File, err)
	}
	if err := c.post(ctx, "/v1/hosts/expected", nil, text, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out(), "%d hosts are expected\n", len(names))
	return err
}

// Run forgets a host.
func (f hostsForgetCmd) Run(ctx context.Context, c *CLI) error {
	var got forgetAnswer
	if err := c.post(ctx, "/v1/hosts/forget", url.Values{"name": {f.Name}}, nil, &got); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out(), "%s is forgotten; agent ids that may be claimed anew: %d\n", printable(f.Name), got.IDs)
	return err
}

// Run lists the gaps.
func (l gapsListCmd) Run(ctx context.Context, c *CLI) error {
	var got gapsAnswer
	text, err := c.get(ctx, "/v1/gaps", url.Values{"all": {fmt.Sprint(l.All)}}, &got)
	if err != nil {
		return err
	}
	if l.JSON {
		_, err = c.out().Write(printableJSON(text))
	} else {
		err = printGaps(c.out(), got.Gaps)
	}
	for _, g := range got.Gaps {
		if err == nil && g.State == audit.Open {
			err = errFindings
		}
	}
	return err
}

func printGaps(w io.Writer, all []audit.Gap) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no gaps")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tHOST\tPATH\tBYTES\tFROM BYTE\tTO BYTE\tREASON\tBETWEEN\tAND\tKNOWN SINCE\tSTATE")
	for _, g := range all {
		size, state := fmt.Sprint(g.Bytes), g.State
		if !g.Exact && g.State != audit.Closed {
			size = "≥" + size
		}
		if g.By != "" {
			state += fmt.Sprintf(" (accepted by %s: %s)", g.By, g.Why)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", g.ID, printable(g.Host), printable(shownPath(g.Path, g.Stream.String())),
			size, g.First, g.End, g.Reason, when(g.Since), when(g.Until), when(g.Opened), printable(state))
	}
	return t.Flush()
}

// shownPath names a file, or the stream of which nobody has said which file it is.
func shownPath(path, stream string) string {
	if path == "" {
		return "stream " + stream[:min(len(stream), 8)]
	}
	return path
}

// Run accepts a gap.
func (a gapsAcceptCmd) Run(ctx context.Context, c *CLI) error {
	var g audit.Gap
	v := url.Values{"id": {a.ID}, "reason": {strings.Join(a.Reason, " ")}}
	if err := c.post(ctx, "/v1/gaps/accept", v, nil, &g); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out(), "%s accepts gap %s, %d bytes of %s on %s: %s\n", printable(g.By), g.ID, g.Bytes,
		printable(shownPath(g.Path, g.Stream.String())), printable(g.Host), printable(g.Why))
	return err
}

// Run tells what has become of each byte.
func (a auditCmd) Run(ctx context.Context, c *CLI) error {
	v := url.Values{"all": {fmt.Sprint(a.All)}, "host": {a.Host}}
	body, err := c.ask(ctx, "/v1/audit", v)
	if err != nil {
		return err
	}
	defer body.Close()
	out := bufio.NewWriter(c.out())
	p := &auditPrinter{out: out, files: a.All}
	err = eachLine(body, func(line []byte) error {
		var l audit.Line
		if err := json.Unmarshal(line, &l); err != nil {
			return fmt.Errorf("read the aggregator's answer: %w", err)
		}
		if l.Total != nil {
			p.total = l.Total
		}
		if a.JSON {
			_, err := fmt.Fprintf(out, "%s\n", printableJSON(line))
			return err
		}
		return p.print(l)
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	switch {
	case p.total == nil:
		return errors.New("the aggregator's answer was cut off: it proves nothing")
	case p.total.Missing > 0, p.total.Over > 0:
		return errFindings
	}
	return nil
}

// auditPrinter writes a report for a reader, line by line.
type auditPrinter struct {
	out   io.Writer
	files bool
	begun bool
	total *audit.Total
}

func (p *auditPrinter) print(l audit.Line) error {
	var err error
	switch {
	case l.File != nil:
		err = p.file(l.File)
	case l.Host != nil && p.files:
		_, err = fmt.Fprintf(p.out, "%s (%s, agent %s): %d files%s\n\n", printable(l.Host.Host), printable(l.Host.Name),
			printable(l.Host.Agent), l.Host.Files, sums(&l.Host.Sums))
	case l.Host != nil:
		if !p.begun {
			_, err = fmt.Fprintf(p.out, auditRow, "HOST", "FILES", "HELD", "DEAD", "DROPPED", "SKIPPED", "MISSING", "EXPIRED",
				"PENDING", "FROM", "UNTIL")
			p.begun = true
		}
		h := l.Host
		n := func(v uint64) string { return fmt.Sprint(v) }
		_, e := fmt.Fprintf(p.out, auditRow, printable(h.Host), fmt.Sprint(h.Files), n(h.Held), n(h.Dead), n(h.Dropped), n(h.Skipped),
			n(h.Missing), n(h.Expired), n(h.Pending), when(h.From), when(h.Until))
		err = errors.Join(err, e)
	case l.Total != nil:
		err = p.verdict(l.Total)
	}
	return err
}

const auditRow = "%-24s %7s %15s %10s %10s %10s %10s %12s %10s  %-20s  %s\n"

func (p *auditPrinter) file(f *audit.File) error {
	note := ""
	switch {
	case !f.Known:
		note = ", nobody has said yet where it ends"
	case f.Final:
		note = ", ended"
	}
	if _, err := fmt.Fprintf(p.out, "%s %s, epoch %s, bytes 0 to %d%s, from %s until %s\n", printable(f.Host),
		printable(shownPath(f.Path, f.Stream)), printable(f.Epoch), f.End, note, when(f.From), when(f.Until)); err != nil {
		return err
	}
	for _, x := range f.Parts {
		gap := ""
		if x.Gap != "" {
			gap = fmt.Sprintf("  gap %s, %s", printable(x.Gap), printable(x.State))
		}
		if _, err := fmt.Fprintf(p.out, "  %-8s %15d to %-15d %12d bytes  %s - %s%s\n", x.Kind, x.First, x.End, x.End-x.First, when(x.From),
			when(x.Until), gap); err != nil {
			return err
		}
	}
	return nil
}

// sums writes what there is of each kind.
func sums(s *audit.Sums) string {
	var b strings.Builder
	for _, x := range []struct {
		bytes uint64
		kind  string
	}{
		{s.Held, "held"}, {s.Dead, "dead"}, {s.Dropped, "dropped"}, {s.Skipped, "skipped"}, {s.Missing, "missing"},
		{s.Accepted, "missing and accepted"}, {s.Expired, "expired"}, {s.Pending, "pending"},
	} {
		if x.bytes > 0 {
			fmt.Fprintf(&b, ", %d bytes %s", x.bytes, x.kind)
		}
	}
	return b.String()
}

func (p *auditPrinter) verdict(t *audit.Total) error {
	word := "nothing is missing"
	if t.Over > 0 {
		word = fmt.Sprintf("nothing is known to be missing, but %d hosts have more streams than are judged", t.Over)
	}
	if t.Missing > 0 {
		word = fmt.Sprintf("%d bytes are missing", t.Missing)
	}
	if _, err := fmt.Fprintf(p.out, "%s: %d hosts, %d files%s\n", word, t.Hosts, t.Files, sums(&t.Sums)); err != nil {
		return err
	}
	if t.Unknown > 0 {
		_, err := fmt.Fprintf(p.out, "%d files are known only as far as they came: nobody has said yet where they end\n", t.Unknown)
		return err
	}
	return nil
}

// get asks for one JSON object, and returns its text as well.
func (c *CLI) get(ctx context.Context, path string, v url.Values, into any) ([]byte, error) {
	body, err := c.ask(ctx, path, v)
	if err != nil {
		return nil, err
	}
	return readAnswer(body, into)
}

// post asks for something to be done.
func (c *CLI) post(ctx context.Context, path string, v url.Values, content []byte, into any) error {
	body, err := c.call(ctx, http.MethodPost, path, v, bytes.NewReader(content))
	if err != nil {
		return err
	}
	_, err = readAnswer(body, into)
	return err
}

func readAnswer(body io.ReadCloser, into any) ([]byte, error) {
	defer body.Close()
	text, err := io.ReadAll(body)
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return nil, fmt.Errorf("read the aggregator's answer: %w", err)
	}
	return text, nil
}
