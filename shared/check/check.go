// Package check is what looking over a configuration tells: findings, each of one key, as lines for people or as JSON, and
// the exit code that follows from them.
package check

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"belfry/shared/conf"
	"belfry/shared/terminal"
)

// Level says how bad a finding is.
type Level string

// The levels. With an error the daemon would not start, or not with this file.
const (
	Error   Level = "error"
	Warning Level = "warning"
	Note    Level = "note" // all is well, and this is how
)

// Finding is one thing that is wrong, or probably not meant.
type Finding struct {
	Level Level  `json:"level"`
	Key   string `json:"key,omitempty"` // of the file, as ship.amqp.urls[0]; "" if it is of none
	Text  string `json:"text"`
}

// Report is all that was found of one file. The zero value with a file's name is ready to use.
type Report struct {
	File     string
	Findings []Finding
}

// Warn adds a warning.
func (r *Report) Warn(key, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Warning, key, fmt.Sprintf(format, args...)})
}

// Tell adds a note, which does not count.
func (r *Report) Tell(key, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Note, key, fmt.Sprintf(format, args...)})
}

// WarnLines adds warnings that begin with their keys, as "cert: it expires", each below a key; "" is none.
func (r *Report) WarnLines(below string, lines []string) {
	for _, line := range lines {
		key, text := split(line)
		r.Findings = append(r.Findings, Finding{Warning, join(below, key), text})
	}
}

// Fail adds each of the errors that err joins, as errors of the keys with which they begin; of the one that is given, where
// they begin with none.
func (r *Report) Fail(unless string, err error) {
	for _, e := range conf.Split(err) {
		place, rest := r.place(e.Error())
		key, text := split(rest)
		r.Findings = append(r.Findings, Finding{Error, cmp.Or(key, unless), place + text})
	}
}

// place cuts off where in the file an error is, which stands before the key: FILE:LINE: is kept for the text, FILE: is not,
// for the last line of the report says it.
func (r *Report) place(text string) (place, rest string) {
	at, ok := strings.CutPrefix(text, r.File+":")
	if !ok {
		return "", text
	}
	if n := atLine.FindString(at); n != "" {
		return r.File + ":" + n, at[len(n):]
	}
	return "", strings.TrimSpace(at)
}

var (
	atLine   = regexp.MustCompile(`^\d+: `)
	keyFirst = regexp.MustCompile(`^[a-z_0-9]+(\[\d+\])?(\.[A-Za-z_0-9-]+(\[\d+\])?)*: `)
)

// split takes the key from the beginning of a line.
func split(line string) (key, text string) {
	k := keyFirst.FindString(line)
	return strings.TrimSuffix(k, ": "), line[len(k):]
}

func join(below, key string) string { return strings.Trim(below+"."+key, ".") }

// Count returns the numbers of errors and of warnings.
func (r *Report) Count() (errs, warnings int) {
	for _, f := range r.Findings {
		switch f.Level {
		case Error:
			errs++
		case Warning:
			warnings++
		}
	}
	return errs, warnings
}

// errFaults and errDoubts say that there are findings, all of which were told.
var (
	errFaults = errors.New("it has errors")
	errDoubts = errors.New("it has warnings")
)

// Code returns the exit code for an error of Write, and whether it is one: 2 for errors, 1 for warnings where they count.
func Code(err error) (code int, ok bool) {
	switch {
	case errors.Is(err, errFaults):
		return 2, true
	case errors.Is(err, errDoubts):
		return 1, true
	}
	return 0, false
}

// Style says how a report is written, and what counts.
type Style struct {
	JSON   bool `help:"Print JSON." name:"json"`
	Strict bool `help:"Exit code 1 if there are warnings."`
}

// rank is the order of the levels.
var rank = map[Level]int{Error: 0, Warning: 1, Note: 2}

// Write writes the report, errors first, notes last, each level in the order of its keys. It returns an error that Code knows if there
// are findings that count.
func (r *Report) Write(w io.Writer, s Style) error {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a.Level], rank[b.Level]), cmp.Compare(a.Key, b.Key))
	})
	write := r.writeText
	if s.JSON {
		write = r.writeJSON
	}
	if err := write(w); err != nil {
		return err
	}
	switch errs, warnings := r.Count(); {
	case errs > 0:
		return errFaults
	case warnings > 0 && s.Strict:
		return errDoubts
	}
	return nil
}

func (r *Report) writeText(w io.Writer) error {
	for _, f := range r.Findings {
		key := ""
		if f.Key != "" {
			key = f.Key + ": "
		}
		if _, err := fmt.Fprintf(w, "%s: %s%s\n", f.Level, key, terminal.Printable(oneLine(f.Text))); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", r.File, r.sum())
	return err
}

// sum says how the file is.
func (r *Report) sum() string {
	errs, warnings := r.Count()
	var all []string
	if errs > 0 {
		all = append(all, plural(errs, "error"))
	}
	if warnings > 0 {
		all = append(all, plural(warnings, "warning"))
	}
	return cmp.Or(strings.Join(all, ", "), "ok")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// oneLine is a text without line ends: what servers answer may have some, and joined errors do.
func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") }

func (r *Report) writeJSON(w io.Writer) error {
	errs, warnings := r.Count()
	text, err := json.Marshal(struct {
		File     string    `json:"file"`
		Errors   int       `json:"errors"`
		Warnings int       `json:"warnings"`
		Findings []Finding `json:"findings"`
	}{r.File, errs, warnings, append([]Finding{}, r.Findings...)})
	if err == nil {
		_, err = w.Write(append(terminal.PrintableJSON(text), '\n'))
	}
	return err
}
