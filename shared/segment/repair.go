package segment

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A repair of 2a.seg (in 16 digits) goes by these steps, and each is on the disk before the next:
//
//  1. each run of good records is written to 2a.seg.F.run, F being its first lsn
//  2. 2a.seg gets the name 2a.seg.damaged: from here on the runs count
//  3. each run gets its name, F.seg, but for 2a.seg.2a.run
//  4. that one gets its name, if there is one
//
// So while a run is there, it counts if and only if the segment that it was taken from is not there.
const (
	runSuffix     = ".run"
	damagedSuffix = ".damaged"
)

// run is a file that holds a run of good records.
type run struct {
	path   string
	origin string // path of the segment that it was taken from
	first  uint64 // lsn of its first record
}

func nameOf(first uint64) string { return fmt.Sprintf("%0*x%s", nameDigits, first, suffix) }

func newRun(origin string, first uint64) run {
	return run{fmt.Sprintf("%s.%0*x%s", origin, nameDigits, first, runSuffix), origin, first}
}

func parseRun(path string) (run, bool) {
	rest, ok := strings.CutSuffix(path, runSuffix)
	origin := strings.TrimSuffix(rest, filepath.Ext(rest))
	if _, isName := parseName(filepath.Base(origin)); !ok || !isName || len(rest)-len(origin) != 1+nameDigits {
		return run{}, false
	}
	first, err := strconv.ParseUint(rest[len(origin)+1:], 16, 64)
	return run{path, origin, first}, err == nil && first > 0
}

// Repair replaces each damaged segment of the log in dir by one for each run of its good records, which keep their lsn. The
// damaged file stays beside, as NAME.damaged, for who wants to look into it; nothing reads or removes it. What a crash leaves
// of a repair is finished by the next one, or by Open. Nobody may have the log open. It returns what was damaged, with the
// names of before.
func Repair(dir string) ([]Damage, error) {
	return (&repairer{dir, func() {}}).all()
}

type repairer struct {
	dir  string
	step func() // is called behind each change; a test looks there
}

func (r *repairer) all() ([]Damage, error) {
	d, err := look(r.dir)
	if err != nil {
		return nil, err
	}
	if len(d.runs) > 0 {
		if err := r.finish(d); err != nil {
			return nil, err
		}
		if d, err = look(r.dir); err != nil {
			return nil, err
		}
	}
	var found []Damage
	for i, p := range d.parts {
		damage, err := r.mend(p, i+1 == len(d.parts))
		if err != nil {
			return found, fmt.Errorf("repair %s: %w", p.path, err)
		}
		found = append(found, damage...)
	}
	return found, nil
}

// stretch is a run of good records as it lies in a damaged segment.
type stretch struct {
	first    uint64
	from, to int64
}

// mend repairs one segment, if it is damaged.
func (r *repairer) mend(p part, last bool) ([]Damage, error) {
	in, err := openReader(p)
	if err != nil {
		return nil, err
	}
	defer in.close()
	good, err := in.stretches()
	if err != nil || len(in.damage) == 0 {
		return nil, err
	}
	in.tear(last)
	if last && (in.spoilt || in.good < in.size) { // as Open has it: a number that may have been given is not given again
		good = append(good, stretch{first: in.next + uint64(in.size-in.good)/recordHeader + 1})
	}
	var runs []run
	for _, s := range good {
		n := newRun(p.path, s.first)
		if err := in.copyTo(n.path, s); err != nil {
			return nil, err
		}
		r.step()
		runs = append(runs, n)
	}
	aside, err := freeName(p.path + damagedSuffix)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(syncDir(r.dir), os.Rename(p.path, aside), syncDir(r.dir)); err != nil {
		return nil, err
	}
	r.step()
	return in.damage, r.name(runs)
}

// stretches reads all of a segment and returns its runs of good records.
func (r *reader) stretches() ([]stretch, error) {
	var good []stretch
	next := uint64(0) // behind the last record
	err := r.each(func(lsn uint64, rec []byte) error {
		from := r.good - recordHeader - int64(len(rec))
		if n := len(good) - 1; n >= 0 && lsn == next && good[n].to == from {
			good[n].to = r.good
		} else {
			good = append(good, stretch{lsn, from, r.good})
		}
		next = lsn + 1
		return nil
	})
	return good, err
}

// copyTo writes a run to a file of its own. The salt stays, and with it the checksums.
func (r *reader) copyTo(path string, s stretch) error {
	var head [fileHeader]byte
	if s.to > 0 {
		if _, err := r.file.ReadAt(head[:], 0); err != nil {
			return err
		}
	} else {
		var salt [saltBytes]byte
		_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
		appendHeader(head[:0], salt)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(head[:])
	if err == nil {
		_, err = io.Copy(f, io.NewSectionReader(r.file, s.from, s.to-s.from))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// name gives runs of one segment their names.
func (r *repairer) name(runs []run) error {
	for _, own := range []bool{false, true} {
		for _, n := range runs {
			path := filepath.Join(r.dir, nameOf(n.first))
			if (path == n.origin) != own {
				continue
			}
			if err := os.Rename(n.path, path); err != nil {
				return err
			}
			r.step()
		}
		if err := syncDir(r.dir); err != nil {
			return err
		}
	}
	return nil
}

// finish ends a repair that a crash has ended before, or takes back what it had begun.
func (r *repairer) finish(d folder) error {
	of := map[string][]run{}
	for _, n := range d.runs {
		of[n.origin] = append(of[n.origin], n)
	}
	for origin, runs := range of {
		_, err := os.Lstat(origin)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("finish repair: %w", err)
		}
		if err != nil {
			if err := r.name(runs); err != nil {
				return fmt.Errorf("finish repair: %w", err)
			}
			continue
		}
		for _, n := range runs {
			if err := os.Remove(n.path); err != nil {
				return fmt.Errorf("take back repair: %w", err)
			}
			r.step()
		}
	}
	return nil
}

// finishRepairs is what Open does of a repair.
func finishRepairs(dir string, d folder) error { return (&repairer{dir, func() {}}).finish(d) }

// freeName returns path, or path.2, path.3… if there is something of that name.
func freeName(path string) (string, error) {
	name := path
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
		name = path + "." + strconv.Itoa(n)
	}
}
