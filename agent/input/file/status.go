package file

import (
	"cmp"
	"slices"
	"strings"
)

// Status is what an operator wants to know of one file. One without a stream is not followed.
type Status struct {
	Path    string `json:"path"`
	Stream  string `json:"stream"`
	Epoch   uint64 `json:"epoch"`
	Cursor  uint64 `json:"cursor"`            // all before it is confirmed
	Read    uint64 `json:"read"`              // all before it was read
	Size    uint64 `json:"size"`              // of the file; of an archive, compressed
	Lag     uint64 `json:"lag"`               // bytes that are not confirmed; of an archive, as far as it was read
	Archive bool   `json:"archive,omitempty"` // its offsets count what is in it, decompressed
	Rests   bool   `json:"rests,omitempty"`   // it does not grow: it is closed, and opened again when it does
	Fault   string `json:"fault,omitempty"`   // why it is not read

	file Handle
}

// measure renews the size and what follows from it.
func (s *Status) measure() {
	end := s.Read
	if !s.Archive && s.Stream != "" {
		if st, err := statPath(s.Path); err == nil && st.handle == s.file {
			s.Size = st.size
		}
		end = max(s.Read, s.Size)
	}
	s.Lag = end - min(end, s.Cursor)
}

// noteStatus keeps a picture of what is followed for Status.
func (in *Input) noteStatus() {
	if now := in.now(); now.Sub(in.noted) >= endsEvery {
		in.noteEnds(now)
	}
	all := make([]Status, 0, len(in.open))
	for h, f := range in.open {
		c := f.content
		all = append(all, Status{
			Path: f.path, Stream: c.Stream.String(), Epoch: c.Epoch, Cursor: c.Cursor, Read: f.read, Size: f.size,
			Archive: f.archive, file: h,
		})
	}
	for h, c := range in.handles {
		if in.open[h] == nil && in.present[h] && !c.Copy && !c.Ended {
			all = append(all, Status{
				Path: c.Path, Stream: c.Stream.String(), Epoch: c.Epoch, Cursor: c.Cursor, Read: c.Cursor, Size: c.Size,
				Archive: isGzip(c.Path), Rests: true, file: h,
			})
		}
	}
	all = in.withFaults(all)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status = all
}

// withFaults adds what is wrong with files, those too that are not followed for it.
func (in *Input) withFaults(all []Status) []Status {
	told := make(map[string]bool)
	for i := range all {
		all[i].Fault = in.faults[all[i].Path]
		told[all[i].Path] = true
	}
	for path, what := range in.faults {
		if !told[path] {
			all = append(all, Status{Path: path, Fault: what})
		}
	}
	return all
}

// Status returns what is followed, those that are furthest behind first: what was read and confirmed as of the last save,
// and the sizes of now, for while the road is blocked nothing is saved. It may be called from any goroutine.
func (in *Input) Status() []Status {
	in.mu.Lock()
	all := slices.Clone(in.status)
	in.mu.Unlock()
	for i := range all {
		all[i].measure()
	}
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(cmp.Compare(b.Lag, a.Lag), strings.Compare(a.Path, b.Path))
	})
	return all
}
