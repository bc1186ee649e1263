package file

import (
	"errors"
	"fmt"
	"io"
	"time"

	"belfry/agent/input/file/archive"
)

// pointEvery is how many bytes of content lie between two places at which reading an archive can be taken up again.
const pointEvery = 16 << 20

// packed reads the content of an archive.
type packed struct{ r *archive.Reader }

// next fills the buffer as far as it can: a stream of small pieces would make small turns.
func (p *packed) next(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = p.r.Read(buf[n:])
		n += m
	}
	if errors.Is(err, archive.ErrShort) { // it was confirmed from a longer file than this copy of it
		err = io.EOF
	}
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil // the next call says so again
	}
	return n, err
}

func (p *packed) close() error { return p.r.Close() }

// pointKey names the points of one content's archive.
func pointKey(c *content) string { return fmt.Sprintf("%s-%x", c.Stream, c.Epoch) }

// openArchive takes up reading at an offset of the content, from the last point before it if there is one.
func (in *Input) openArchive(f *follower, at uint64) (source, time.Time, error) {
	st, err := statFile(f.file)
	if err != nil {
		return nil, time.Time{}, err
	}
	key := pointKey(f.content)
	var r *archive.Reader
	if p, ok := in.points.Before(key, at); ok {
		if r, err = archive.Resume(f.file, int64(st.size), p, at); err != nil {
			in.log.Info("archive is read from its beginning", "path", f.path, "err", err)
			r = nil
		}
	}
	if r == nil {
		if r, err = archive.Open(f.file, int64(st.size), f.kind); err != nil {
			return nil, time.Time{}, err
		}
		r.Skip(at)
	}
	r.EachPoint(pointEvery, func(p archive.Point) {
		if err := in.points.Save(key, p); err != nil {
			in.log.Debug("point of an archive is not kept", "path", f.path, "err", err)
		}
	})
	return &packed{r}, r.ModTime(), nil
}

// sweepPoints forgets the points of archives that were read to their end.
func (in *Input) sweepPoints() error {
	used := make(map[string]bool)
	for _, c := range in.store.contents {
		if !c.Ended && !c.Copy {
			used[pointKey(c)] = true
		}
	}
	return in.points.Sweep(func(key string) bool { return used[key] })
}
