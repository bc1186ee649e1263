package app

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"net/url"
	"strconv"
	"time"

	"belfry/aggregator/index"
)

// countValues prints the values of a field, with a bar for each.
func (s searchCmd) countValues(ctx context.Context, c *CLI, v url.Values) error {
	v.Set("field", s.CountBy)
	v.Set("limit", strconv.Itoa(s.Top))
	var res index.TopResult
	text, err := c.get(ctx, "/v1/top", v, &res)
	if err != nil {
		return err
	}
	switch s.Format {
	case "json":
		_, err = c.out().Write(printableJSON(text))
	case "csv":
		w := csv.NewWriter(c.out())
		err = w.Write([]string{s.CountBy, "count"})
		for _, x := range res.Values {
			err = errors.Join(err, w.Write([]string{csvCell(x.Value), strconv.FormatUint(x.Count, 10)}))
		}
		w.Flush()
		err = errors.Join(err, w.Error())
	default:
		out := bufio.NewWriter(c.out())
		printTop(out, c.screen(s.Color), s.CountBy, res)
		err = out.Flush()
	}
	if err == nil && res.Events == 0 {
		c.advise(ctx, v)
		err = errNothing
	}
	return err
}

// counts is the answer of /v1/count.
type counts struct {
	Seconds float64        `json:"seconds"`
	Buckets []index.Bucket `json:"buckets"`
}

// overTime prints how many events there are in each step of time: a bar for each step, or a row for each value.
func (s searchCmd) overTime(ctx context.Context, c *CLI, v url.Values) error {
	v.Set("over", time.Duration(*s.Over).String())
	v.Set("by", s.CountBy)
	if s.CountBy != "" {
		v.Set("most", strconv.Itoa(s.Top))
	}
	var res counts
	text, err := c.get(ctx, "/v1/count", v, &res)
	if err != nil {
		return err
	}
	switch s.Format {
	case "json":
		_, err = c.out().Write(printableJSON(text))
	case "csv":
		err = printCountsCSV(c.out(), s.CountBy, res.Buckets)
	default:
		err = s.draw(c, v, res.Buckets)
	}
	if err == nil && len(res.Buckets) == 0 {
		c.advise(ctx, v)
		err = errNothing
	}
	return err
}

func (s searchCmd) draw(c *CLI, v url.Values, buckets []index.Bucket) error {
	h, err := newHistogram(time.Duration(*s.Over), v, buckets)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.out())
	if s.CountBy == "" {
		h.printBars(out, c.screen(s.Color))
	} else {
		h.printRows(out, c.screen(s.Color), s.CountBy)
	}
	return out.Flush()
}

func printCountsCSV(out io.Writer, by string, buckets []index.Bucket) error {
	w := csv.NewWriter(out)
	row := []string{"time", "count"}
	if by != "" {
		row = append(row, by)
	}
	err := w.Write(row)
	for _, b := range buckets {
		row := []string{b.At.UTC().Format(time.RFC3339), strconv.FormatUint(b.Count, 10)}
		if by != "" {
			row = append(row, csvCell(b.Value))
		}
		err = errors.Join(err, w.Write(row))
	}
	w.Flush()
	return errors.Join(err, w.Error())
}
