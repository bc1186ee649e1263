package file

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"belfry/agent/input/file/ident"
	"belfry/shared/segment"
)

// Bounds of the state on disk.
const (
	segmentBytes = 4 << 20
	reserveBytes = 1 << 20 // taken on the disk ahead, so that reading goes on for a while when others have filled it
	slackBytes   = 4 << 20 // the log grows by so much, and by what all contents take, before it is written anew
	mayForget    = 24 * time.Hour
)

// store keeps the contents on disk: a log of records, each with a checksum, that begins with a snapshot of all.
type store struct {
	dir      string
	log      *segment.Log
	contents map[contentKey]*content
	numbers  []*content // by number
	last     uint32     // number that was given last
	meta     meta
	bytes    int64 // appended since the snapshot
	snapshot int64 // of the snapshot
	fault    error // of the last write; nothing can be kept until it is repaired
	remember time.Duration
	held     func() func(*content) bool // makes what tells whether a content is in some file, whole or in part
	forgot   func(*content)             // is told of each content that is forgotten
	old      bool                       // records of an older version were read: the next sync writes all anew
}

// meta is what is known of the whole.
type meta struct {
	Look  int64  `json:"look"`            // of the last complete look, in seconds since 1970
	First int64  `json:"first,omitempty"` // of the first one
	Boot  string `json:"boot,omitempty"`  // the kernel's id of the present start of the machine
	Boots uint32 `json:"boots,omitempty"` // starts of the machine behind which the state may be older than the files, or newer
	Clean bool   `json:"clean,omitempty"` // the agent has stopped in order
}

// record is one entry of the log. Besides the version one of its fields is set.
type record struct {
	Version int      `json:"v"`
	Content *content `json:"content,omitempty"`
	Names   [][]byte `json:"names,omitempty"` // path and stem of the content, where JSON has no string for them
	Change  *change  `json:"change,omitempty"`
	Meta    *meta    `json:"meta,omitempty"`
}

// change is what became of a content since its record: what is not set stays as it is.
type change struct {
	Number  uint32       `json:"n"`
	Head    []ident.Rung `json:"head,omitempty"`
	Marks   []ident.Mark `json:"marks,omitempty"`
	Top     uint64       `json:"top,omitempty"`
	Foot    foot         `json:"foot,omitzero"`
	Taken   uint64       `json:"taken,omitempty"`
	Cursor  uint64       `json:"cursor,omitempty"`
	Indexed uint64       `json:"indexed,omitempty"`
}

// stateVersion is the version of the records; a later one is refused, for to guess at it could read all files again.
const stateVersion = 2

func openStore(dir string, log *slog.Logger) (*store, error) {
	s := &store{dir: dir, contents: make(map[contentKey]*content)}
	s.held = func() func(*content) bool { return func(*content) bool { return false } }
	s.forgot = func(*content) {}
	l, err := s.open()
	if err != nil {
		return nil, err
	}
	s.log = l
	if err := l.Read(0, s.replay); err != nil {
		return nil, fmt.Errorf("read file state %s: %w", dir, err)
	}
	for _, d := range l.Damage() {
		log.Warn("a part of the file state is damaged, what it said is lost", "file", d.File, "byte", d.Offset, "bytes", d.Bytes)
	}
	s.renumber()
	s.bytes = l.Bytes()
	log.Info("file state read", "contents", len(s.contents), "bytes", s.bytes)
	return s, nil
}

func (s *store) open() (*segment.Log, error) {
	l, err := segment.Open(s.dir, segment.Config{MaxBytes: segmentBytes, Reserve: reserveBytes})
	if err != nil {
		return nil, fmt.Errorf("open file state: %w", err)
	}
	return l, nil
}

func (s *store) replay(lsn uint64, rec []byte) error {
	var r record
	var v struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(rec, &v); err != nil {
		return fmt.Errorf("record %d: %w", lsn, err)
	}
	if err := knownVersion(lsn, v.Version); err != nil {
		return err
	}
	read := json.Unmarshal
	if v.Version < stateVersion {
		read, s.old = readVersion1, true
	}
	if err := read(rec, &r); err != nil {
		return fmt.Errorf("record %d: %w", lsn, err)
	}
	if r.Content != nil {
		if len(r.Names) == 2 {
			r.Content.Path, r.Content.Stem = string(r.Names[0]), string(r.Names[1])
		}
		s.know(r.Content)
	}
	if r.Change != nil {
		s.apply(r.Change)
	}
	if r.Meta != nil {
		s.meta = *r.Meta
	}
	return nil
}

// know takes a content in, in place of an older record of it.
func (s *store) know(c *content) {
	if old := s.contents[c.key()]; old != nil && old != c {
		s.number(old.Number, nil)
		if c.Number == 0 {
			c.Number = old.Number
		}
	}
	if c.Number == 0 {
		c.Number = s.last + 1
	}
	s.last = max(s.last, c.Number)
	s.contents[c.key()] = c
	s.number(c.Number, c)
}

// renumber gives low numbers again when most contents that had them are forgotten, in the order in which they were begun. All is
// written anew then.
func (s *store) renumber() {
	if int(s.last) < 1000+4*len(s.contents) {
		return
	}
	all := s.numbers
	s.numbers, s.last, s.old = nil, 0, true
	for _, c := range all {
		if c != nil {
			s.last++
			c.Number = s.last
			s.number(c.Number, c)
		}
	}
}

// number lets a content be found by its number.
func (s *store) number(n uint32, c *content) {
	for int(n) >= len(s.numbers) {
		s.numbers = append(s.numbers, nil)
	}
	s.numbers[n] = c
}

func (s *store) apply(ch *change) {
	if int(ch.Number) >= len(s.numbers) || s.numbers[ch.Number] == nil {
		return // its record was in a part that is damaged
	}
	c := s.numbers[ch.Number]
	c.Cursor, c.Indexed = max(c.Cursor, ch.Cursor), max(c.Indexed, ch.Indexed)
	if len(ch.Head) > len(c.Head) {
		c.Head = ch.Head
	}
	for _, m := range ch.Marks {
		c.Note(m)
	}
	c.Top, c.Taken = max(c.Top, ch.Top), max(c.Taken, ch.Taken)
	if ch.Foot.Off > 0 {
		c.Foot = ch.Foot
	}
}

// put writes a content's record. It reaches the disk with the next sync, and the kernel with the next flush.
func (s *store) put(c *content) error {
	s.know(c)
	r := record{Version: stateVersion, Content: c}
	if !utf8.ValidString(c.Path) || !utf8.ValidString(c.Stem) {
		r.Names = [][]byte{[]byte(c.Path), []byte(c.Stem)}
	}
	return s.append(r)
}

// note writes what changed of a content.
func (s *store) note(ch *change) error { return s.append(record{Version: stateVersion, Change: ch}) }

// forget drops a content for good.
func (s *store) forget(c *content) {
	delete(s.contents, c.key())
	s.number(c.Number, nil)
	s.forgot(c)
}

// mark writes what is known of the whole.
func (s *store) mark() error { return s.append(record{Version: stateVersion, Meta: &s.meta}) }

func (s *store) append(r record) error {
	if s.fault != nil {
		return s.fault
	}
	rec, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write file state: %w", err)
	}
	s.bytes += int64(len(rec))
	_, err = s.log.Append(rec)
	return s.keep(err)
}

// keep remembers the first error of a write: what is on the disk is unknown from then on, until repair.
func (s *store) keep(err error) error {
	if err != nil && s.fault == nil {
		s.fault = fmt.Errorf("write file state: %w", err)
	}
	return s.fault
}

// flush brings all records to the kernel: they survive the end of this process.
func (s *store) flush() error {
	if s.fault != nil {
		return s.fault
	}
	return s.keep(s.log.Flush())
}

// sync brings all records to the disk, and writes the log anew when it has grown.
func (s *store) sync(now time.Time) error {
	if err := s.compact(now); err != nil {
		return err
	}
	return s.keep(s.log.Sync())
}

// syncBeside is sync, but for what takes long: that the caller runs beside everything else. Its error is for keep.
func (s *store) syncBeside(now time.Time) (func() error, error) {
	if err := s.compact(now); err != nil {
		return nil, err
	}
	work, err := s.log.SyncBeside()
	return work, s.keep(err)
}

// compact writes the log anew when it has grown.
func (s *store) compact(now time.Time) error {
	if s.fault != nil {
		return s.fault
	}
	if s.old || s.bytes > slackBytes+3*s.snapshot {
		s.old = false
		return s.keep(s.rewrite(now))
	}
	return nil
}

// rewrite puts a snapshot behind the log, and cuts off what was before it.
func (s *store) rewrite(now time.Time) error {
	begin := s.log.Next()
	s.bytes = 0
	if err := s.mark(); err != nil {
		return err
	}
	held := s.held()
	for _, c := range s.contents {
		switch {
		case !c.Ended || held == nil:
		case held(c):
			c.Seen = now.Unix()
		case now.Sub(time.Unix(c.Seen, 0)) > max(s.remember, mayForget):
			s.forget(c)
			continue
		}
		if err := s.put(c); err != nil {
			return err
		}
	}
	s.snapshot = s.bytes
	if err := s.log.Sync(); err != nil {
		return err
	}
	return s.log.TruncateBefore(begin)
}

// repair opens the log again behind an error, and writes all that is known: memory knows more than the disk.
func (s *store) repair(now time.Time) error {
	_ = s.log.Close() // it failed already
	l, err := s.open()
	if err != nil {
		return err
	}
	s.log, s.fault = l, nil
	return s.keep(s.rewrite(now))
}

func (s *store) close() error {
	err := s.log.Close()
	if s.fault != nil {
		return s.fault
	}
	return err
}
