package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"belfry/shared/event"
)

// The bounds of --context: what was found is held until the lines around it are known.
const (
	maxMatches = 10_000
	askedOnce  = 100 // ids in one question
)

// block is lines that stand together in a file, some of which were found.
type block struct {
	lines []blockLine
}

type blockLine struct {
	text  json.RawMessage
	event *event.Event
	found bool
}

// around prints what was found with the lines around it, as grep -C does: groups that overlap are one.
func (s searchCmd) around(ctx context.Context, c *CLI, v url.Values) error {
	if s.Limit == 0 || s.Limit > maxMatches {
		return fmt.Errorf("--context needs a --limit of at most %d", maxMatches)
	}
	out := bufio.NewWriter(c.out())
	var found []*event.Event
	last, err := c.search(ctx, v, out, func(_ []byte, e *event.Event) error {
		found = append(found, e)
		return nil
	})
	if err != nil {
		return err
	}
	blocks, err := s.blocks(ctx, c, found)
	if err != nil {
		return err
	}
	p := s.printer(out, c.screen(s.Color), wordsOf(s.text()))
	mark := s.Format == "table" && len(s.Fields) == 0
	for i, b := range blocks {
		if err := b.print(out, p, mark, i > 0 && s.Format == "table"); err != nil {
			return err
		}
	}
	if err := errors.Join(p.flush(), out.Flush()); err != nil {
		return err
	}
	return s.nothing(ctx, c, v, len(found), last)
}

// print writes a block. In a table of lines those that were found are marked.
func (b *block) print(out *bufio.Writer, p printer, mark, parted bool) error {
	if parted {
		if err := p.flush(); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, "--"); err != nil {
			return err
		}
	}
	for _, l := range b.lines {
		if mark {
			sign := "  "
			if l.found {
				sign = "> "
			}
			if _, err := out.WriteString(sign); err != nil {
				return err
			}
		}
		if err := p.event(l.text, l.event); err != nil {
			return err
		}
	}
	return nil
}

// blocks asks for the lines around events, and joins what overlaps. They are in the order of the first event of each.
func (s searchCmd) blocks(ctx context.Context, c *CLI, found []*event.Event) ([]*block, error) {
	wanted := make(map[string]bool, len(found))
	for _, e := range found {
		wanted[e.Get("event.id")] = true
	}
	j := joiner{wanted: wanted, of: make(map[string]*block)}
	for len(found) > 0 {
		n := min(len(found), askedOnce)
		v := url.Values{"before": {strconv.Itoa(s.Context)}, "after": {strconv.Itoa(s.Context)}}
		for _, e := range found[:n] {
			v.Add("id", e.Get("event.id"))
			v.Add("near", e.Get("@timestamp"))
		}
		found = found[n:]
		body, err := c.ask(ctx, "/v1/context", v)
		if err != nil {
			return nil, err
		}
		err = eachLine(body, j.line)
		body.Close()
		if err != nil {
			return nil, err
		}
	}
	return j.blocks(), nil
}

// joiner puts groups that overlap together. Each is a run of lines of one file, so two that share a line are one run.
type joiner struct {
	wanted map[string]bool
	of     map[string]*block // by the id of a line
	all    []*block
	dec    event.Decoder
}

func (j *joiner) line(line []byte) error {
	if a, ok := asideOf(line); ok && a.Error != nil {
		return fmt.Errorf("lines around an event: %s", printable(*a.Error))
	}
	var g struct {
		Events []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(line, &g); err != nil {
		return fmt.Errorf("read the aggregator's answer: %w", err)
	}
	b := new(block)
	for _, text := range g.Events {
		e, err := j.dec.Decode(text)
		if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		b.lines = append(b.lines, blockLine{text, e, j.wanted[e.Get("event.id")]})
	}
	j.add(b)
	return nil
}

// add joins a block with those that it shares lines with.
func (j *joiner) add(b *block) {
	for _, l := range b.lines {
		if other := j.of[l.event.Get("event.id")]; other != nil && other != b {
			b = j.join(other, b)
		}
	}
	if len(b.lines) > 0 && j.of[b.lines[0].event.Get("event.id")] != b {
		j.all = append(j.all, b)
		for _, l := range b.lines {
			j.of[l.event.Get("event.id")] = b
		}
	}
}

// join puts what is new of b into a, in front of it or behind it, and returns a. If b was in the list, it is empty then.
func (j *joiner) join(a, b *block) *block {
	in := make(map[string]bool, len(a.lines))
	for _, l := range a.lines {
		in[l.event.Get("event.id")] = true
	}
	var front, back []blockLine
	met := false
	for _, l := range b.lines {
		switch {
		case in[l.event.Get("event.id")]:
			met = true
		case met:
			back = append(back, l)
		default:
			front = append(front, l)
		}
	}
	a.lines = append(append(front, a.lines...), back...)
	b.lines = nil
	for _, l := range a.lines {
		j.of[l.event.Get("event.id")] = a
	}
	return a
}

func (j *joiner) blocks() (all []*block) {
	for _, b := range j.all {
		if len(b.lines) > 0 {
			all = append(all, b)
		}
	}
	return all
}
