package app

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"belfry/agent/input/file"
	"belfry/agent/rotate"
)

// Write writes the status as a table for people, those that are furthest behind first. With part, it tells of files alone
// whose path has that in it, and why each was read as it was.
func (s Status) Write(w io.Writer, part string) error {
	if part == "" {
		if err := errors.Join(s.writeHead(w), s.writeRelay(w), s.writeJournals(w)); err != nil || len(s.Files) == 0 {
			return err
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "LAG\tSECONDS\tLAST ACK\tCONFIRMED\tREAD\tSIZE\t  FILE\n")
	shown := 0
	for i := range s.Files {
		f := &s.Files[i]
		if !strings.Contains(f.Path, part) || part == "" && f.Copy {
			continue
		}
		shown++
		writeFile(t, f)
		if part != "" {
			writeVerdicts(t, f)
		}
	}
	if shown == 0 && part != "" {
		return fmt.Errorf("no file that is known has %q in its path", part)
	}
	if err := t.Flush(); err != nil || len(s.Rotation) == 0 {
		return err
	}
	return s.writeRotation(w, part)
}

func (s Status) writeRotation(w io.Writer, part string) error {
	if !slices.ContainsFunc(s.Rotation, func(r rotate.Status) bool { return strings.Contains(r.Path, part) }) {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nSIZE\tROTATED\tKEPT\tLAST\t  ROTATED BY THE AGENT\n")
	for _, r := range s.Rotation {
		if !strings.Contains(r.Path, part) {
			continue
		}
		last := "-"
		if r.Last != nil {
			last = r.Last.Local().Format(time.DateTime)
		}
		step, fault := "", ""
		if r.Step != "" {
			step = "  " + r.Step + " is under way"
		}
		if r.Fault != "" {
			fault = "  FAULT " + shown(r.Fault)
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%s\t  %s%s%s\n", r.Size, r.Rotated, r.Kept, last, shown(r.Path), step, fault)
		for _, n := range r.Notes {
			fmt.Fprintf(t, "\t\t\t\t    %s\n", shown(n))
		}
	}
	return t.Flush()
}

func (s Status) writeHead(w io.Writer) error {
	var lag, lost uint64
	faults, resting, copies := 0, 0, 0
	for _, f := range s.Files {
		lag += f.Lag
		lost += f.Lost
		switch {
		case f.Fault != "":
			faults++
		case f.Copy:
			copies++
		case f.Rests:
			resting++
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "agent\t%s\nhost\t%s\nroad\t%s\nacks\t%s; %d files are not indexed to their end\n",
		s.Agent, shown(s.Host), shown(s.Road), shown(s.Acks), s.Named)
	if s.Renew != "" {
		fmt.Fprintf(t, "renewal\t%s\n", shown(s.Renew))
	}
	fmt.Fprintf(t, "files\t%d, %d of them at rest, %d with a fault; %d bytes behind; %d copies left alone\n",
		len(s.Files)-copies, resting, faults, lag, copies)
	if lost > 0 {
		fmt.Fprintf(t, "lost\t%d bytes, declared\n", lost)
	}
	if s.Past.Waiting > 0 || s.Past.Reading != "" {
		fmt.Fprintf(t, "backfill\t%s; %d files wait\n", progress(s.Past), s.Past.Waiting)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

func (s Status) writeRelay(w io.Writer) error {
	if s.Relay == nil {
		return nil
	}
	r := s.Relay
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "relay\t%d messages taken since the start, %d dropped; %d bytes wait in the spool\n", r.Messages, r.Dropped, r.Spool)
	if r.Stuck != "" {
		fmt.Fprintf(t, "\tTAKES NOTHING: %s\n", shown(r.Stuck))
	}
	for _, l := range r.Listeners {
		fmt.Fprintf(t, "\tlistens at %s\n", shown(l))
	}
	for _, q := range r.Queues {
		if q.Behind > 0 {
			since := ""
			if !q.Since.IsZero() {
				since = ", since " + q.Since.Local().Format(time.DateTime)
			}
			fmt.Fprintf(t, "\t%s: %d bytes are not confirmed%s\n", shown(q.Name), q.Behind, since)
		}
		if q.Lost > 0 {
			fmt.Fprintf(t, "\t%s: LOST %d bytes of the spool since the start; they are declared to the receiver\n", shown(q.Name), q.Lost)
		}
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func (s Status) writeJournals(w io.Writer) error {
	if len(s.Journals) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "ENTRIES\tWAITING\tMISSING\tDROPPED\t  JOURNAL\n")
	for _, j := range s.Journals {
		fault := ""
		if j.Fault != "" {
			fault = "  FAULT " + shown(j.Fault)
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t  %s%s\n", j.Entries, j.Waiting, j.Missing, j.Dropped, shown(j.Path), fault)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func progress(p file.Progress) string {
	switch {
	case p.Reading == "":
		return "nothing is being read"
	case p.Bytes == 0:
		return fmt.Sprintf("reading %s, %d bytes so far", shown(p.Reading), p.Done)
	}
	return fmt.Sprintf("reading %s, %d %% of %d bytes", shown(p.Reading), 100*p.Done/p.Bytes, p.Bytes)
}

func writeFile(t io.Writer, f *file.Status) {
	size := fmt.Sprint(f.Size)
	if f.Archive {
		size = "archive " + size
	}
	acked := "-"
	if !f.Acked.IsZero() {
		acked = f.Acked.Local().Format(time.DateTime)
	}
	var notes strings.Builder
	note := func(on bool, text string) {
		if on {
			notes.WriteString("  " + text)
		}
	}
	note(f.Deleted, "(deleted, being read to its end)")
	note(f.Copy, "(a copy, left alone)")
	note(f.History, "(backfill)")
	note(f.Lost > 0, fmt.Sprintf("LOST %d bytes", f.Lost))
	note(f.Fault != "", "FAULT "+shown(f.Fault))
	fmt.Fprintf(t, "%d\t%.0f\t%s\t%d\t%d\t%s\t  %s%s\n", f.Lag, f.Behind, acked, f.Cursor, f.Read, size, shown(f.Path), notes.String())
}

// writeVerdicts tells what a file was taken for, and why, oldest first.
func writeVerdicts(t io.Writer, f *file.Status) {
	fmt.Fprintf(t, "\t\t\t\t\t\t    stream %s, epoch %d\n", f.Stream, f.Epoch)
	for _, v := range f.Verdicts {
		fmt.Fprintf(t, "\t\t\t\t\t\t    %s  %s: %s (%s, %d bytes)\n", time.Unix(v.At, 0).Format(time.DateTime), v.Verdict, v.Reason,
			shown(v.Path), v.Size)
	}
}

// shown keeps what others chose, as a file's name, from speaking to the terminal.
func shown(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
