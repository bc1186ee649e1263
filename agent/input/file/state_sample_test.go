package file

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"belfry/shared/segment"
)

// sampleDir is where the logs of the samples lay when they were made. In both, app.log had 100 lines, became app.log.1 and
// app.log.2.gz; the next 200 lines lie in app.log.1, and 100 more in app.log. All was sent and confirmed.
const sampleDir = "/tmp/belfry-sample/log"

// records reads a log of records.
func records(t *testing.T, dir string) (all [][]byte) {
	t.Helper()
	l, err := segment.Open(dir, segment.Config{})
	must(t, err)
	must(t, l.Read(0, func(_ uint64, rec []byte) error {
		all = append(all, slices.Clone(rec))
		return nil
	}))
	must(t, l.Close())
	return all
}

// sampled copies a sample: its logs into a folder of their own, and the state of an agent that had followed them there.
func sampled(t *testing.T, sample string) (log, state string, cfg Config) {
	t.Helper()
	log, state, cfg = host(t)
	dir := filepath.Dir(log)
	scratch := t.TempDir()
	must(t, os.CopyFS(scratch, os.DirFS(filepath.Join("testdata", sample))))
	old := records(t, scratch)
	handles := make(map[uint64]Handle) // by the inode that the file had
	logs, err := filepath.Glob(filepath.Join(scratch, "app.log*"))
	must(t, err)
	for _, path := range logs {
		name := filepath.Base(path)
		rename(t, path, filepath.Join(dir, name))
		inode, mtime := lastOf(t, old, sampleDir+"/"+name)
		must(t, os.Chtimes(filepath.Join(dir, name), mtime, mtime))
		st, err := statPath(filepath.Join(dir, name))
		must(t, err)
		handles[inode] = st.handle
	}
	l, err := segment.Open(state, segment.Config{})
	must(t, err)
	for _, rec := range old {
		_, err := l.Append(moved(t, bytes.ReplaceAll(rec, []byte(sampleDir), []byte(dir)), handles))
		must(t, err)
	}
	must(t, l.Sync())
	must(t, l.Close())
	return filepath.Join(dir, "app.log"), state, cfg
}

// lastOf returns the inode that lay under a name, and its time of change, by the last record that says so.
func lastOf(t *testing.T, recs [][]byte, path string) (inode uint64, mtime time.Time) {
	t.Helper()
	mtime = time.Now().Add(-time.Hour)
	for _, rec := range recs {
		var r struct {
			Content *struct {
				Path  string
				File  struct{ Ino uint64 }
				Mtime int64
			}
		}
		must(t, json.Unmarshal(rec, &r))
		if r.Content != nil && r.Content.Path == path {
			inode = r.Content.File.Ino
			if r.Content.Mtime != 0 {
				mtime = time.Unix(0, r.Content.Mtime)
			}
		}
	}
	return inode, mtime
}

// moved puts the handles that files have now into a record.
func moved(t *testing.T, rec []byte, handles map[uint64]Handle) []byte {
	t.Helper()
	var r map[string]json.RawMessage
	must(t, json.Unmarshal(rec, &r))
	if r["content"] == nil {
		return rec
	}
	var c map[string]json.RawMessage
	must(t, json.Unmarshal(r["content"], &c))
	var h Handle
	must(t, json.Unmarshal(c["file"], &h))
	delete(c, "handle") // the kernel of another machine gave it
	if now, ok := handles[h.Inode]; ok {
		h = now
	}
	var err error
	c["file"], err = json.Marshal(h)
	must(t, err)
	r["content"], err = json.Marshal(c)
	must(t, err)
	rec, err = json.Marshal(r)
	must(t, err)
	return rec
}

// The state of an older program is gone on with: nothing is sent again, nothing is passed over.
func TestStateOfOlderVersions(t *testing.T) {
	t.Parallel()
	f := func(sample, glob string) {
		t.Run(sample+glob, func(t *testing.T) {
			t.Parallel()
			log, state, cfg := sampled(t, sample)
			cfg.Paths = []string{log + glob}
			write(t, log, text(numbered(400, 410)))
			r := newReceiver(t)
			stop := r.start(state, cfg)
			r.stays(numbered(400, 410)...)
			stop()
			rename(t, log+".1", log+".3")
			gzipFile(t, log+".3")
			rename(t, log, log+".1")
			write(t, log, text(numbered(410, 420)))
			stop = r.start(state, cfg)
			r.stays(numbered(400, 420)...)
			stop()
			if r.sent() != 20 {
				t.Errorf("%d lines were sent for 20", r.sent())
			}
			if d := r.in.Doubts(); len(d) > 0 {
				t.Errorf("in doubt: %+v", d)
			}
		})
	}
	f("state-v1", "")
	f("state-v1", "*")
	f("state-v2", "")
	f("state-v2", "*")
}

// What the sample of version 2 says is read as it was meant.
func TestReadStateVersion2(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "state-v2"))))
	s, err := openStore(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	defer func() { must(t, s.close()) }()
	if m := s.meta; m.Look != 1795862743 || m.First != 1795862724 || m.Boot != "6486042a-2736-4fca-a2a9-d06951aec5b8" || m.Boots != 0 || !m.Clean {
		t.Errorf("%+v", m)
	}
	f := func(n uint32, name string, cursor uint64, ended bool, rungs int, verdicts ...string) {
		t.Helper()
		c := s.numbers[n]
		if c == nil || s.contents[c.key()] != c {
			t.Errorf("there is no content %d", n)
			return
		}
		var got []string
		for _, r := range c.History {
			got = append(got, r.Verdict)
		}
		m := c.Marks[len(c.Marks)-1]
		if c.Path != sampleDir+"/"+name || c.Stem != sampleDir+"/app.log" || c.Cursor != cursor || c.Top != cursor || c.Ended != ended ||
			c.Class != "default" || len(c.Head) != rungs || m.Off != cursor || m.End == 0 || c.Foot.Off != cursor || c.File.Birth == 0 ||
			len(c.Reopen) != 16 || c.day(0) != "2026-11-28" || !slices.Equal(got, verdicts) {
			t.Errorf("content %d: %+v", n, c)
		}
	}
	f(1, "app.log.2.gz", 2200, true, 3, "new", "continue", "move")
	f(2, "app.log.1", 4400, false, 4, "new", "continue")
	f(3, "app.log", 2200, false, 3, "new", "continue")
	if len(s.contents) != 3 || s.last != 3 {
		t.Errorf("%d contents, the last is %d", len(s.contents), s.last)
	}
}

// Of version 1 each content, its evidence and the copies are there.
func TestReadStateVersion1(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "state-v1"))))
	s, err := openStore(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	defer func() { must(t, s.close()) }()
	if s.meta.Look != 1795862532 || s.meta.First == 0 || !s.old || len(s.contents) != 4 || s.last != 4 {
		t.Errorf("%+v, old %v, %d contents, %d numbers", s.meta, s.old, len(s.contents), s.last)
	}
	copies := 0
	for _, c := range s.contents {
		switch {
		case c.Copy:
			copies++
			if s.contents[contentKey{c.Of, c.OfEp}] == nil || c.Length != 2200 || c.Size != 251 || c.Mtime == 0 {
				t.Errorf("copy: %+v", c)
			}
		case len(c.Head) != 1 || len(c.Marks) != 1 || c.Marks[0].Off != c.Top || c.Top != c.Cursor || c.Top == 0:
			t.Errorf("%+v", c)
		}
	}
	if copies != 1 {
		t.Errorf("%d copies", copies)
	}
}
