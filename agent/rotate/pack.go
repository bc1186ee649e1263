package rotate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errChanged says that a rotated file was written to while it was compressed.
var errChanged = errors.New("was written to while it was compressed")

// pack compresses a rotated file, unless another job works on the family, or has renamed the file since it was opened.
func (r *Rotator) pack(ctx context.Context, f *family, d *folder, in *os.File, name string, st stat) error {
	j, err := r.beginOn(f, d, doPack, name, st)
	if err != nil || j == nil {
		return err
	}
	made, err := r.archive(ctx, d, in, name, st)
	if err == nil {
		r.journal.hook("after " + doPack)
		err = r.journal.write(j, record{Do: doName, Made: &made})
	}
	if err != nil {
		return r.unpack(d, j, err)
	}
	return r.finish(d, j, in)
}

// beginOn opens a job on one rotated file; nil if the file has not that name any more, or another job works on the family.
func (r *Rotator) beginOn(f *family, d *folder, do, name string, st stat) (*job, error) {
	j, err := r.journal.begin(f.path, func() (record, error) {
		if !d.is(name, st.handle) {
			return record{}, errForeign
		}
		return record{Do: do, File: &target{Name: name, File: st.handle, Size: st.size, Time: st.mtime}}, nil
	})
	if errors.Is(err, errForeign) {
		return nil, nil
	}
	return j, err
}

// archive writes and verifies the temporary, and returns its handle.
func (r *Rotator) archive(ctx context.Context, d *folder, in *os.File, name string, st stat) (handle, error) {
	out, err := d.create(packName(name))
	if err != nil {
		return handle{}, err
	}
	defer out.Close()
	if err := r.compress(ctx, out, in, name, st.mtime); err != nil {
		return handle{}, err
	}
	r.journal.hook("written")
	made, err := statFile(out)
	if err != nil {
		return handle{}, err
	}
	copyLabels(in, out)
	if err := setTime(out, st.mtime); err != nil {
		return handle{}, err
	}
	if err := dress(out, made, owned{Mode: st.mode & 0o777, UID: st.uid, GID: st.gid}); err != nil {
		return handle{}, err
	}
	if err := errors.Join(out.Sync(), d.sync()); err != nil {
		return handle{}, err
	}
	_ = unix.Fadvise(int(out.Fd()), 0, 0, unix.FADV_DONTNEED) // what is read back comes from the disk, if it may
	return made.handle, r.verify(ctx, d, packName(name), made.handle, in)
}

// finish gives a verified archive its name, and removes the plain file: only if that is still what was compressed, and
// nobody can write to it.
func (r *Rotator) finish(d *folder, j *job, in *os.File) error {
	name := j.file.Name
	if !d.is(name, j.file.File) && !d.is(name+".gz", j.made) {
		return r.unpack(d, j, d.foreign(name))
	}
	if err := d.moveOnce(move{From: packName(name), To: name + ".gz", File: j.made}); err != nil {
		return r.unpack(d, j, err)
	}
	r.journal.hook("after " + doName)
	st, err := statFile(in)
	if err == nil && (st.size != j.file.Size || !st.mtime.Equal(j.file.Time)) {
		err = errChanged
	}
	if err == nil {
		if why, _ := r.writing(in, st); why != "" {
			err = fmt.Errorf("%w: %s", errChanged, why)
		}
	}
	if err == nil && !d.is(name, j.file.File) {
		err = d.foreign(name)
	}
	if err == nil {
		err = r.journal.write(j, record{Do: doUnlink})
	}
	if err != nil {
		return r.unpack(d, j, err)
	}
	if err := d.remove(name); err != nil {
		return r.unpack(d, j, err)
	}
	r.journal.hook("after " + doUnlink)
	return r.packed(d, j)
}

// packed ends a job whose archive is all that is left.
func (r *Rotator) packed(d *folder, j *job) error {
	if err := r.journal.write(j, record{Do: doEnd}); err != nil {
		return err
	}
	r.count.packed.Inc()
	r.count.packedBytes.Add(int(j.file.Size))
	r.log.Info("rotated file compressed", "path", d.in(j.file.Name), "bytes", j.file.Size)
	return nil
}

// unpack takes back what was made of an archive whose plain file stays.
func (r *Rotator) unpack(d *folder, j *job, why error) error {
	err := why
	if j.did == doPack || d.is(packName(j.file.Name), j.made) {
		err = errors.Join(err, d.remove(packName(j.file.Name)))
	}
	if gz := j.file.Name + ".gz"; j.did != doPack && d.is(gz, j.made) && d.is(j.file.Name, j.file.File) {
		err = errors.Join(err, d.remove(gz))
	}
	return errors.Join(err, r.journal.write(j, record{Do: doEnd, Why: why.Error()}))
}

// resumePack goes on with an archive that was under way when the process ended.
func (r *Rotator) resumePack(ctx context.Context, j *job) error {
	d, err := openFolder(filepath.Dir(j.path))
	if errors.Is(err, fs.ErrNotExist) {
		return r.journal.write(j, record{Do: doEnd, Why: err.Error()})
	}
	if err != nil {
		return err
	}
	defer d.close()
	name := j.file.Name
	if j.did == doPack { // half written, perhaps
		return r.unpack(d, j, errors.New("the process ended meanwhile"))
	}
	if j.did == doUnlink && !d.has(name) && d.is(name+".gz", j.made) {
		return r.packed(d, j)
	}
	in, st, err := d.open(name)
	if err != nil {
		return r.unpack(d, j, err)
	}
	defer in.Close()
	at := packName(name)
	if d.is(name+".gz", j.made) {
		at = name + ".gz"
	}
	if st.handle != j.file.File {
		err = d.foreign(name)
	} else {
		err = r.verify(ctx, d, at, j.made, in)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return r.unpack(d, j, err)
	}
	return r.finish(d, j, in)
}

// foreign is the error of a name that another file has now.
func (d *folder) foreign(name string) error {
	return fmt.Errorf("%w: %s is another file", errForeign, d.in(name))
}
