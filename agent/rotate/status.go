package rotate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Status is what is known of one live file.
type Status struct {
	Path    string     `json:"path"`
	Config  string     `json:"config"`         // its entry, as rotate[0]
	Size    int64      `json:"size"`           // bytes of the live file
	Rotated int        `json:"rotated"`        // how many rotated files lie there
	Kept    int        `json:"kept"`           // of these over keep or keep_for, and not deleted
	Last    *time.Time `json:"last,omitempty"` // it was last rotated by this process
	Step    string     `json:"step,omitempty"` // what is under way
	Fault   string     `json:"fault,omitempty"`
	Notes   []string   `json:"notes,omitempty"` // as "app.log.9.gz: kept: not indexed yet"
}

// Status returns one entry for each live file, in the order of their paths.
func (r *Rotator) Status() []Status {
	steps := map[string]string{}
	for _, j := range r.journal.jobs(doRotate, doPack, doDelete) {
		steps[j.path] = j.kind
	}
	families := r.all()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Status, 0, len(families))
	for _, f := range families {
		s := Status{Path: f.path, Config: f.key, Size: f.size, Rotated: f.rotated, Kept: f.kept, Fault: f.fault, Step: steps[f.path]}
		if !f.last.IsZero() {
			last := f.last
			s.Last = &last
		}
		for _, name := range slices.Sorted(maps.Keys(f.notes)) {
			s.Notes = append(s.Notes, fmt.Sprintf("%s: %s", name, f.notes[name]))
		}
		all = append(all, s)
	}
	return all
}

// counters are what a Rotator counts.
type counters struct {
	rotations, errors     *metrics.Counter
	packed, packedBytes   *metrics.Counter
	deleted, deletedBytes *metrics.Counter
}

// sums are what its gauges show.
type sums struct{ kept, faults, plain int }

func newCounters(set *metrics.Set, now func() sums) *counters {
	if set == nil {
		set = metrics.NewSet()
	}
	counter := func(name string) *metrics.Counter { return set.GetOrCreateCounter("belfry_agent_rotate_" + name) }
	gauge := func(name string, get func(sums) int) {
		set.GetOrCreateGauge("belfry_agent_rotate_"+name, func() float64 { return float64(get(now())) })
	}
	gauge("kept_files", func(s sums) int { return s.kept })     // over keep or keep_for, but not indexed
	gauge("faulty_files", func(s sums) int { return s.faults }) // live files that are not rotated
	gauge("noted_files", func(s sums) int { return s.plain })   // rotated files that stay as they are, kept ones among them
	return &counters{
		rotations: counter("rotations_total"), errors: counter("errors_total"),
		packed: counter("compressed_files_total"), packedBytes: counter("compressed_bytes_total"),
		deleted: counter("deleted_files_total"), deletedBytes: counter("deleted_bytes_total"),
	}
}

func (r *Rotator) sums() (s sums) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.families {
		s.kept += f.kept
		s.plain += len(f.notes)
		if f.fault != "" {
			s.faults++
		}
	}
	return s
}
