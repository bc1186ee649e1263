package segment

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func open(t testing.TB, dir string, cfg Config) *Log {
	t.Helper()
	l, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func payload(lsn uint64) []byte {
	r := rand.New(rand.NewPCG(lsn, 7))
	b := make([]byte, r.IntN(300))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func add(t testing.TB, l *Log, n int) {
	t.Helper()
	for range n {
		want := l.Next()
		if lsn, err := l.Append(payload(want)); err != nil || lsn != want {
			t.Fatalf("Append = %d, %v; want %d", lsn, err, want)
		}
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
}

// read returns the numbers that Read gives, and checks that each has its own payload.
func read(t testing.TB, l *Log, from uint64) []uint64 {
	t.Helper()
	var got []uint64
	err := l.Read(from, func(lsn uint64, rec []byte) error {
		if !bytes.Equal(rec, payload(lsn)) {
			return fmt.Errorf("record %d has another payload", lsn)
		}
		got = append(got, lsn)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func checkRun(t testing.TB, got []uint64, first, end uint64) {
	t.Helper()
	if uint64(len(got)) != end-first {
		t.Fatalf("%d records, want [%d,%d)", len(got), first, end)
	}
	for i, lsn := range got {
		if lsn != first+uint64(i) {
			t.Fatalf("record %d is %d, want %d", i, lsn, first+uint64(i))
		}
	}
}

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{MaxBytes: 1000})
	if l.Next() != 1 {
		t.Fatalf("first lsn %d, want 1", l.Next())
	}
	add(t, l, 50)
	checkRun(t, read(t, l, 1), 1, 51)
	checkRun(t, read(t, l, 20), 20, 51)
	checkRun(t, read(t, l, 51), 51, 51)
	if len(l.segments) < 3 {
		t.Fatalf("%d segments, want several", len(l.segments))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, Config{MaxBytes: 1000})
	defer l.Close()
	add(t, l, 10)
	checkRun(t, read(t, l, 0), 1, 61)
	if d := l.Damage(); d != nil {
		t.Errorf("damage %v in a sound log", d)
	}
}

func TestReadSeesOnlyWhatIsSynced(t *testing.T) {
	l := open(t, t.TempDir(), Config{})
	defer l.Close()
	add(t, l, 2)
	if _, err := l.Append(make([]byte, 2*flushBytes)); err != nil {
		t.Fatal(err)
	}
	checkRun(t, read(t, l, 1), 1, 3)
}

func TestReadEndsWithTheErrorOfItsFunc(t *testing.T) {
	l := open(t, t.TempDir(), Config{})
	defer l.Close()
	add(t, l, 3)
	stop, n := errors.New("stop"), 0
	err := l.Read(2, func(lsn uint64, _ []byte) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("Read = %v after %d calls, want the error after one", err, n)
	}
}

func TestTruncate(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{MaxBytes: 2000})
	add(t, l, 60)
	if err := l.TruncateBefore(30); err != nil {
		t.Fatal(err)
	}
	got := read(t, l, 0)
	if got[0] == 1 || got[0] > 30 {
		t.Errorf("first record after the cut is %d, want one in (1,30]", got[0])
	}
	checkRun(t, got, got[0], 61)
	if l.First() != got[0] {
		t.Errorf("First = %d, the first record is %d", l.First(), got[0])
	}
	if err := l.TruncateBefore(1000); err != nil {
		t.Fatal(err)
	}
	checkRun(t, read(t, l, 0), 1, 1)
	if n := len(files(t, dir)); n != 1 {
		t.Errorf("%d files, want one empty segment", n)
	}
	l.Close()
	l = open(t, dir, Config{}) // numbers go on although every record is gone
	defer l.Close()
	if l.Next() != 61 {
		t.Errorf("next lsn %d, want 61", l.Next())
	}
	add(t, l, 1)
	checkRun(t, read(t, l, 0), 61, 62)
}

func TestFirst(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{First: 10})
	add(t, l, 5)
	l.Close()
	l = open(t, dir, Config{First: 12})
	if l.Next() != 15 {
		t.Errorf("next lsn %d, want 15", l.Next())
	}
	l.Close()
	l = open(t, dir, Config{First: 100})
	defer l.Close()
	add(t, l, 1)
	if got := read(t, l, 0); len(got) != 6 || got[5] != 100 {
		t.Errorf("records %v, want the old five and 100", got)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCutAtEveryByte cuts the last segment at every byte: what was whole before the cut survives, and no number is
// given again that a record in the file had.
func TestCutAtEveryByte(t *testing.T) {
	src := t.TempDir()
	l := open(t, src, Config{})
	const records = 6
	var ends []int64
	for range records {
		add(t, l, 1)
		ends = append(ends, l.size)
	}
	l.Close()
	whole, err := os.ReadFile(files(t, src)[0])
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(files(t, src)[0])
	for cut := fileHeader; cut <= len(whole); cut++ {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := uint64(1)
		for _, end := range ends {
			if end <= int64(cut) {
				want++
			}
		}
		l := open(t, dir, Config{})
		checkRun(t, read(t, l, 0), 1, want)
		torn := cut != fileHeader && ends[max(int(want)-2, 0)] != int64(cut)
		if d := l.Damage(); torn != (len(d) == 1 && d[0].Torn) {
			t.Fatalf("cut at %d: damage %v, torn is %v", cut, d, torn)
		}
		if torn == (l.Next() == want) {
			t.Fatalf("cut at %d: next lsn %d behind %d records", cut, l.Next(), want-1)
		}
		next := l.Next()
		add(t, l, 2)
		l.Close()
		l = open(t, dir, Config{})
		if got := read(t, l, want); len(got) != 2 || got[0] != next || got[1] != next+1 {
			t.Fatalf("cut at %d: records %v, want %d and the next", cut, got, next)
		}
		if d := l.Damage(); d != nil {
			t.Fatalf("cut at %d: damage %v is told again", cut, d)
		}
		l.Close()
	}
}

// TestDamageInTheMiddle flips one byte after the other: only the record that it is in is lost, and it is told.
func TestDamageInTheMiddle(t *testing.T) {
	src := t.TempDir()
	l := open(t, src, Config{})
	add(t, l, 6)
	l.Close()
	whole, _ := os.ReadFile(files(t, src)[0])
	for at := range whole {
		dir := t.TempDir()
		spoilt := bytes.Clone(whole)
		spoilt[at] ^= 0x40
		path := filepath.Join(dir, filepath.Base(files(t, src)[0]))
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, Config{})
		got, d := read(t, l, 0), l.Damage()
		if len(d) != 1 || d[0].File != path || int64(at) < d[0].Offset || int64(at) >= d[0].Offset+d[0].Bytes {
			t.Fatalf("byte %d: damage %v", at, d)
		}
		if want := 5; at >= fileHeader && len(got) != want {
			t.Fatalf("byte %d: %d records %v, want %d", at, len(got), got, want)
		}
		if l.Next() < 7 {
			t.Fatalf("byte %d: next lsn %d was given before", at, l.Next())
		}
		l.Close()
	}
}

// TestForgedRecord puts a whole segment into a payload: behind damage, none of it may be taken for a record.
func TestForgedRecord(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{})
	var forged []byte
	for lsn := uint64(1); lsn < 9; lsn++ {
		forged = appendRecord(forged, seedOf([saltBytes]byte{}), lsn, []byte("forged"))
	}
	if _, err := l.Append(forged); err != nil {
		t.Fatal(err)
	}
	add(t, l, 1)
	l.Close()
	f, err := os.OpenFile(files(t, dir)[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte{0xff}, fileHeader)
	f.Close()
	l = open(t, dir, Config{})
	defer l.Close()
	checkRun(t, read(t, l, 0), 2, 3)
}

func TestErrors(t *testing.T) {
	l := open(t, t.TempDir(), Config{})
	if _, err := l.Append(make([]byte, MaxRecord+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Append of too much = %v", err)
	}
	add(t, l, 1) // and goes on
	l.file.Close()
	if _, err := l.Append([]byte("x")); err != nil {
		t.Errorf("Append to the buffer = %v", err)
	}
	if err := l.Sync(); err == nil {
		t.Error("Sync of a closed file = nil")
	}
	if _, err := l.Append([]byte("x")); err == nil {
		t.Error("Append after a fault = nil")
	}
	if err := l.Sync(); err == nil {
		t.Error("Sync after a fault = nil")
	}
}

// TestOldFile reads a file of the first version of the format.
func TestOldFile(t *testing.T) {
	dir := t.TempDir()
	old, err := os.ReadFile("testdata/v1.seg")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0000000000000029.seg"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, Config{})
	defer l.Close()
	var got []string
	err = l.Read(0, func(lsn uint64, rec []byte) error {
		got = append(got, fmt.Sprint(lsn, " ", string(rec)))
		return nil
	})
	if err != nil || fmt.Sprint(got) != "[41 the first 42  43 the third]" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	old, err := os.ReadFile("testdata/v1.seg")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(old)
	f.Add(old[:30])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "0000000000000029.seg"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, Config{})
		defer l.Close()
		last := uint64(0x28)
		err := l.Read(0, func(lsn uint64, _ []byte) error {
			if lsn <= last || lsn >= l.Next() {
				t.Errorf("lsn %d behind %d, next is %d", lsn, last, l.Next())
			}
			last = lsn
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkAppendSync(b *testing.B) {
	for _, size := range []int{1 << 10, 256 << 10, 4 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l := open(b, b.TempDir(), Config{})
			defer l.Close()
			rec := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				l.Append(rec)
				if err := l.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
