package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/glob"
	"belfry/shared/batch"
)

// seekLoose deals with contents whose file has no name any more that is looked at: the kernel may find the file, a sibling
// may have the bytes. What nobody has after a while is declared.
func (in *Input) seekLoose(worst outcome) {
	in.seeking = false
	for _, c := range in.store.contents {
		if c.Copy || c.Ended || in.absent[c] {
			continue
		}
		if !in.isGone(c) {
			c.gone, c.dead = 0, false
			continue
		}
		in.seeking = true
		if c.gone == 0 { // it is not sought by its handle yet
			in.shaken = true
			continue
		}
		if in.now().Sub(c.gone.time()) >= in.pace.orphan && !in.awaited(c, worst) {
			in.declare(c)
		}
	}
}

// reopenGone finds files by their handles whose names are gone, before others are taken for their continuation.
func (in *Input) reopenGone() {
	for _, c := range in.store.contents {
		if !in.room() {
			return // the next look goes on
		}
		if !c.Copy && !c.Ended && c.gone == 0 && in.isGone(c) {
			c.gone = at(in.now())
			in.shaken = true
			in.reopen(c)
		}
	}
}

// awaited reports whether a file that is not judged yet may have the content's tail.
func (in *Input) awaited(c *content, worst outcome) bool {
	if worst < waits {
		return false
	}
	for _, e := range in.present {
		if e.settled || !e.sibling {
			continue
		}
		own, _ := rotatedFrom(e.path)
		if b := filepath.Base(own); b == c.bases[0] || b == c.bases[1] || filepath.Base(e.live) == c.bases[0] || e.packs(c.Stem) {
			return true
		}
	}
	return false
}

// reopen finds the file of a content by its handle: it was renamed out of sight, or is deleted and still open somewhere.
func (in *Input) reopen(c *content) bool {
	if c.dead || c.cut || in.handles[c.File] != c {
		return false
	}
	file, st, err := in.byHandle(c)
	if err != nil {
		return false
	}
	path := c.Path
	if now, err := os.Readlink("/proc/self/fd/" + fdName(file)); err == nil && st.links > 0 {
		path = now
	}
	in.log.Info("file is found again by its handle", "was", c.Path, "path", path, "links", st.links)
	return in.adopt(c, path, file, st)
}

// errNoHandle says that nothing is known by which the kernel would find a file.
var errNoHandle = errors.New("the file has no handle")

// byHandle opens the file of a content, whatever its name is now.
func (in *Input) byHandle(c *content) (*os.File, stat, error) {
	if len(c.Reopen) == 0 {
		return nil, stat{}, errNoHandle
	}
	mount, err := os.Open(nearest(filepath.Dir(c.Path)))
	if err != nil {
		return nil, stat{}, err
	}
	defer mount.Close()
	file, err := glob.OpenByHandle(mount, c.Reopen)
	if err != nil {
		c.dead = errors.Is(err, glob.ErrGone)
		in.noReopen(err)
		return nil, stat{}, err
	}
	st, err := statFile(file)
	if err == nil && st.handle.Inode != c.File.Inode {
		err = glob.ErrGone
	}
	if err != nil {
		return nil, stat{}, errors.Join(err, file.Close())
	}
	return file, st, nil
}

// adopt follows a content in a file that no look has found.
func (in *Input) adopt(c *content, path string, file *os.File, st stat) bool {
	cfg := in.configOf(c)
	if cfg == nil {
		_ = file.Close() // it is no business of this agent any more
		return false
	}
	like, err := c.Like(file, st.size)
	kind := archive.KindOfFile(path, file)
	if kind == archive.Plain && (err != nil || c.Top > 0 && (!like.Equal || st.size < c.Top)) {
		_ = file.Close() // its bytes are others: they belong to nobody
		c.dead = true
		return false
	}
	sibling := path != c.Stem
	e := &entry{path: path, live: c.Stem, cfg: cfg, kind: kind, sibling: sibling, stat: st, still: at(in.now())}
	found := &candidate{entry: e, file: file, reopen: c.Reopen}
	name := c.Path
	if err := in.follow(c, found); err != nil {
		in.problem("file cannot be read", path, err)
		return false
	}
	if st.links == 0 {
		c.Path = name
	}
	return in.open[st.handle] != nil
}

// nearest returns the folder, or the nearest one above it that is there: it is on the same file system, most likely.
func nearest(dir string) string {
	for dir != "/" {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// declare says what of a content will never come, and that it ends.
func (in *Input) declare(c *content) {
	if c.reader != nil { // the last line had no end; nobody can lengthen it now
		in.pledge(func(ctx context.Context) error { return in.handOnRest(ctx, c) })
		return
	}
	from, to := c.next(), c.reach()
	if c.Bound > 0 {
		to = min(to, max(c.Bound, from))
	}
	if from < to {
		in.giveUp(c, batch.Dropped, "its file is gone, and no other has these bytes")
		return
	}
	if c.Cursor >= to {
		c.Coarsen() // if it has a copy, that has a mark of its own
		c.Ended = true
		in.moved[c] = true
	}
	if !c.closing {
		c.closing = true
		in.pledge(func(ctx context.Context) error { return in.finish(ctx, c.place(to), to) })
	}
}

// handOnRest sends what was read of a last line and had no end.
func (in *Input) handOnRest(ctx context.Context, c *content) error {
	cfg := in.configOf(c)
	reader := c.reader
	c.reader = nil
	if reader == nil || cfg == nil || !in.isGone(c) {
		return nil
	}
	f := &follower{content: c, cfg: cfg, path: c.Path, lines: reader, in: in, ctx: ctx, now: in.now()}
	f.enc = newEncoder(in.src, cfg, c, c.Stem, zeroTime)
	f.enc.buf = &in.encoded
	if err := reader.End(f); err != nil {
		return err
	}
	c.handed = max(c.handed, reader.Begin())
	return nil
}

// giveUp says of what was not handed on that no event of it will come, and ends the content. It may be found yet.
func (in *Input) giveUp(c *content, kind batch.Kind, why string) {
	from, to := c.next(), c.reach()
	if kind == batch.Skipped {
		from = c.Cursor // all of it is sent again
	}
	c.Ended, in.moved[c] = true, true
	if from >= to {
		in.pledge(func(ctx context.Context) error { return in.finish(ctx, c.place(to), to) })
		return
	}
	c.Lost = &lost{From: from, To: to, Kind: kind, Why: why}
	if kind == batch.Dropped {
		in.droppedBytes.AddInt64(int64(to - from))
		in.log.Warn("a part of a file is lost", "path", c.Path, "stream", c.Stream.String(), "epoch", c.Epoch,
			"from", from, "to", to, "bytes", to-from, "why", why)
		in.ruledLost(c, why, to-from)
	}
	in.pledge(func(ctx context.Context) error { return in.tellLost(ctx, c) })
}

func (in *Input) ruledLost(c *content, why string, n uint64) {
	c.rule(Ruling{in.now().Unix(), "lost", fmt.Sprintf("%d bytes: %s", n, why), c.Path, c.reach()})
}

// tellLost sends the declaration. It is sent again after a restart, until it was confirmed.
func (in *Input) tellLost(ctx context.Context, c *content) error {
	l := c.Lost
	if l == nil || l.Told {
		return nil
	}
	if err := in.pass(ctx, c.place(l.From), l.Kind, l.From, l.To); err != nil {
		return err
	}
	return in.finish(ctx, c.place(l.To), l.To)
}

// tellAgain repeats what was declared and not confirmed when the process before this one ended. What was on its way then is
// lost as well.
func (in *Input) tellAgain() {
	for _, c := range in.store.contents {
		in.tellBegan(c)
		if c.Lost == nil || c.Copy || c.Lost.Told && c.Cursor >= c.Lost.From {
			continue
		}
		c.Lost.From, c.Lost.Told = min(c.Lost.From, c.Cursor), false
		in.pledge(func(ctx context.Context) error { return in.tellLost(ctx, c) })
	}
}

// tellBegan says that what is before the beginning of a content is no part of it.
func (in *Input) tellBegan(c *content) {
	if c.Began == 0 || c.BeganTold || c.began {
		return
	}
	c.began = true
	in.pledge(func(ctx context.Context) error {
		return in.pass(ctx, c.place(0), batch.Skipped, 0, c.Began)
	})
}

// pledge notes what is to be sent as soon as the road is free: looks must not wait for it.
func (in *Input) pledge(do func(ctx context.Context) error) {
	in.pledges = append(in.pledges, pledge{do, in.syncing.wanted})
}

// pledge is something to be sent, once what was begun before it is on the disk.
type pledge struct {
	do    func(context.Context) error
	needs uint64
}

// keepPledges sends what was noted.
func (in *Input) keepPledges(ctx context.Context) error {
	for len(in.pledges) > 0 && in.pledges[0].needs <= in.syncing.onDisk {
		do := in.pledges[0].do
		in.pledges = in.pledges[1:]
		in.renewTick(ctx)
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// configOf returns the input that a content's live name belongs to.
func (in *Input) configOf(c *content) *Config {
	for i := range in.cfgs {
		if in.cfgs[i].set.Match(c.Stem) {
			return &in.cfgs[i]
		}
	}
	if cfg := in.stems[c.Stem]; cfg != nil {
		return cfg
	}
	for i := range in.cfgs {
		if in.cfgs[i].set.Match(c.Path) {
			return &in.cfgs[i]
		}
	}
	return nil
}
