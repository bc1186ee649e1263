package rotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// turn goes on with rotations that are under way, and begins those that are due. Then each writer is told once, however
// many of its files were rotated.
func (r *Rotator) turn(ctx context.Context) {
	if time.Since(r.scanned) >= scanEvery {
		r.scan()
		r.scanned = time.Now()
	}
	var moved []*job
	for _, j := range r.journal.jobs(doRotate) {
		if ctx.Err() == nil && !r.now().Before(j.retry) && r.advance(j) {
			moved = append(moved, j)
		}
	}
	for _, f := range r.all() {
		if ctx.Err() != nil || !r.due(f) {
			continue
		}
		if j := r.begin(f); j != nil && r.advance(j) {
			moved = append(moved, j)
		}
	}
	r.notify(ctx, moved)
}

// begin plans the rotation of a file, and writes that down. It returns nil if there is to be none now.
func (r *Rotator) begin(f *family) *job {
	d, st, err := r.check(f)
	if err != nil {
		r.refuse(f, err)
		return nil
	}
	defer d.close()
	j, err := r.journal.begin(f.path, func() (record, error) {
		p, err := r.plan(d, f, st)
		return record{Do: doRotate, Plan: p}, err
	})
	if err != nil && !errors.Is(err, errTooSoon) {
		r.refuse(f, err)
	}
	return j
}

// errTooSoon says that the name which a file would get is taken, by a rotation in the same second.
var errTooSoon = errors.New("rotated in this second already")

// plan looks at what there is, and says what will be done. It changes nothing.
func (r *Rotator) plan(d *folder, f *family, live stat) (*plan, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	all := series(f.base, names, f.cfg.DateExt)
	p := &plan{Live: live.handle, To: f.base + ".1", Notice: f.cfg.notice()}
	if f.cfg.DateExt {
		p.To = f.base + "-" + r.now().Format(stampLayout)
		for _, o := range all {
			if o.name == p.To+o.ext {
				return nil, errTooSoon
			}
		}
	} else {
		p.Shifts = shifts(f.base, all)
	}
	for i := range p.Shifts {
		st, err := d.look(p.Shifts[i].From)
		if err != nil {
			return nil, err
		}
		p.Shifts[i].File = st.handle
	}
	if !f.cfg.NoCreate {
		o, err := f.cfg.Create.like(live)
		if err != nil {
			return nil, err
		}
		p.New = &o
	}
	return p, nil
}

// advance does the steps up to the telling of the writer, and reports whether that is next.
func (r *Rotator) advance(j *job) bool {
	d, err := openFolder(filepath.Dir(j.path))
	if err != nil {
		return r.failed(j, nil, err)
	}
	defer d.close()
	if j.did != doNotify {
		j.why = "" // of a try before
	}
	steps := stepsOf(j)
	for i := j.step; i < len(steps); i++ {
		s := steps[i]
		if j.did != s.do || j.step != i { // else it was begun before
			if err := r.journal.write(j, record{Do: s.do, Step: i, Made: j.temporary()}); err != nil {
				return r.failed(j, d, err)
			}
		}
		if err := s.run(d, j); err != nil {
			return r.failed(j, d, err)
		}
		r.journal.hook("after " + s.do)
	}
	return true
}

func (j *job) temporary() *handle {
	if j.made == (handle{}) {
		return nil
	}
	return &j.made
}

// failed decides what becomes of a rotation after an error, and reports whether the writer is to be told. Where the live
// file still has its name, the rotation ends, and another one begins later. Where it has its new name, the rest must be
// done: the step is tried again later. Where it has neither, somebody has moved it: the rest is left alone, but the
// writer is told, in case that it was we who began.
func (r *Rotator) failed(j *job, d *folder, err error) bool {
	err = fmt.Errorf("%s: %w", j.did, err)
	foreign := errors.Is(err, errForeign)
	if d == nil && !errors.Is(err, fs.ErrNotExist) || d != nil && !foreign && d.is(j.plan.To, j.plan.Live) {
		j.retry = r.now().Add(retryLate)
		r.tell(j, err)
		return false
	}
	late := j.did == doRename || j.did == doCreate
	if d != nil {
		err = errors.Join(err, dropTemporary(d, j))
		late = late && !d.is(filepath.Base(j.path), j.plan.Live)
	}
	j.why = err.Error()
	if !late {
		r.end(j)
	}
	return late
}

// tell shows an error of a rotation with its file.
func (r *Rotator) tell(j *job, err error) {
	if f := r.family(j.path); f != nil {
		r.refuse(f, err)
		return
	}
	r.count.errors.Inc()
	r.log.Warn("rotation is not at its end", "path", j.path, "step", j.did, "err", err)
}

func (r *Rotator) family(path string) *family {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.families[path]
}

// notify tells the writers of files that have their new names, each once, and ends those rotations.
func (r *Rotator) notify(ctx context.Context, moved []*job) {
	var order []string
	groups := map[string][]*job{}
	for _, j := range moved {
		n := r.noticeOf(j)
		key, err := json.Marshal(n)
		if n == nil || err != nil {
			r.end(j)
			continue
		}
		if groups[string(key)] == nil {
			order = append(order, string(key))
		}
		groups[string(key)] = append(groups[string(key)], j)
	}
	for _, key := range order {
		if ctx.Err() == nil { // else after the start
			r.notifyGroup(ctx, groups[key])
		}
	}
}

// noticeOf is as configured now: that of the plan may have been what was wrong.
func (r *Rotator) noticeOf(j *job) *notice {
	if f := r.family(j.path); f != nil {
		return f.cfg.notice()
	}
	return j.plan.Notice
}

func (r *Rotator) notifyGroup(ctx context.Context, jobs []*job) {
	for _, j := range jobs {
		if j.did == doNotify {
			continue
		}
		if err := r.journal.write(j, record{Do: doNotify, Step: len(stepsOf(j))}); err != nil {
			r.tell(j, err)
			return
		}
	}
	err := r.noticeOf(jobs[0]).send(ctx)
	r.journal.hook("after " + doNotify)
	if err != nil && ctx.Err() != nil {
		return
	}
	for _, j := range jobs {
		j.tries++
		if err != nil && !errors.Is(err, errNoWriter) && j.tries < maxTries {
			j.retry = r.now().Add(retryLate)
			r.tell(j, err)
			continue
		}
		if err != nil {
			j.why = err.Error()
		}
		r.end(j)
	}
}

// end ends a rotation, for good or for what j.why says.
func (r *Rotator) end(j *job) {
	if err := r.journal.write(j, record{Do: doEnd, Why: j.why}); err != nil {
		r.tell(j, err)
		return
	}
	defer r.wakeTidy()
	f := r.family(j.path)
	if j.why != "" {
		if f != nil {
			r.refuse(f, errors.New(j.why))
		}
		return
	}
	r.count.rotations.Inc()
	r.log.Info("file rotated", "path", j.path, "to", j.plan.To)
	if f != nil {
		r.rotates(f)
	}
}
