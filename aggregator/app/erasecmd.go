package app

import (
	"bufio"
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
)

type (
	eraseCmd struct {
		Query  []string `arg:"" help:"Which events, as: user.name:averez. * is all."`
		Reason string   `help:"Why: it is kept, with who erased what." required:""`
		spanFlags
		Yes  bool `help:"Do it without asking."`
		JSON bool `help:"Print the record as JSON." name:"json"`
	}
	erasuresCmd struct {
		JSON bool `help:"Print JSON, one object a line." name:"json"`
	}
)

// Run erases events, once somebody has said yes to how many they are.
func (e eraseCmd) Run(ctx context.Context, c *CLI) error {
	if strings.TrimSpace(e.Reason) == "" {
		return errors.New("--reason: say why; it is kept")
	}
	v := url.Values{"q": {strings.Join(e.Query, " ")}, "reason": {e.Reason}}
	if err := e.ask(v, time.Now()); err != nil {
		return err
	}
	v.Set("dry", "1")
	var would struct {
		Events uint64 `json:"events"`
	}
	if err := c.tell(ctx, http.MethodPost, "/v1/erase", v, &would); err != nil {
		return err
	}
	if would.Events == 0 {
		c.advise(ctx, v)
		return errNothing
	}
	if !e.Yes {
		if err := c.confirm(fmt.Sprintf("%d events would be erased, for good. Type yes to erase them: ", would.Events)); err != nil {
			return err
		}
	}
	v.Del("dry")
	return e.erase(ctx, c, v)
}

// erase has them erased, and prints the record.
func (e eraseCmd) erase(ctx context.Context, c *CLI, v url.Values) error {
	body, err := c.call(ctx, http.MethodPost, "/v1/erase", v, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	var done *erasure
	err = eachLine(body, func(line []byte) error {
		if a, ok := asideOf(line); ok && a.Error != nil {
			return fmt.Errorf("erased in part (belfry erasures tells): %s", printable(*a.Error))
		}
		r := new(erasure)
		if err := json.Unmarshal(line, r); err != nil {
			return fmt.Errorf("read the aggregator's answer: %w", err)
		}
		if r.ID != "" {
			done = r
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case done == nil:
		return errors.New("the aggregator's answer was cut off: belfry erasures tells what came of it")
	case e.JSON:
		return printJSON(c, done)
	}
	_, err = fmt.Fprintf(c.out(), "%d events are erased; the record is %s\n", done.Gone, done.ID)
	return err
}

// confirm asks a person, who must type yes.
func (c *CLI) confirm(question string) error {
	in := c.In
	if in == nil {
		if !isTerminal(os.Stdin) {
			return errors.New("nobody is there to be asked: --yes says yes")
		}
		in = os.Stdin
	}
	fmt.Fprint(c.aside(), question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("not done: the answer was not yes")
	}
	return nil
}

// Run lists what was erased.
func (e erasuresCmd) Run(ctx context.Context, c *CLI) error {
	body, err := c.ask(ctx, "/v1/erasures", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	t := tabwriter.NewWriter(c.out(), 0, 0, 2, ' ', 0)
	n := 0
	err = eachLine(body, func(line []byte) error {
		n++
		if e.JSON {
			_, err := fmt.Fprintf(c.out(), "%s\n", printableJSON(line))
			return err
		}
		var r erasure
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("read the aggregator's answer: %w", err)
		}
		if n == 1 {
			fmt.Fprintln(t, "ID\tWHEN\tWHO\tEVENTS\tSTATE\tFROM\tTO\tQUERY\tREASON")
		}
		state := r.State
		if r.Error != "" {
			state += " (" + r.Error + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", r.ID[:min(len(r.ID), 8)], when(r.At), printable(r.By), r.Gone, printable(state),
			whenGiven(r.From), whenGiven(r.To), printable(r.Query), printable(r.Reason))
		return nil
	})
	if err := errors.Join(err, t.Flush()); err != nil {
		return err
	}
	if n == 0 && !e.JSON {
		_, err = fmt.Fprintln(c.out(), "nothing was erased by way of this aggregator")
	}
	return err
}

func whenGiven(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return when(*t)
}
