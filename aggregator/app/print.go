package app

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"belfry/aggregator/serve"
	"belfry/shared/event"
)

// showFlags are the flags that say how to print events.
type showFlags struct {
	Fields []string `help:"Only these fields, as host.name,user.name; user.* are all that begin so, in JSON." placeholder:"A,B"`
	Format string   `help:"How to print: table, json (one object a line), or csv, where what a spreadsheet would compute has a ' in front." enum:"table,json,csv" default:"table"`
	Color  string   `help:"Colours: auto (on a terminal, unless NO_COLOR is set), always or never." enum:"auto,always,never" default:"auto"`
}

// printer prints events. What it is given it does not keep.
type printer interface {
	event(line []byte, e *event.Event) error
	flush() error // prints what waits
}

// printer makes the one that was asked for.
func (l showFlags) printer(out io.Writer, s screen, words []string) printer {
	switch {
	case l.Format == "json":
		return jsonPrinter{out, serve.FieldsOf(strings.Join(l.Fields, ","))}
	case l.Format == "csv":
		return &csvPrinter{out: csv.NewWriter(out), fields: l.columns()}
	case len(l.Fields) > 0:
		return &tablePrinter{out: out, screen: s, fields: l.Fields, words: words}
	}
	return linePrinter{out, s, words}
}

// columns are the fields of a line of CSV.
func (l showFlags) columns() []string {
	if len(l.Fields) > 0 {
		return l.Fields
	}
	return []string{"@timestamp", "host.name", "process.name", "message"}
}

// jsonPrinter prints an event as it came, or the fields of it that are wanted.
type jsonPrinter struct {
	out    io.Writer
	fields []string
}

func (p jsonPrinter) event(line []byte, e *event.Event) error {
	if len(p.fields) > 0 {
		line = serve.Pick(e, p.fields).AppendJSON(nil)
	}
	_, err := fmt.Fprintf(p.out, "%s\n", printableJSON(line))
	return err
}

func (p jsonPrinter) flush() error { return nil }

// linePrinter prints an event as one line: time, host, program, message, and what the parser understood.
type linePrinter struct {
	out    io.Writer
	screen screen
	words  []string
}

func (p linePrinter) event(line []byte, e *event.Event) error {
	program := e.Get("process.name")
	if pid := e.Get("process.pid"); pid != "" {
		program += "[" + pid + "]"
	}
	text := e.Get("message")
	if text == "" {
		text = cmp.Or(e.Get("event.original"), string(line)) // it says nothing else: all of it
	}
	s := p.screen
	_, err := fmt.Fprintf(p.out, "%s %s %s: %s%s\n", s.paint(dim, printable(shownTime(e.Get("@timestamp")))), s.paint(cyan, printable(e.Get("host.name"))),
		s.paint(green, printable(program)), s.highlight(printable(text), p.words), s.outcome(e))
	return err
}

func (p linePrinter) flush() error { return nil }

// shownTime writes a time so that all are as long.
func shownTime(at string) string {
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		return t.UTC().Format("2006-01-02 15:04:05.000Z")
	}
	return at
}

// outcome adds what the parser understood, so that the eye finds failures.
func (s screen) outcome(e *event.Event) string {
	action, result := e.Get("event.action"), e.Get("event.outcome")
	if action == "" {
		return ""
	}
	colour := dim
	switch result {
	case "failure":
		colour = red
	case "success":
		colour = green
	}
	return "  " + s.paint(colour, "("+printable(strings.TrimSpace(action+" "+result))+")")
}

// A table is as wide as its first lines ask for.
const (
	tableLines = 1000 // by which the width of its columns is found
	maxColumn  = 60   // cells of a column that others follow
)

// tablePrinter prints the chosen fields in columns.
type tablePrinter struct {
	out    io.Writer
	screen screen
	fields []string
	words  []string

	waiting [][]string
	widths  []int // nil: not known yet
}

func (p *tablePrinter) event(_ []byte, e *event.Event) error {
	row := make([]string, len(p.fields))
	for i, f := range p.fields {
		row[i] = printable(shownValue(f, e))
	}
	if p.widths != nil {
		return p.row(row, true)
	}
	if p.waiting = append(p.waiting, row); len(p.waiting) < tableLines {
		return nil
	}
	return p.flush()
}

// shownValue is what a cell of a table has of a field.
func shownValue(field string, e *event.Event) string {
	if field == "@timestamp" {
		return shownTime(e.Get(field))
	}
	return strings.Join(e.All(field), ", ")
}

func (p *tablePrinter) flush() error {
	if len(p.waiting) == 0 {
		return nil
	}
	if p.widths == nil {
		p.widths = make([]int, len(p.fields))
		for _, row := range append([][]string{p.fields}, p.waiting...) {
			for i, cell := range row {
				p.widths[i] = min(max(p.widths[i], utf8.RuneCountInString(cell)), maxColumn)
			}
		}
		if err := p.row(p.fields, false); err != nil {
			return err
		}
	}
	for _, row := range p.waiting {
		if err := p.row(row, true); err != nil {
			return err
		}
	}
	p.waiting = nil
	return nil
}

func (p *tablePrinter) row(cells []string, data bool) error {
	var b strings.Builder
	for i, cell := range cells {
		pad := max(0, p.widths[i]-utf8.RuneCountInString(cell))
		switch {
		case !data:
			cell = p.screen.paint(bold, printable(cell))
		case p.fields[i] == "event.outcome" && cell == "failure":
			cell = p.screen.paint(red, cell)
		default:
			cell = p.screen.highlight(cell, p.words)
		}
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", pad+2))
		}
	}
	_, err := fmt.Fprintln(p.out, b.String())
	return err
}

// csvPrinter prints CSV (RFC 4180) with a line of names first.
type csvPrinter struct {
	out    *csv.Writer
	fields []string
	begun  bool
}

func (p *csvPrinter) event(_ []byte, e *event.Event) error {
	if !p.begun {
		p.begun = true
		if err := p.out.Write(p.fields); err != nil { // whoever typed these names reads them
			return err
		}
	}
	row := make([]string, len(p.fields))
	for i, f := range p.fields {
		row[i] = strings.Join(e.All(f), ", ")
	}
	return p.write(row)
}

func (p *csvPrinter) write(row []string) error {
	safe := make([]string, len(row))
	for i, cell := range row {
		safe[i] = csvCell(cell)
	}
	return p.out.Write(safe)
}

func (p *csvPrinter) flush() error {
	p.out.Flush()
	return p.out.Error()
}

// csvCell keeps a spreadsheet from computing what stands in a log: =cmd|…, +…, -…, @… get a ' in front, which makes them
// text there; a number stays one. Of control characters only the ends of lines and tabulators stay, within the quotes.
func csvCell(text string) string {
	text = strings.Map(func(r rune) rune {
		if acts(r) && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, text)
	if text == "" || !strings.ContainsRune("=+-@\t\n＝＋－＠", firstRune(text)) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && text[0] == '-' {
		return text
	}
	return "'" + text
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}
