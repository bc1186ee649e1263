package app

import (
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"belfry/aggregator/index"
)

// The signs of a bar that is not full to the right, and of one that is not full to the top, in eighths (Unicode, Block
// Elements).
var (
	sideways = []rune("▏▎▍▌▋▊▉█")
	upwards  = []rune("▁▂▃▄▅▆▇█")
)

// bar returns one as long as n is of most, at most width cells. What is not nothing shows.
func bar(n, most uint64, width int) string {
	if n == 0 || most == 0 || width <= 0 {
		return ""
	}
	eighths := max(1, int(math.Round(float64(n)/float64(most)*float64(8*width))))
	text := strings.Repeat(string(sideways[7]), eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string(sideways[rest-1])
	}
	return text
}

// minBar is the least width of a bar: where a terminal has not so much room, lines are longer than it.
const minBar = 8

// printTop prints the values of a field.
func printTop(out io.Writer, s screen, field string, res index.TopResult) {
	var widest, digits int
	var most uint64
	for _, v := range res.Values {
		widest = max(widest, min(utf8.RuneCountInString(v.Value), maxColumn))
		most = max(most, v.Count)
	}
	widest = max(widest, utf8.RuneCountInString(field))
	digits = max(len("COUNT"), len(fmt.Sprint(most)))
	fmt.Fprintf(out, "%s\n", s.paint(bold, fmt.Sprintf("%*s  %6s  %s", digits, "COUNT", "SHARE", printable(field))))
	width := max(minBar, s.width-digits-widest-12)
	for _, v := range res.Values {
		name := fitTo(printable(v.Value), widest)
		fmt.Fprintf(out, "%*d  %5.1f%%  %s  %s\n", digits, v.Count, 100*float64(v.Count)/float64(max(res.Events, 1)), name,
			s.paint(cyan, bar(v.Count, most, width)))
	}
	note := fmt.Sprintf("%d events, %d of them without it", res.Events, res.Without)
	if res.Inexact {
		note += "; some values may be counted short"
	}
	fmt.Fprintf(out, "%s\n", s.paint(dim, note))
}

// fitTo cuts or fills a text to a number of cells.
func fitTo(text string, cells int) string {
	n := utf8.RuneCountInString(text)
	if n > cells {
		return string([]rune(text)[:max(0, cells-1)]) + "…"
	}
	return text + strings.Repeat(" ", cells-n)
}

// histogram is events in steps of time.
type histogram struct {
	every time.Duration
	first time.Time
	steps int
	rows  []histogramRow // the one with the most first
}

type histogramRow struct {
	value  string
	counts []uint64 // one a step
	sum    uint64
}

// newHistogram puts counts into steps, those without events too: from the first that was asked for, or has any, to the
// last. The asked ones count only as far as an answer may reach: index.MaxBuckets steps, the first before the last.
func newHistogram(every time.Duration, asked url.Values, buckets []index.Bucket) (*histogram, error) {
	h := &histogram{every: every}
	if len(buckets) == 0 {
		return h, nil
	}
	first, last := buckets[0].At, buckets[0].At
	for _, b := range buckets {
		if b.At.Before(first) {
			first = b.At
		}
		if b.At.After(last) {
			last = b.At
		}
	}
	fits := func(from, to time.Time) bool { return to.Sub(from)/every < index.MaxBuckets-1 } // with the steps of both ends
	if t, err := time.Parse(time.RFC3339Nano, asked.Get("from")); err == nil && t.Before(first) && fits(t, last) {
		first = first.Add(-(first.Sub(t) + every - 1) / every * every)
	}
	if t, err := time.Parse(time.RFC3339Nano, asked.Get("to")); err == nil && t.After(last) && fits(first, t) {
		last = last.Add((t.Sub(last) - 1) / every * every)
	}
	h.first, h.steps = first, int(last.Sub(first)/every)+1
	if h.steps > index.MaxBuckets {
		return nil, fmt.Errorf("--over %v makes %d steps of that time, and more than %d are not drawn: take longer ones, or --format csv",
			shortDuration(every), h.steps, index.MaxBuckets)
	}
	rows := make(map[string]*histogramRow)
	for _, b := range buckets {
		r := rows[b.Value]
		if r == nil {
			r = &histogramRow{value: b.Value, counts: make([]uint64, h.steps)}
			rows[b.Value] = r
		}
		r.counts[int(b.At.Sub(first)/every)] += b.Count
		r.sum += b.Count
	}
	for _, r := range rows {
		h.rows = append(h.rows, *r)
	}
	slices.SortFunc(h.rows, func(a, b histogramRow) int {
		if a.sum != b.sum {
			if a.sum > b.sum {
				return -1
			}
			return 1
		}
		return strings.Compare(a.value, b.value)
	})
	return h, nil
}

// label writes when a step begins.
func (h *histogram) label(t time.Time) string {
	t = t.UTC()
	switch {
	case h.every%(24*time.Hour) == 0:
		return t.Format(time.DateOnly)
	case h.every%time.Minute == 0:
		return t.Format("2006-01-02 15:04Z")
	case h.every%time.Second == 0:
		return t.Format("2006-01-02 15:04:05Z")
	}
	return t.Format("2006-01-02 15:04:05.000Z")
}

// printBars prints a line for each step.
func (h *histogram) printBars(out io.Writer, s screen) {
	if len(h.rows) == 0 {
		return
	}
	r := h.rows[0]
	most := slices.Max(r.counts)
	digits := len(fmt.Sprint(most))
	for i, n := range r.counts {
		at := h.label(h.first.Add(time.Duration(i) * h.every))
		line := fmt.Sprintf("%s  %*d  %s", s.paint(dim, at), digits, n, s.paint(cyan, bar(n, most, max(minBar, s.width-len(at)-digits-4))))
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

// printRows prints a line for each value, with a sign for each step, or for several where there are more than fit.
func (h *histogram) printRows(out io.Writer, s screen, field string) {
	if len(h.rows) == 0 {
		return
	}
	widest, digits := utf8.RuneCountInString(field), len("COUNT")
	for _, r := range h.rows {
		widest = max(widest, min(utf8.RuneCountInString(printable(r.value)), maxColumn))
		digits = max(digits, len(fmt.Sprint(r.sum)))
	}
	room := max(minBar, s.width-widest-digits-4)
	each := (h.steps + room - 1) / room // steps in a sign
	most := uint64(0)
	for i := range h.rows {
		h.rows[i].counts = merged(h.rows[i].counts, each)
		most = max(most, slices.Max(h.rows[i].counts))
	}
	fmt.Fprintln(out, s.paint(bold, fmt.Sprintf("%*s  %s", digits, "COUNT", printable(field))))
	for _, r := range h.rows {
		line := fmt.Sprintf("%*d  %s  %s", digits, r.sum, fitTo(printable(r.value), widest), s.paint(cyan, spark(r.counts, most)))
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
	end := h.first.Add(time.Duration(h.steps-1) * h.every)
	fmt.Fprintln(out, s.paint(dim, fmt.Sprintf("from %s to %s; a sign is %v, █ is %d", h.label(h.first), h.label(end),
		shortDuration(time.Duration(each)*h.every), most)))
}

// shortDuration writes a length of time without zeros at its end.
func shortDuration(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// merged sums each so many steps.
func merged(counts []uint64, each int) []uint64 {
	sums := make([]uint64, (len(counts)+each-1)/each)
	for i, n := range counts {
		sums[i/each] += n
	}
	return sums
}

// spark returns a sign for each number, as high as it is of most. What is not nothing shows.
func spark(counts []uint64, most uint64) string {
	var b strings.Builder
	for _, n := range counts {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		eighths := int(math.Ceil(float64(n) / float64(most) * 8))
		b.WriteRune(upwards[min(max(eighths, 1), 8)-1])
	}
	return b.String()
}
