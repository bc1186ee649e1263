package rotate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tidy goes on with what was under way, compresses what its writers have let go, and deletes what is over and indexed.
func (r *Rotator) tidy(ctx context.Context) {
	for _, j := range r.journal.jobs(doPack, doDelete) {
		if ctx.Err() != nil {
			return
		}
		var err error
		if j.kind == doDelete { // it is gone, or the index is asked again
			err = r.journal.write(j, record{Do: doEnd})
		} else {
			err = r.resumePack(ctx, j)
		}
		if err != nil && ctx.Err() == nil {
			r.count.errors.Inc()
			r.log.Warn("rotated file was not compressed", "path", j.path, "name", j.file.Name, "err", err)
		}
	}
	r.scanLeft()
	lists := map[string]listing{}
	for _, f := range r.all() {
		if ctx.Err() != nil {
			break
		}
		l, ok := lists[f.dir]
		if !ok {
			l = list(f.dir)
			lists[f.dir] = l
		}
		r.tidyFamily(ctx, f, l)
	}
	r.forget()
}

// forget drops what was known of files that are not asked about any more.
func (r *Rotator) forget() {
	for h, q := range r.quiet {
		if !q.seen {
			delete(r.quiet, h)
			continue
		}
		q.seen = false
		r.quiet[h] = q
	}
}

// listing is what a directory holds of rotated files, by their live one. It is made once for all live files of a
// directory: there may be many.
type listing struct {
	names map[string][]string
	err   error
}

func list(dir string) listing {
	d, err := openFolder(dir)
	if err != nil {
		return listing{err: err}
	}
	defer d.close()
	names, err := d.names()
	l := listing{names: map[string][]string{}, err: err}
	for _, n := range names {
		if s, ok := stem(n); ok {
			l.names[s] = append(l.names[s], n)
		}
	}
	return l
}

// tidyFamily looks at the rotated files of one live file.
func (r *Rotator) tidyFamily(ctx context.Context, f *family, l listing) {
	notes := map[string]string{}
	note := func(name string, why any) { notes[name] = fmt.Sprint(why) }
	all, kept, err := 0, 0, l.err
	if len(l.names[f.base]) > 0 {
		all, kept, err = r.lookAfter(ctx, f, l.names[f.base], note)
	}
	if err != nil {
		note(f.base, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, why := range notes {
		if f.notes[name] != why {
			r.log.Info("rotated file stays as it is", "path", filepath.Join(f.dir, name), "why", why)
		}
	}
	f.notes, f.rotated, f.kept = notes, all, kept
}

func (r *Rotator) lookAfter(ctx context.Context, f *family, names []string, note func(string, any)) (all, kept int, err error) {
	if err := r.logrotated(f.path); err != nil {
		return len(names), 0, err
	}
	d, err := openFolder(f.dir)
	if err != nil {
		return len(names), 0, err
	}
	defer d.close()
	left := series(f.base, names, f.cfg.DateExt)
	if f.cfg.compress() && r.packAll(ctx, f, d, left, note) {
		if names, err = d.names(); err != nil {
			return 0, 0, err
		}
		left = series(f.base, names, f.cfg.DateExt)
	}
	deleted, kept := r.expire(ctx, f, d, left, note)
	return len(left) - deleted, kept, nil
}

// packAll compresses the plain files, the oldest first, and reports whether it tried to.
func (r *Rotator) packAll(ctx context.Context, f *family, d *folder, all []rotated, note func(string, any)) (tried bool) {
	for i := len(all) - 1; i >= 0 && ctx.Err() == nil; i-- {
		name := all[i].name
		if all[i].ext != "" || f.cfg.DelayCompress && all[i].place() == all[0].place() {
			continue
		}
		in, st, err := d.open(name)
		if errors.Is(err, os.ErrNotExist) { // renamed by a rotation meanwhile
			continue
		}
		if err != nil {
			note(name, err)
			continue
		}
		err = r.packOne(ctx, f, d, in, name, st)
		in.Close()
		if tried = true; err != nil && ctx.Err() == nil {
			note(name, fmt.Errorf("not compressed: %w", err))
		}
	}
	return tried
}

var errWaits = errors.New("waits for its writer")

func (r *Rotator) packOne(ctx context.Context, f *family, d *folder, in *os.File, name string, st stat) error {
	if st.size == 0 {
		return nil
	}
	if err := d.safe(st.uid); err != nil {
		return err
	}
	for _, n := range []string{name + ".gz", packName(name)} {
		if d.has(n) {
			return fmt.Errorf("%s is there already", d.in(n))
		}
	}
	if why := r.letGo(in, st, f.cfg.wait()); why != "" {
		return fmt.Errorf("%w: %s", errWaits, why)
	}
	err := r.pack(ctx, f, d, in, name, st)
	if err != nil && ctx.Err() == nil {
		r.count.errors.Inc()
	}
	return err
}
