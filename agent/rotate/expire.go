package rotate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// expire deletes what is over keep or keep_for, the oldest first, and returns how many it deleted and how many it could not.
func (r *Rotator) expire(ctx context.Context, f *family, d *folder, all []rotated, note func(string, any)) (deleted, kept int) {
	over := map[string]bool{}
	places := map[string]bool{}
	for _, o := range all {
		places[o.place()] = true
		over[o.name] = f.cfg.Keep > 0 && len(places) > f.cfg.Keep
	}
	for i := len(all) - 1; i >= 0 && ctx.Err() == nil; i-- {
		name := all[i].name
		st, err := d.look(name)
		if err != nil {
			continue // renamed by a rotation meanwhile
		}
		if !over[name] && (f.cfg.KeepFor == 0 || r.now().Sub(st.mtime) < time.Duration(f.cfg.KeepFor)) {
			continue
		}
		if err := r.expireOne(f, d, all[i], st); err != nil {
			kept++
			note(name, fmt.Errorf("kept: %w", err))
			continue
		}
		deleted++
	}
	return deleted, kept
}

var errNotIndexed = errors.New("not indexed yet")

// expireOne deletes a file if the index has all of it: of what lies there now, and lay there while the index was asked.
func (r *Rotator) expireOne(f *family, d *folder, o rotated, st stat) error {
	name := o.name
	in, now, err := d.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := d.safe(st.uid); err != nil {
		return err
	}
	if o.ext == "" {
		if why := r.letGo(in, now, f.cfg.wait()); why != "" {
			return fmt.Errorf("%w: %s", errWaits, why)
		}
	}
	if r.index == nil {
		return errNotIndexed
	}
	done, err := r.index.Indexed(filepath.Join(f.dir, name))
	if err != nil {
		return fmt.Errorf("what the index has of it is not known: %w", err)
	}
	if !done {
		return errNotIndexed
	}
	if now, err = d.look(name); err != nil || !now.unchanged(st) {
		return errors.Join(errForeign, err)
	}
	return r.remove(f, d, name, st)
}

func (r *Rotator) remove(f *family, d *folder, name string, st stat) error {
	j, err := r.beginOn(f, d, doDelete, name, st)
	if err != nil {
		return err
	}
	if j == nil {
		return errors.New("a rotation is under way")
	}
	err = d.remove(name)
	r.journal.hook("after " + doDelete)
	if err := errors.Join(err, r.journal.write(j, record{Do: doEnd})); err != nil {
		r.count.errors.Inc()
		return err
	}
	r.count.deleted.Inc()
	r.count.deletedBytes.Add(int(st.size))
	r.log.Info("rotated file deleted", "path", d.in(name), "bytes", st.size)
	return nil
}
