package file

import (
	"cmp"
	"slices"
	"strings"
)

// Status is what an operator wants to know of one followed file.
type Status struct {
	Path    string `json:"path"`
	Stream  string `json:"stream"`
	Epoch   uint64 `json:"epoch"`
	Cursor  uint64 `json:"cursor"`            // all before it is confirmed
	Read    uint64 `json:"read"`              // all before it was read
	Size    uint64 `json:"size"`              // of the file; of an archive, compressed
	Lag     uint64 `json:"lag"`               // bytes that are not confirmed; of an archive, as far as it was read
	Archive bool   `json:"archive,omitempty"` // its offsets count what is in it, decompressed

	file Handle
}

// measure renews the size and what follows from it.
func (s *Status) measure() {
	end := s.Read
	if !s.Archive {
		if st, err := statPath(s.Path); err == nil && st.handle == s.file {
			s.Size = st.size
		}
		end = max(s.Read, s.Size)
	}
	s.Lag = end - min(end, s.Cursor)
}

// noteStatus keeps a picture of what is followed for Status.
func (in *Input) noteStatus() {
	all := make([]Status, 0, len(in.open))
	for h, f := range in.open {
		c := f.content
		all = append(all, Status{
			Path: f.path, Stream: c.Stream.String(), Epoch: c.Epoch, Cursor: c.Cursor, Read: f.read, Size: f.size,
			Archive: f.archive, file: h,
		})
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status = all
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
