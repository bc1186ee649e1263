package segment

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// follow returns the numbers that a follower gives until there is nothing more, and checks their payloads.
func follow(t interface{ Fatalf(string, ...any) }, f *Follower) []uint64 {
	var got []uint64
	for {
		lsn, rec, ok, err := f.Next()
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if !ok {
			return got
		}
		if !bytes.Equal(rec, payload(lsn)) {
			t.Fatalf("record %d has another payload", lsn)
		}
		if f.At() != lsn+1 {
			t.Fatalf("At = %d behind record %d", f.At(), lsn)
		}
		got = append(got, lsn)
	}
}

func TestFollow(t *testing.T) {
	l := open(t, t.TempDir(), Config{MaxBytes: 1000})
	defer l.Close()
	all, late := l.Follow(0), l.Follow(25)
	defer all.Close()
	defer late.Close()
	for n := uint64(1); n < 60; n++ {
		if got := follow(t, all); len(got) != 0 {
			t.Fatalf("records %v before they were put", got)
		}
		if _, err := l.Append(payload(n)); err != nil {
			t.Fatal(err)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := follow(t, all); len(got) != 0 {
			t.Fatalf("records %v before they were synced", got)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		checkRun(t, follow(t, all), n, n+1)
	}
	checkRun(t, follow(t, late), 25, 60)
	checkRun(t, follow(t, l.Follow(60)), 60, 60)
	if len(l.segments) < 4 {
		t.Errorf("%d segments", len(l.segments))
	}
}

// A segment that is removed while it is read is read to its end, and what is gone is passed over.
func TestFollowBesideRelease(t *testing.T) {
	l := open(t, t.TempDir(), Config{MaxBytes: 1000})
	defer l.Close()
	f := l.Follow(1)
	defer f.Close()
	add(t, l, 60)
	if lsn, _, ok, err := f.Next(); lsn != 1 || !ok || err != nil {
		t.Fatal(lsn, ok, err)
	}
	end := l.segments[1].first // of the segment that f is in
	if err := l.Release(40); err != nil {
		t.Fatal(err)
	}
	got := follow(t, f)
	checkRun(t, got[:end-2], 2, end)
	checkRun(t, got[end-2:], l.First(), 61)
}

func TestFollowLargeRecord(t *testing.T) {
	l := open(t, t.TempDir(), Config{})
	defer l.Close()
	f := l.Follow(1)
	defer f.Close()
	large := bytes.Repeat([]byte("x"), 3*readBuffer)
	for _, rec := range [][]byte{[]byte("a"), large, []byte("b")} {
		if _, err := l.Append(rec); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		if _, got, ok, err := f.Next(); !bytes.Equal(got, rec) || !ok || err != nil {
			t.Fatalf("%d bytes, %v, %v", len(got), ok, err)
		}
	}
	if cap(f.buf) > 2*readBuffer {
		t.Errorf("keeps %d bytes", cap(f.buf))
	}
}

// spoil changes one byte of a file.
func spoil(t interface{ Fatalf(string, ...any) }, path string, at int64) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	b[at] ^= 0x40
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
}

// A follower finds the same records as Read, and the same damage, whatever byte is spoilt.
func TestFollowOverDamage(t *testing.T) {
	src := t.TempDir()
	l := open(t, src, Config{MaxBytes: 900})
	add(t, l, 12)
	l.Close()
	for _, path := range files(t, src) {
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < fi.Size(); at += 1 + at/40 {
			dir := filepath.Join(t.TempDir(), "log")
			if err := os.CopyFS(dir, os.DirFS(src)); err != nil {
				t.Fatal(err)
			}
			l := open(t, dir, Config{MaxBytes: 900}) // the damage comes while it is open
			spoil(t, filepath.Join(dir, filepath.Base(path)), at)
			f := l.Follow(1)
			got := follow(t, f)
			add(t, l, 3)
			got = append(got, follow(t, f)...)
			damage := l.Damage()
			if want := read(t, l, 0); !slices.Equal(got, want) {
				t.Fatalf("%s, byte %d: %v, want %v", path, at, got, want)
			}
			if n := len(damage); n < 1 || n > 2 || !slices.Equal(damage, l.Damage()) {
				t.Fatalf("%s, byte %d: damage %v, Read found %v", path, at, damage, l.Damage())
			}
			f.Close()
			l.Close()
		}
	}
}

// A file that somebody has cut below what was synced costs its rest, and the follower goes on behind.
func TestFollowCutFile(t *testing.T) {
	l := open(t, t.TempDir(), Config{})
	defer l.Close()
	add(t, l, 20)
	path := l.last().path
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, fi.Size()/2); err != nil {
		t.Fatal(err)
	}
	f := l.Follow(1)
	defer f.Close()
	got := follow(t, f)
	if n := len(l.Damage()); n != 1 || len(got) > 15 || f.At() != 21 {
		t.Errorf("%d records, %d places of damage, at %d", len(got), n, f.At())
	}
	if err := l.Roll(); err != nil {
		t.Fatal(err)
	}
	add(t, l, 1)
	checkRun(t, follow(t, f), 21, 22)
}

// TestFollowAll does anything with a log, and looks whether a follower gets what is on the disk, once, in order.
func TestFollowAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "segment")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		l, err := Open(dir, Config{MaxBytes: int64(rapid.IntRange(100, 3000).Draw(t, "max_bytes"))})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f := l.Follow(1)
		defer func() { f.Close() }()
		synced, seen := uint64(0), uint64(0)
		var beside func() error
		besideTo := uint64(0)
		no := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 9).Draw(t, "n") {
					_, err := l.Append(payload(l.Next()))
					no(err)
				}
			},
			"sync": func(*rapid.T) { no(l.Sync()); synced = l.Next() - 1 },
			"roll": func(*rapid.T) { no(l.Roll()); synced = l.Next() - 1 },
			"begin sync": func(*rapid.T) {
				var err error
				beside, err = l.SyncBeside()
				no(err)
				besideTo = l.Next() - 1
			},
			"end sync": func(*rapid.T) {
				if beside != nil {
					no(beside())
					synced = max(synced, besideTo)
				}
			},
			"release": func(*rapid.T) { no(l.Release(seen + 1)) },
			"empty": func(*rapid.T) {
				if seen == l.Next()-1 {
					no(l.TruncateBefore(l.Next()))
				}
			},
			"again": func(*rapid.T) { f.Close(); f = l.Follow(seen + 1) },
			"follow": func(t *rapid.T) {
				for _, lsn := range follow(t, f) {
					if lsn != seen+1 {
						t.Fatalf("record %d behind %d", lsn, seen)
					}
					seen = lsn
				}
				if seen < synced || seen >= l.Next() { // a segment that has ended was synced
					t.Fatalf("at %d, %d are synced", seen, synced)
				}
			},
		})
	})
}

func BenchmarkFollow(b *testing.B) {
	l := open(b, b.TempDir(), Config{})
	defer l.Close()
	rec := make([]byte, 200)
	const n = 200_000
	for range n {
		if _, err := l.Append(rec); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Sync(); err != nil {
		b.Fatal(err)
	}
	f := l.Follow(1)
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok, err := f.Next(); !ok || err != nil {
			if err != nil {
				b.Fatal(err)
			}
			f.Close()
			f = l.Follow(1)
		}
	}
	f.Close()
}
