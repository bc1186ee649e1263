package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// Dataset is the event.dataset of what is said of gaps.
const Dataset = "belfry.gap"

// Why there is a gap.
const (
	ReasonMissing = "missing" // nobody accounts for the bytes
	ReasonDropped = "dropped" // their agent has declared that they are lost
)

// The states of a gap.
const (
	Open     = "open"
	Accepted = "accepted" // somebody has taken note of it, and said why it is no trouble
	Closed   = "closed"   // all of it is accounted for
	Gone     = "gone"     // what it was in is older than what is kept, or was forgotten
)

// Gap is bytes of one epoch of a stream that are missing side by side. Bytes that arrive shrink it; it may end up as
// several pieces, and begins as such where many open at once. Its id is made of its place, so that it is the same for ever.
type Gap struct {
	ID     string    `json:"id"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	Host   string    `json:"host"` // as fleet.Stream has it
	Name   string    `json:"name"` // in the certificate
	Path   string    `json:"path,omitempty"`
	Agent  event.Key `json:"agent"`
	Stream event.Key `json:"stream"`
	Epoch  uint64    `json:"epoch,string"`
	First  uint64    `json:"first"`
	End    uint64    `json:"end"`
	Bytes  uint64    `json:"bytes"` // that are missing still
	Exact  bool      `json:"exact"` // false: at least so many, for the stream may go on beyond the end that is known
	Pieces []Piece   `json:"pieces"`
	Since  time.Time `json:"since,omitzero"` // when the byte before it was sealed, if that is known
	Until  time.Time `json:"until,omitzero"` // likewise the one behind it
	Opened time.Time `json:"opened"`
	Ended  time.Time `json:"ended,omitzero"`    // closed or gone
	By     string    `json:"by,omitempty"`      // who has accepted it
	Why    string    `json:"why,omitempty"`     // and why
	When   time.Time `json:"accepted,omitzero"` // and when
	Told   uint64    `json:"told"`              // its bytes when it was last spoken of
	Rev    uint64    `json:"rev,omitempty"`     // how often its document was written, where aggregators share one
}

// gapID returns the id of the gap that begins at first.
func gapID(p ledger.Position, reason string, first uint64) string {
	return event.HashKey("gap", reason, p.Agent.String(), p.Stream.String(), fmt.Sprint(p.Epoch), fmt.Sprint(first)).String()[:16]
}

func (g *Gap) position() ledger.Position {
	return ledger.Position{Agent: g.Agent, Stream: g.Stream, Epoch: g.Epoch}
}

func (g *Gap) put() fleet.Put {
	text, _ := json.Marshal(g) // of strings, numbers and times: it cannot fail
	return fleet.Put{Bucket: fleet.BucketGaps, Key: []byte(g.ID), Value: text}
}

// event says that the gap has changed.
func (g *Gap) event(now time.Time, action string) *event.Event {
	e := fleet.Say(now, Dataset, action, g.message(action))
	e.Set("host.name", g.Host)
	e.Set("agent.name", g.Name)
	e.Set("log.file.path", g.Path)
	for _, f := range [][2]string{
		{"id", g.ID}, {"agent", g.Agent.String()}, {"stream", g.Stream.String()}, {"epoch", fmt.Sprint(g.Epoch)},
		{"first", fmt.Sprint(g.First)}, {"end", fmt.Sprint(g.End)}, {"bytes", fmt.Sprint(g.Bytes)},
		{"exact", fmt.Sprint(g.Exact)}, {"since", stamp(g.Since)}, {"until", stamp(g.Until)}, {"reason", g.Reason},
		{"accepted_by", g.By}, {"accepted_why", g.Why},
	} {
		e.Set("belfry.gap."+f[0], f[1])
	}
	return e
}

func (g *Gap) message(action string) string {
	where := fmt.Sprintf("%s on %s, bytes %d to %d", g.where(), g.Host, g.First, g.End)
	if n := len(g.Pieces); n > 1 {
		where += fmt.Sprintf(" in %d pieces", n)
	}
	when := ""
	switch {
	case !g.Since.IsZero() && !g.Until.IsZero():
		when = fmt.Sprintf(", between %s and %s", stamp(g.Since), stamp(g.Until))
	case !g.Since.IsZero():
		when = fmt.Sprintf(", from %s on", stamp(g.Since))
	case !g.Until.IsZero():
		when = fmt.Sprintf(", before %s", stamp(g.Until))
	}
	least := ""
	if !g.Exact {
		least = "at least "
	}
	switch action {
	case "gap-closed":
		return fmt.Sprintf("nothing is missing any more of %s%s", where, when)
	case "gap-accepted":
		return fmt.Sprintf("%s accepts that %d bytes are %s of %s%s: %s", g.By, g.Bytes, g.Reason, where, when, g.Why)
	}
	return fmt.Sprintf("%s%d bytes are %s of %s%s", least, g.Bytes, g.Reason, where, when)
}

func (g *Gap) where() string {
	if g.Path == "" {
		return "stream " + g.Stream.String()[:8]
	}
	return g.Path
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
