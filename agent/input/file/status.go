package file

import (
	"slices"
	"strings"
)

// Status is what an operator wants to know of one followed file.
type Status struct {
	Path   string `json:"path"`
	Stream string `json:"stream"`
	Epoch  uint64 `json:"epoch"`
	Cursor uint64 `json:"cursor"` // all before it is confirmed
	Read   uint64 `json:"read"`   // all before it was read
	Size   uint64 `json:"size"`   // of the file; of an archive, compressed
}

// noteStatus keeps a picture of what is followed for Status.
func (in *Input) noteStatus() {
	all := make([]Status, 0, len(in.open))
	for _, f := range in.open {
		c := f.content
		all = append(all, Status{f.path, c.Stream.String(), c.Epoch, c.Cursor, f.read, f.size})
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Path, b.Path) })
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status = all
}

// Status returns what is followed, as of the last save. It may be called from any goroutine.
func (in *Input) Status() []Status {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.status
}
