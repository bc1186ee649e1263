package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// watchBound is for all aggregators to tell the same: heartbeats, and what they read of each other, come every so often.
const watchBound = 3 * time.Minute

// watched asks each aggregator of hosts, gaps and bytes, until all tell the same, and that is true.
func (c *chaos) watched(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchBound)
	defer cancel()
	for {
		err := c.agree(ctx)
		if err == nil {
			break
		}
		if !sleep(ctx, lookEvery) {
			return fmt.Errorf("what the aggregators tell: %w", err)
		}
	}
	c.say("hosts, gaps and bytes: all is told, and the same by each aggregator (%d)", len(c.aggregators))
	return nil
}

func (c *chaos) agree(ctx context.Context) error {
	var first told
	for i, a := range c.aggregators {
		w, err := a.Watched(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		t, err := readTold(w.Hosts, w.Gaps, w.Audit, c.logs(""))
		if err == nil {
			err = c.isTrue(t)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if i == 0 {
			first = t
		}
		if difference := first.differs(t); difference != "" {
			return fmt.Errorf("%s tells otherwise than %s: %s", a.name, c.aggregators[0].name, difference)
		}
	}
	return nil
}

// told is what an aggregator tells, without what changes from moment to moment.
type told struct {
	hosts map[string]string // state by name
	gaps  string
	files []string // of the audit, as they are told
	sums  map[string]sums
}

// sums is what has become of the bytes of a host's files.
type sums struct{ held, missing, other uint64 }

// differs says where two differ, "" if they do not.
func (t told) differs(u told) string {
	switch {
	case fmt.Sprint(t.hosts) != fmt.Sprint(u.hosts):
		return fmt.Sprintf("hosts: %v, not %v", u.hosts, t.hosts)
	case t.gaps != u.gaps:
		return fmt.Sprintf("gaps: %s, not %s", u.gaps, t.gaps)
	case len(t.files) != len(u.files):
		return fmt.Sprintf("audit: %d files, not %d", len(u.files), len(t.files))
	}
	for i := range t.files {
		if t.files[i] != u.files[i] {
			return fmt.Sprintf("audit: %s, not %s", u.files[i], t.files[i])
		}
	}
	return ""
}

// readTold reads three answers, as JSON, of which the files below paths that begin so are those that were written.
func readTold(hosts, gaps, audit, begin string) (told, error) {
	t := told{hosts: make(map[string]string), gaps: gaps, sums: make(map[string]sums)}
	var list struct {
		Hosts []struct{ Name, State string }
	}
	if err := json.Unmarshal([]byte(hosts), &list); err != nil {
		return t, fmt.Errorf("hosts: %w", err)
	}
	for _, h := range list.Hosts {
		t.hosts[h.Name] = h.State
	}
	for line := range strings.Lines(audit) {
		var f struct {
			Type, Host, Path                                                  string
			Held, Dead, Dropped, Skipped, Missing, Accepted, Pending, Expired uint64
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			return t, fmt.Errorf("audit: %w", err)
		}
		if f.Type != "file" || !strings.HasPrefix(f.Path, begin) {
			continue // the agents' own streams go on
		}
		t.files = append(t.files, line)
		s := t.sums[f.Host]
		s.held += f.Held
		s.missing += f.Missing + f.Accepted
		s.other += f.Dead + f.Dropped + f.Skipped + f.Pending + f.Expired
		t.sums[f.Host] = s
	}
	slices.Sort(t.files)
	return t, nil
}

// isTrue compares with what was written, as all lines are in the index.
func (c *chaos) isTrue(t told) error {
	var errs []error
	for _, h := range c.hosts {
		s, want := t.sums[h.name], uint64(h.bytes())
		if s.held != want && (c.tally.doubts == 0 || s.held < want) || s.missing+s.other > 0 {
			errs = append(errs, fmt.Errorf("audit of %s: %d bytes are held, %d are missing, %d are something else, of %d that were written",
				h.name, s.held, s.missing, s.other, want))
		}
		if state := t.hosts["agent-"+h.name]; state != "ok" {
			errs = append(errs, fmt.Errorf("hosts: agent-%s is %q", h.name, state))
		}
	}
	return errors.Join(errs...)
}
