package segment

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// TestCrash appends, syncs, cuts the log and loses the end of the last file, in any order.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "segment")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		cfg := Config{MaxBytes: int64(rapid.IntRange(100, 3000).Draw(t, "max_bytes"))}
		m := &machine{t: t, dir: dir, cfg: cfg, given: map[uint64]bool{}}
		m.open()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append,
			"sync":   m.sync,
			"cut":    m.cut,
			"crash":  m.crash,
			"":       m.check,
		})
		m.l.Close()
	})
}

type machine struct {
	t      *rapid.T
	dir    string
	cfg    Config
	l      *Log
	live   []uint64 // appended and not cut
	synced int      // so many of them are on disk
	given  map[uint64]bool
}

func (m *machine) open() {
	l, err := Open(m.dir, m.cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	m.l = l
}

func (m *machine) append(*rapid.T) {
	lsn, err := m.l.Append(payload(m.l.Next()))
	if err != nil || m.given[lsn] {
		m.t.Fatalf("Append = %d, %v; given before: %v", lsn, err, m.given[lsn])
	}
	m.given[lsn] = true
	m.live = append(m.live, lsn)
}

func (m *machine) sync(*rapid.T) {
	if err := m.l.Sync(); err != nil {
		m.t.Fatal(err)
	}
	m.synced = len(m.live)
}

func (m *machine) cut(t *rapid.T) {
	m.sync(t)
	before := rapid.Uint64Range(0, m.l.Next()+2).Draw(t, "before")
	if err := m.l.TruncateBefore(before); err != nil {
		t.Fatal(err)
	}
	kept := m.numbers()
	for _, lsn := range m.live {
		if lsn >= before && (len(kept) == 0 || kept[0] > lsn) {
			t.Fatalf("record %d is gone after a cut before %d", lsn, before)
		}
	}
	m.live, m.synced = kept, len(kept)
}

// crash drops what was not written, and any part of what was written and not synced.
func (m *machine) crash(t *rapid.T) {
	last := m.l.segments[len(m.l.segments)-1]
	safe := last.end
	if rapid.Bool().Draw(t, "written") {
		if err := m.l.flush(); err != nil {
			t.Fatal(err)
		}
	}
	m.l.file.Close()
	fi, err := os.Stat(last.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(last.path, rapid.Int64Range(safe, fi.Size()).Draw(t, "size")); err != nil {
		t.Fatal(err)
	}
	m.open()
	got := m.numbers()
	if len(got) < min(m.synced, len(m.live)) || len(got) > len(m.live) {
		t.Fatalf("%d records after a crash, want %d to %d", len(got), m.synced, len(m.live))
	}
	for i, lsn := range got {
		if lsn != m.live[i] {
			t.Fatalf("record %d is %d after a crash, want %d", i, lsn, m.live[i])
		}
	}
	m.live, m.synced = got, len(got)
	for lsn := range m.given { // a number of which nothing is left may be given again
		if lsn >= m.l.Next() {
			delete(m.given, lsn)
		}
	}
}

func (m *machine) numbers() []uint64 {
	var got []uint64
	err := m.l.Read(0, func(lsn uint64, rec []byte) error {
		if !bytes.Equal(rec, payload(lsn)) {
			return fmt.Errorf("record %d has another payload", lsn)
		}
		got = append(got, lsn)
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return got
}

func (m *machine) check(*rapid.T) {
	if d := m.l.Damage(); len(d) > 0 && !d[0].Torn {
		m.t.Fatalf("damage %v that nobody did", d)
	}
	got := m.numbers()
	if len(got) < m.synced {
		m.t.Fatalf("%d records, %d are synced", len(got), m.synced)
	}
}
