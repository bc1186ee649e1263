package rotate

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"belfry/shared/segment"
)

// Kinds of jobs, and the steps of each. A step's record is on disk before the step is done.
const (
	doRotate  = "rotate"  // a plan was made; nothing was done yet
	doShift   = "shift"   // rename an older file, number N of the plan
	doPrepare = "prepare" // make the new live file under its temporary name
	doRename  = "rename"  // live file to its rotated name
	doCreate  = "create"  // new live file to its name
	doNotify  = "notify"  // tell the writer
	doPack    = "pack"    // compress into a temporary
	doName    = "name"    // give the verified archive its name
	doUnlink  = "unlink"  // remove what was compressed
	doDelete  = "delete"  // remove what the index has
	doEnd     = "end"     // nothing is left to do
)

// record is one line of the journal, in JSON. The first record of a job tells all of it.
type record struct {
	Job  uint64    `json:"job"` // lsn of the job's first record
	Do   string    `json:"do"`
	At   time.Time `json:"at"`
	Path string    `json:"path,omitempty"` // of the live file
	Plan *plan     `json:"plan,omitempty"` // doRotate
	File *target   `json:"file,omitempty"` // doPack, doDelete
	Step int       `json:"step,omitempty"` // of the plan, from 0
	Made *handle   `json:"made,omitempty"` // the temporary that a later step renames
	Why  string    `json:"why,omitempty"`  // doEnd: why it was given up
}

// plan is all that one rotation will do.
type plan struct {
	Live   handle  `json:"live"`
	Shifts []move  `json:"shifts,omitempty"`
	To     string  `json:"to"`               // name that the live file gets
	New    *owned  `json:"new,omitempty"`    // how the new one is made; nil if the writer makes it
	Notice *notice `json:"notice,omitempty"` // how the writer is told
}

// target is a rotated file that is compressed or deleted.
type target struct {
	Name string    `json:"name"`
	File handle    `json:"file"`
	Size int64     `json:"size"`
	Time time.Time `json:"time"` // it was last written
}

// job is what the journal says is not at its end.
type job struct {
	id      uint64
	kind    string // doRotate, doPack or doDelete
	path    string
	plan    *plan
	file    *target
	did     string // the last step that was begun
	step    int    // its number in the plan
	made    handle
	why     string
	tries   int       // of telling the writer
	retry   time.Time // not before
	records [][]byte
}

// journal keeps what is under way. At most one job works on a live file and its rotated ones at a time. It is safe for
// concurrent use; a job belongs to who has begun it, or has got it from jobs.
type journal struct {
	dir  string
	log  *segment.Log
	hook func(at string) // called behind each record and each step that was done; a test ends the process there

	mu   sync.Mutex
	open map[uint64]*job
	bad  bool // the log took no record: what is at its end is unknown
}

// spareBytes is how large the journal grows before what is done is removed. It is removed by whole segments.
const (
	spareBytes   = 256 << 10
	segmentBytes = 32 << 10
)

func openJournal(dir string, log *slog.Logger) (*journal, error) {
	l, err := segment.Open(dir, segment.Config{MaxBytes: segmentBytes})
	if err != nil {
		return nil, fmt.Errorf("open journal of rotations: %w", err)
	}
	for _, d := range l.Damage() {
		log.Warn("journal of rotations damaged", "damage", d.String())
	}
	j := &journal{dir: dir, log: l, hook: func(string) {}, open: map[uint64]*job{}}
	if err := l.Read(0, func(_ uint64, b []byte) error { return j.replay(b) }); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal of rotations: %w", err), l.Close())
	}
	return j, nil
}

// replay takes one record. What is of a job whose beginning is lost says nothing.
func (j *journal) replay(b []byte) error {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("record %.60q: %w", b, err)
	}
	switch {
	case r.Do == doRotate && r.Plan != nil, (r.Do == doPack || r.Do == doDelete) && r.File != nil:
		j.open[r.Job] = &job{id: r.Job, kind: r.Do, path: r.Path, plan: r.Plan, file: r.File}
	case r.Do == doEnd:
		delete(j.open, r.Job)
	case !slices.Contains([]string{doShift, doPrepare, doRename, doCreate, doNotify, doName, doUnlink}, r.Do):
		return fmt.Errorf("record of an unknown step %.60q: made by a later version?", r.Do)
	}
	if o := j.open[r.Job]; o != nil {
		o.note(r, b)
	}
	return nil
}

func (j *job) note(r record, b []byte) {
	j.did, j.step = r.Do, r.Step
	if r.Made != nil {
		j.made = *r.Made
	}
	j.records = append(j.records, slices.Clone(b))
}

// begin opens a job on what plan says. Plan is asked while no other job works on the live file, nor can begin. It returns
// nil if there is one already.
func (j *journal) begin(path string, plan func() (record, error)) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.busy(path) {
		return nil, nil
	}
	r, err := plan()
	if err == nil && j.bad { // before a number is taken
		err = j.reopen()
		j.bad = err != nil
	}
	if err != nil {
		return nil, err
	}
	r.Path, r.Job = path, j.log.Next()
	o := &job{id: r.Job, kind: r.Do, path: path, plan: r.Plan, file: r.File}
	if err := j.append(o, r); err != nil {
		return nil, err
	}
	j.open[o.id] = o
	return o, nil
}

func (j *journal) busy(path string) bool {
	for _, o := range j.open {
		if o.path == path {
			return true
		}
	}
	return false
}

// write says that a step begins. When it returns nil that is on disk.
func (j *journal) write(o *job, r record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.Job = o.id
	if err := j.append(o, r); err != nil {
		return err
	}
	if r.Do != doEnd {
		return nil
	}
	delete(j.open, o.id)
	return j.compact()
}

func (j *journal) append(o *job, r record) error {
	r.At = time.Now().UTC()
	b, err := json.Marshal(r)
	if err == nil && j.bad {
		err = j.reopen()
	}
	if err == nil {
		err = j.store(b)
		j.bad = err != nil
	}
	if err != nil {
		return fmt.Errorf("journal of rotations: %w", err)
	}
	o.note(r, b)
	j.hook("before " + r.Do)
	return nil
}

func (j *journal) store(b []byte) error {
	if _, err := j.log.Append(b); err != nil {
		return err
	}
	return j.log.Sync()
}

// reopen begins anew after an error, as of a full disk. A job of which the beginning was written all the same, though
// begin said that it was not, is ended: nothing of it was done.
func (j *journal) reopen() error {
	_ = j.log.Close() // its error is the one that is being mended
	l, err := segment.Open(j.dir, segment.Config{MaxBytes: segmentBytes})
	if err != nil {
		return err
	}
	found := &journal{open: map[uint64]*job{}}
	if err := l.Read(0, func(_ uint64, b []byte) error { return found.replay(b) }); err != nil {
		return errors.Join(err, l.Close())
	}
	j.log = l
	for id := range found.open {
		if j.open[id] != nil {
			continue
		}
		b, err := json.Marshal(record{Job: id, Do: doEnd, At: time.Now().UTC(), Why: "the journal could not be written"})
		if err := errors.Join(err, j.store(b)); err != nil {
			return err
		}
	}
	return nil
}

// compact removes what is done, when there is enough of it: what is not is written again first.
func (j *journal) compact() error {
	if j.log.Bytes() < spareBytes {
		return nil
	}
	from := j.log.Next()
	for _, o := range j.sorted() {
		for _, b := range o.records {
			if err := j.store(b); err != nil {
				j.bad = true
				return fmt.Errorf("journal of rotations: %w", err)
			}
		}
	}
	return j.log.TruncateBefore(from)
}

func (j *journal) sorted() []*job {
	var all []*job
	for _, o := range j.open {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *job) int { return int(a.id) - int(b.id) })
	return all
}

// jobs returns the open jobs of some kinds, the oldest first.
func (j *journal) jobs(kinds ...string) []*job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(j.sorted(), func(o *job) bool { return !slices.Contains(kinds, o.kind) })
}

func (j *journal) close() error { return j.log.Close() }
