package file

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/agent/input/file/archive"
	"belfry/shared/batch"
)

// Status is what an operator wants to know of one file. One without a stream is not followed.
type Status struct {
	Path    string    `json:"path"`
	Stream  string    `json:"stream"`
	Epoch   uint64    `json:"epoch"`
	Cursor  uint64    `json:"cursor"`             // all before it is confirmed
	Read    uint64    `json:"read"`               // all before it was read
	Size    uint64    `json:"size"`               // of the file; of an archive, compressed
	Lag     uint64    `json:"lag"`                // bytes that are not confirmed
	Behind  float64   `json:"lag_seconds"`        // since when there are such
	Acked   time.Time `json:"last_ack,omitzero"`  // when the receiver took something of it last
	Indexed uint64    `json:"indexed"`            // all before it is in the index
	Archive bool      `json:"archive,omitempty"`  // its offsets count what is in it, decompressed
	Rests   bool      `json:"rests,omitempty"`    // it does not grow: it is closed, and opened again when it does
	Deleted bool      `json:"deleted,omitempty"`  // it has no name any more, and is read to its end
	History bool      `json:"backfill,omitempty"` // it is of the past: its rate is limited
	Copy    bool      `json:"copy,omitempty"`     // it repeats another one, and is left alone
	Lost    uint64    `json:"lost_bytes,omitempty"`
	Fault   string    `json:"fault,omitempty"` // why it is not read

	Verdicts []Ruling `json:"verdicts,omitempty"` // what it was taken for and why, oldest first
}

// Progress is how far the past is sent.
type Progress struct {
	Waiting int    `json:"files_waiting"` // files of the past that were not begun
	Reading string `json:"reading,omitempty"`
	Done    uint64 `json:"bytes_done"` // of what is being read
	Bytes   uint64 `json:"bytes"`      // likewise, in all; 0 if it is not known
}

// errStopped says that the input does not run.
var errStopped = errors.New("files are not followed at this moment")

// do runs a function in the goroutine that owns everything, and waits for it.
func (in *Input) do(f func()) error {
	const patience = 3 * time.Second
	done := make(chan struct{})
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case in.calls <- func() { f(); close(done) }:
	case <-in.ended:
		return errStopped
	case <-t.C:
		return errStopped
	}
	<-done // it runs already, and writes to what the caller has
	return nil
}

// Probe returns when the goroutine that owns everything answers, or has ended: be the road blocked, it does.
func (in *Input) Probe() {
	done := make(chan struct{})
	select {
	case in.calls <- func() { close(done) }:
		<-done
	case <-in.ended:
	}
	in.mu.Lock()
	defer in.mu.Unlock()
}

// answer runs what was asked for.
func (in *Input) answer() {
	for {
		select {
		case f := <-in.calls:
			f()
		default:
			return
		}
	}
}

// Status returns what is followed, those that are furthest behind first. It may be called from any goroutine.
func (in *Input) Status() (all []Status, progress Progress, err error) {
	err = in.do(func() { all, progress = in.picture(), in.pastProgress() })
	return all, progress, err
}

// picture tells of all files at this moment.
func (in *Input) picture() []Status {
	all := make([]Status, 0, len(in.open))
	for h, f := range in.open {
		s := in.statusOf(f.content)
		s.Path, s.Read, s.Size, s.History, s.Deleted = f.path, f.read(), f.size, f.history, f.links == 0
		end := max(s.Read, f.content.Top)
		if f.kind == archive.Plain {
			if st, err := statFile(f.file); err == nil && !f.finished {
				s.Size = st.size
			}
			end = s.Size
		}
		s.Lag, s.Behind = f.content.lag(in.now(), end)
		if e := in.present[h]; e != nil {
			s.Archive = e.kind != archive.Plain
		}
		all = append(all, s)
	}
	for h, e := range in.present {
		if c := in.handles[h]; in.open[h] == nil && c != nil {
			all = append(all, in.resting(c, e))
		}
	}
	all = in.withFaults(in.withLost(all))
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(cmp.Compare(b.Lag, a.Lag), strings.Compare(a.Path, b.Path))
	})
	return all
}

func (in *Input) resting(c *content, e *entry) Status {
	s := in.statusOf(c)
	s.Path, s.Size, s.Rests, s.Archive = e.path, e.stat.size, !c.Copy, e.kind != archive.Plain
	if c.Copy || c.Ended {
		return s
	}
	end := c.reach()
	if e.kind == archive.Plain {
		end = e.stat.size
	}
	s.Lag, s.Behind = c.lag(in.now(), end)
	return s
}

func (in *Input) statusOf(c *content) Status {
	s := Status{
		Path: c.Path, Stream: c.Stream.String(), Epoch: c.Epoch, Cursor: c.Cursor, Read: c.next(), Acked: c.last.time(),
		Indexed: c.Indexed, Copy: c.Copy, Verdicts: c.History,
	}
	if c.Lost != nil && c.Lost.Kind == batch.Dropped {
		s.Lost = c.Lost.To - c.Lost.From
	}
	if c.Copy {
		s.Cursor, s.Read = 0, 0
		if of := in.store.contents[contentKey{c.Of, c.OfEp}]; of != nil {
			s.Stream, s.Epoch = of.Stream.String(), of.Epoch
		}
	}
	return s
}

// lag says how far the confirms are behind the end, in bytes and in time.
func (c *content) lag(now time.Time, end uint64) (bytes uint64, seconds float64) {
	bytes = end - min(end, c.Cursor)
	if bytes == 0 {
		c.late = 0
		return 0, 0
	}
	if c.late == 0 {
		c.late = at(now)
	}
	return bytes, now.Sub(c.late.time()).Seconds()
}

// noteLate keeps since when the open files are behind, and how far they are together. What is not confirmed is open.
func (in *Input) noteLate() {
	var sum uint64
	var oldest int64
	for _, f := range in.open {
		end := f.read()
		if f.kind == archive.Plain {
			end = max(end, f.size)
		}
		bytes, _ := f.content.lag(in.now(), end)
		if since := f.content.late.time().Unix(); bytes > 0 && (oldest == 0 || since < oldest) {
			oldest = since
		}
		sum += bytes
	}
	in.behind.Store(sum)
	in.late.Store(oldest)
}

// lateSeconds is how long the file that is behind for the longest has been so, 0 if none is.
func (in *Input) lateSeconds() float64 {
	if since := in.late.Load(); since != 0 {
		return max(time.Since(time.Unix(since, 0)).Seconds(), 0)
	}
	return 0
}

// maxLost is how many files are named of which a part is lost and that are not there any more.
const maxLost = 1000

// withLost adds the contents that are in no file any more, and were not read to their end.
func (in *Input) withLost(all []Status) []Status {
	n := 0
	for _, c := range in.store.contents {
		if c.Lost == nil || c.Lost.Kind != batch.Dropped || n == maxLost || in.handles[c.File] == c && in.present[c.File] != nil {
			continue
		}
		n++
		all = append(all, in.statusOf(c))
	}
	return all
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

func (in *Input) pastProgress() (p Progress) {
	for _, f := range in.open {
		if f.history && !f.finished {
			p.Reading, p.Done, p.Bytes = f.path, f.read(), max(f.content.Top, f.content.Length)
		}
	}
	for h, e := range in.present {
		if e.sibling && !e.settled && in.handles[h] == nil && !e.unreadable() {
			p.Waiting++
		}
	}
	return p
}

// noteStatus does what is due to tell others.
func (in *Input) noteStatus() {
	in.answer()
	if now := in.now(); now.Sub(in.noted) >= in.pace.notes {
		in.noteEnds(now)
		in.noteLate()
	}
}

// Indexed reports whether the index has all bytes of the file that lies at path: it is what must be so before anybody deletes
// it. An error says that nothing is known of that file. It may be called from any goroutine.
func (in *Input) Indexed(path string) (ok bool, err error) {
	st, err := statPath(path)
	if err != nil {
		return false, err
	}
	asked := in.do(func() { ok, err = in.indexed(path, st) })
	return ok && asked == nil && err == nil, errors.Join(err, asked)
}

func (in *Input) indexed(path string, st stat) (bool, error) {
	c := in.handles[st.handle]
	if c == nil {
		return false, fmt.Errorf("%s is not followed", path)
	}
	end := max(st.size, c.Length, c.Top) // of an archive: more than it has bytes
	if archive.KindOf(path) != archive.Plain {
		end = max(c.Length, c.Top)
		if c.changed(st) && in.open[st.handle] == nil {
			return false, nil
		}
	}
	if c.Copy {
		if c.changed(st) {
			return false, nil
		}
		of := in.store.contents[contentKey{c.Of, c.OfEp}]
		if of == nil {
			return false, fmt.Errorf("%s was passed over, as it is older than what is to be read", path)
		}
		c, end = of, c.Length
	}
	return c.Indexed >= end && c.Lost == nil, nil
}
