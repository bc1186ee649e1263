package app

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Write writes the status as a table for people, those that are furthest behind first.
func (s Status) Write(w io.Writer) error {
	var lag uint64
	faults, resting := 0, 0
	for _, f := range s.Files {
		lag += f.Lag
		if f.Fault != "" {
			faults++
		} else if f.Rests {
			resting++
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "agent\t%s\nhost\t%s\nroad\t%s\nacks\t%s; %d files are not indexed to their end\nfiles\t%d, %d of them at rest, %d with a fault; %d bytes behind\n",
		s.Agent, shown(s.Host), shown(s.Road), shown(s.Acks), s.Named, len(s.Files), resting, faults, lag)
	if err := t.Flush(); err != nil || len(s.Files) == 0 {
		return err
	}
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nLAG\tCONFIRMED\tREAD\tSIZE\t  FILE\n")
	for _, f := range s.Files {
		size := fmt.Sprint(f.Size)
		if f.Archive {
			size = "gz " + size
		}
		note := ""
		if f.Fault != "" {
			note = "  FAULT " + shown(f.Fault)
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%s\t  %s%s\n", f.Lag, f.Cursor, f.Read, size, shown(f.Path), note)
	}
	return t.Flush()
}

// shown keeps what others chose, as a file's name, from speaking to the terminal.
func shown(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
