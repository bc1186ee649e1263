package journal

import (
	"cmp"
	"slices"
	"time"

	"belfry/shared/heartbeat"
)

// Status is what an operator wants to know of a journal.
type Status struct {
	Path      string `json:"path"` // "journal", with its namespace, or the folder
	Stream    string `json:"stream"`
	Read      string `json:"read,omitempty"`      // cursor of the last entry that was handed on
	Confirmed string `json:"confirmed,omitempty"` // cursor before which all is confirmed
	Series    int    `json:"series"`              // sequence number IDs that are known
	Entries   uint64 `json:"entries"`             // handed on since the start
	Waiting   uint64 `json:"waiting"`             // numbers that are not confirmed
	Missing   uint64 `json:"missing,omitempty"`   // numbers that are looked for
	Dropped   uint64 `json:"dropped_entries"`     // declared since the start
	Restarts  uint64 `json:"restarts"`            // of journalctl
	Fault     string `json:"fault,omitempty"`     // why it is not read
}

// Status tells how it is, as of half a second ago. It may be called from any goroutine.
func (in *Input) Status() Status {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.status
}

// Ends returns how far the series reach of which something was read since the start, as of half a second ago. It may be called
// from any goroutine.
func (in *Input) Ends() []heartbeat.Stream {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.ends)
}

// picture keeps what Status and Ends tell.
func (in *Input) picture() {
	var ends []heartbeat.Stream
	var waiting, missing uint64
	in.way.note()
	for _, s := range in.byUse() {
		if s.quiet() {
			s.since = time.Time{}
		}
		waiting += s.next - min(s.next, s.confirmed.end)
		if s.shown == 0 && s.quiet() {
			continue
		}
		ends = append(ends, heartbeat.Stream{
			ID: in.stream, Epoch: s.epoch, Path: in.cfg.Name(), End: s.next, Cursor: s.confirmed.end, Since: s.since,
		})
	}
	if len(ends) > heartbeat.MaxStreams {
		ends = ends[len(ends)-heartbeat.MaxStreams:]
	}
	for _, o := range in.holes.open {
		missing += o.end - o.first
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ends = ends
	in.status = Status{
		Path: in.cfg.Name(), Stream: in.stream.String(), Read: in.way.last.String(), Confirmed: in.way.from().String(), Series: len(in.series),
		Entries: in.read, Waiting: waiting, Missing: missing, Dropped: in.lost, Restarts: in.restart, Fault: cmp.Or(in.faults[reading], in.faults[keeping]),
	}
}

// What may not go.
const (
	reading = iota // the journal
	keeping        // the state
)

// complain notes why something does not go, and logs what is new of it.
func (in *Input) complain(what int, err error) {
	if in.faults[what] != err.Error() {
		in.log.Warn([...]string{"the journal cannot be read", "state cannot be kept"}[what], "err", err)
	}
	in.faults[what] = err.Error()
	in.picture()
}

// recovered notes that it goes again.
func (in *Input) recovered(what int) {
	if in.faults[what] != "" {
		in.log.Info([...]string{"the journal is read again", "state is kept again"}[what])
	}
	in.faults[what] = ""
}
