package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"belfry/aggregator/fleet"
)

// Sums is how many bytes there are of each kind.
type Sums struct {
	Held     uint64 `json:"held"`
	Dead     uint64 `json:"dead"`
	Dropped  uint64 `json:"dropped"`
	Skipped  uint64 `json:"skipped"`
	Missing  uint64 `json:"missing"`  // and not accepted
	Accepted uint64 `json:"accepted"` // missing, and accepted
	Pending  uint64 `json:"pending"`
	Expired  uint64 `json:"expired"`
}

func (s *Sums) add(o *Sums) {
	s.Held = plus(s.Held, o.Held)
	s.Dead = plus(s.Dead, o.Dead)
	s.Dropped = plus(s.Dropped, o.Dropped)
	s.Skipped = plus(s.Skipped, o.Skipped)
	s.Missing = plus(s.Missing, o.Missing)
	s.Accepted = plus(s.Accepted, o.Accepted)
	s.Pending = plus(s.Pending, o.Pending)
	s.Expired = plus(s.Expired, o.Expired)
}

// plus adds without beginning at 0 again: an agent may claim any number of bytes.
func plus(x, y uint64) uint64 {
	if x > math.MaxUint64-y {
		return math.MaxUint64
	}
	return x + y
}

func (s *Sums) of(k Kind) *uint64 {
	switch k {
	case Held:
		return &s.Held
	case Dead:
		return &s.Dead
	case Dropped:
		return &s.Dropped
	case Skipped:
		return &s.Skipped
	case Missing:
		return &s.Missing
	case Pending:
		return &s.Pending
	}
	return &s.Expired
}

// File is what has become of one epoch of a stream.
type File struct {
	Type   string    `json:"type"` // "file"
	Host   string    `json:"host"`
	Name   string    `json:"name"` // in the certificate
	Agent  string    `json:"agent"`
	Path   string    `json:"path,omitempty"` // "" if no heartbeat has named it
	Stream string    `json:"stream"`
	Epoch  string    `json:"epoch"`
	End    uint64    `json:"end"`             // the furthest that is known
	Known  bool      `json:"end_known"`       // its agent has said where it ends so far; else that is only what came
	Final  bool      `json:"final,omitempty"` // it ends there for good
	From   time.Time `json:"from,omitzero"`   // when its first batch was sealed
	Until  time.Time `json:"until,omitzero"`  // when its newest one was
	Sums
	Parts []FilePart `json:"parts"`
}

// FilePart is some bytes of one kind, and when those beside them were sealed, as far as that is known.
type FilePart struct {
	Part
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Gap   string    `json:"gap,omitempty"` // id of the gap that it belongs to
	State string    `json:"state,omitempty"`
}

// Host sums up the files of one agent.
type Host struct {
	Type    string    `json:"type"` // "host"
	Host    string    `json:"host"`
	Name    string    `json:"name"`
	Agent   string    `json:"agent"`
	Files   int       `json:"files"`
	Unknown int       `json:"ends_unknown"`             // files of which nobody has said where they end
	Over    bool      `json:"not_all_judged,omitempty"` // it has more streams than are kept: of some nothing is known
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Sums
}

// Total sums up everything. It is the last line of a report: without it, the report was cut off.
type Total struct {
	Type    string `json:"type"` // "total"
	Hosts   int    `json:"hosts"`
	Files   int    `json:"files"`
	Unknown int    `json:"ends_unknown"`
	Over    int    `json:"hosts_not_all_judged"` // hosts that have more streams than are kept
	Sums
}

// Line is one line of a report; one of its parts is set. As JSON it is that part, which names its type.
type Line struct {
	File  *File
	Host  *Host
	Total *Total
}

// MarshalJSON writes the part that is set.
func (l Line) MarshalJSON() ([]byte, error) {
	switch {
	case l.File != nil:
		return json.Marshal(l.File)
	case l.Host != nil:
		return json.Marshal(l.Host)
	}
	return json.Marshal(l.Total)
}

// UnmarshalJSON reads a part by its type.
func (l *Line) UnmarshalJSON(text []byte) error {
	var is struct{ Type string }
	if err := json.Unmarshal(text, &is); err != nil {
		return err
	}
	switch is.Type {
	case "file":
		return json.Unmarshal(text, &l.File)
	case "host":
		return json.Unmarshal(text, &l.Host)
	case "total":
		return json.Unmarshal(text, &l.Total)
	}
	return fmt.Errorf("line of type %q", is.Type)
}

// Report calls fn with the sums of each host, before that with each of its files if files is set, and at the end with
// the total. Host restricts it to one, by any of its names; "" is all. One host is in memory at a time.
func (t *Tracker) Report(ctx context.Context, host string, files bool, now time.Time, fn func(Line) error) error {
	total := Total{Type: "total"}
	for _, a := range t.fleet.Agents(host) {
		if err := ctx.Err(); err != nil {
			return err
		}
		sum := Host{Type: "host", Host: a.Host, Name: a.Name, Agent: a.ID.String(), Over: a.Over}
		all := t.fleet.Streams(a.ID, now)
		slices.SortFunc(all, func(x, y fleet.Stream) int {
			return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Pos.Stream.String(), y.Pos.Stream.String()), cmp.Compare(x.Pos.Epoch, y.Pos.Epoch))
		})
		for i := range all {
			f := t.file(&all[i])
			sum.take(f)
			if files {
				if err := fn(Line{File: f}); err != nil {
					return err
				}
			}
		}
		if err := fn(Line{Host: &sum}); err != nil {
			return err
		}
		total.Hosts++
		total.Files += sum.Files
		total.Unknown += sum.Unknown
		if sum.Over {
			total.Over++
		}
		total.add(&sum.Sums)
	}
	return fn(Line{Total: &total})
}

func (h *Host) take(f *File) {
	h.Files++
	if !f.Known {
		h.Unknown++
	}
	if !f.From.IsZero() && (h.From.IsZero() || f.From.Before(h.From)) {
		h.From = f.From
	}
	h.Until = later(h.Until, f.Until)
	h.add(&f.Sums)
}

// file says what has become of one stream.
func (t *Tracker) file(st *fleet.Stream) *File {
	f := &File{
		Type: "file", Host: st.Host, Name: st.Name, Agent: st.Pos.Agent.String(), Path: st.Path, Stream: st.Pos.Stream.String(),
		Epoch: strconv.FormatUint(st.Pos.Epoch, 10), Known: st.Known, Final: st.Final, From: st.First, Until: st.Last,
	}
	gaps, ranges := t.of(st.Pos), t.ranges(st)
	var missing []Piece
	for _, g := range gaps {
		if g.Reason == ReasonMissing {
			missing = append(missing, g.Pieces...)
		}
	}
	// Where two gaps meet they are told apart.
	for _, p := range split(Judge(ranges, st.End, joined(missing), !st.Fresh), gaps) {
		fp := FilePart{Part: p}
		fp.From, fp.Until = st.Between(p.First, p.End)
		switch p.Kind {
		case Held, Expired:
			if fp.From.IsZero() {
				fp.From = st.First
			}
			if fp.Until.IsZero() {
				fp.Until = st.Last
			}
		case Missing, Dropped:
			if g := gapOf(gaps, p); g != nil {
				fp.Gap, fp.State, fp.From, fp.Until = g.ID, g.State, g.Since, g.Until
			}
		}
		sum := f.of(p.Kind)
		if p.Kind == Missing && fp.State == Accepted {
			sum = &f.Accepted
		}
		*sum = plus(*sum, p.End-p.First)
		f.End = p.End
		f.Parts = append(f.Parts, fp)
	}
	return f
}

// split cuts parts that are missing where a gap ends.
func split(parts []Part, gaps []Gap) (out []Part) {
	for _, p := range parts {
		for _, g := range gaps {
			for _, x := range g.Pieces {
				if p.Kind == Missing && p.First < x.End && x.End < p.End {
					out = append(out, Part{p.Kind, p.First, x.End})
					p.First = x.End
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// gapOf returns the gap that a part belongs to.
func gapOf(gaps []Gap, p Part) *Gap {
	for i := range gaps {
		if (gaps[i].Reason == ReasonDropped) != (p.Kind == Dropped) {
			continue
		}
		for _, x := range gaps[i].Pieces {
			if x.First <= p.First && p.First < x.End {
				return &gaps[i]
			}
		}
	}
	return nil
}
