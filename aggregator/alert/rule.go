package alert

import (
	"errors"
	"fmt"

	"belfry/shared/event"
)

// Rule is one Sigma rule, compiled. It never changes.
type Rule struct {
	ID, Title, Status, Description string
	Level                          string   // one of Levels; default medium
	Tags                           []string // as in the file, e.g. attack.t1548.003
	Group                          []string // fields whose values belong to the id of an alert
	File                           string   // where the rule was read, and from which line on
	Line                           int

	disabled bool
	summary  summary
	when     cond // logsource and condition together
	fires    []sample
	silent   []sample
}

// Match reports whether the rule's detection holds for an event.
func (r *Rule) Match(e *event.Event) bool { return r.when.match(e) }

// Samples is the number of samples that the rule carries: events that must fire it, and events that must not.
func (r *Rule) Samples() (fires, silent int) { return len(r.fires), len(r.silent) }

// CheckSamples runs the rule over its samples and reports each that behaves otherwise than it must, with its line.
func (r *Rule) CheckSamples() error {
	var errs []error
	for _, s := range r.fires {
		if !r.Match(s.event) {
			errs = append(errs, fmt.Errorf("%s:%d: rule %q does not fire on this sample", r.File, s.line, r.Title))
		}
	}
	for _, s := range r.silent {
		if r.Match(s.event) {
			errs = append(errs, fmt.Errorf("%s:%d: rule %q fires on this sample and must not", r.File, s.line, r.Title))
		}
	}
	return errors.Join(errs...)
}

// sample is an event that a rule carries, and its line.
type sample struct {
	event *event.Event
	line  int
}
