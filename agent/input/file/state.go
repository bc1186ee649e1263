package file

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"belfry/shared/event"
	"belfry/shared/segment"
)

// content is one run of bytes with an identity, as it is kept on disk.
type content struct {
	Stream event.Key `json:"stream"`
	Epoch  uint64    `json:"epoch"`
	Path   string    `json:"path"`           // its last name
	Stem   string    `json:"stem"`           // the live name that it had, or would have
	File   Handle    `json:"file"`           // the file that holds it, or held it last
	Class  string    `json:"class"`          // of its input when it began
	Cursor uint64    `json:"cursor"`         // all before it is confirmed
	Ended  bool      `json:"ended"`          // its end was reached and confirmed
	Days   []step    `json:"days"`           // where the day of reading changed, oldest first
	Copy   bool      `json:"copy,omitempty"` // not a content: a file that is left alone until it changes
	Of     event.Key `json:"of,omitzero"`    // the stream that it repeats, with OfEpoch
	OfEp   uint64    `json:"of_epoch,omitempty"`
	Length uint64    `json:"length,omitempty"` // of the copy when it was judged: bytes of content, decompressed
	Size   uint64    `json:"size,omitempty"`   // of the copy when it was judged: bytes of the file, with Mtime
	Mtime  int64     `json:"mtime,omitempty"`
	Seen   int64     `json:"seen"` // when it was last looked at, in seconds since 1970
	Evidence

	Indexed uint64 `json:"indexed,omitempty"` // the index has all before it

	acked   ranges // confirmed ahead of the cursor, since this process began
	indexed ranges // likewise, ahead of Indexed
	told    uint64 // the end that the last heartbeat has named, since this process began
}

// step says which day the events from an offset on belong to.
type step struct {
	From uint64 `json:"from"`
	Day  string `json:"day"`
}

// day returns the day of an offset.
func (c *content) day(offset uint64) string {
	for _, s := range slices.Backward(c.Days) {
		if s.From <= offset {
			return s.Day
		}
	}
	return time.Unix(0, 0).UTC().Format(time.DateOnly)
}

type contentKey struct {
	stream event.Key
	epoch  uint64
}

func (c *content) key() contentKey { return contentKey{c.Stream, c.Epoch} }

// maxRecords is how long the log of changes grows before it is written anew from what is known.
const maxRecords = 50_000

// forgetAfter is how long an ended content is remembered: its archives may lie there as long.
const forgetAfter = 400 * 24 * time.Hour

// store keeps the contents on disk: a log of records, the last of one content counts.
type store struct {
	log      *segment.Log
	contents map[contentKey]*content
	lastLook int64 // seconds since 1970 of the last complete look before this start
	records  int
}

// record is one entry of the log. One of its fields is set.
type record struct {
	Version int      `json:"v"`
	Content *content `json:"content,omitempty"`
	Look    int64    `json:"look,omitempty"`
}

// stateVersion is the version of the records; a later one is refused, for to guess at it could read all files again.
const stateVersion = 1

func openStore(dir string, log *slog.Logger) (*store, error) {
	l, err := segment.Open(dir, segment.Config{MaxBytes: 8 << 20})
	if err != nil {
		return nil, fmt.Errorf("open file state: %w", err)
	}
	s := &store{log: l, contents: make(map[contentKey]*content)}
	if err := l.Read(0, s.replay); err != nil {
		return nil, fmt.Errorf("read file state %s: %w", dir, err)
	}
	log.Info("file state read", "contents", len(s.contents), "records", s.records)
	return s, nil
}

func (s *store) replay(lsn uint64, rec []byte) error {
	var r record
	if err := json.Unmarshal(rec, &r); err != nil {
		return fmt.Errorf("record %d: %w", lsn, err)
	}
	if r.Version > stateVersion {
		return fmt.Errorf("record %d has version %d, this program knows %d", lsn, r.Version, stateVersion)
	}
	if r.Content != nil {
		s.contents[r.Content.key()] = r.Content
	}
	s.lastLook = max(s.lastLook, r.Look)
	s.records++
	return nil
}

// put writes a content's record. It reaches the disk with the next sync, and the kernel with the next flush.
func (s *store) put(c *content) error {
	s.contents[c.key()] = c
	return s.append(record{Version: stateVersion, Content: c})
}

// look notes that everything was looked at.
func (s *store) look(now time.Time) error {
	return s.append(record{Version: stateVersion, Look: now.Unix()})
}

func (s *store) append(r record) error {
	rec, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write file state: %w", err)
	}
	if _, err := s.log.Append(rec); err != nil {
		return fmt.Errorf("write file state: %w", err)
	}
	s.records++
	return nil
}

// flush brings all records to the kernel: they survive the end of this process.
func (s *store) flush() error {
	if err := s.log.Flush(); err != nil {
		return fmt.Errorf("write file state: %w", err)
	}
	return nil
}

// sync brings all records to the disk, and writes the log anew when it has grown.
func (s *store) sync(now time.Time) error {
	if s.records > maxRecords && s.records > 4*len(s.contents) {
		if err := s.rewrite(now); err != nil {
			return err
		}
	}
	if err := s.log.Sync(); err != nil {
		return fmt.Errorf("sync file state: %w", err)
	}
	return nil
}

func (s *store) rewrite(now time.Time) error {
	begin := s.log.Next()
	s.records = 0
	for k, c := range s.contents {
		if c.Ended && now.Sub(time.Unix(c.Seen, 0)) > forgetAfter {
			delete(s.contents, k)
			continue
		}
		if err := s.put(c); err != nil {
			return err
		}
	}
	if err := s.look(now); err != nil {
		return err
	}
	if err := s.log.Sync(); err != nil {
		return fmt.Errorf("sync file state: %w", err)
	}
	return s.log.TruncateBefore(begin)
}

func (s *store) close() error { return s.log.Close() }
