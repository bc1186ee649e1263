package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestSurvey(t *testing.T) {
	want, kinds, names, files := archives(t)
	for i, file := range files {
		var got []byte
		paced := 0
		s := Survey{
			See: func(b []byte, at uint64) error {
				if at != uint64(len(got)) || len(b) == 0 {
					t.Fatalf("%s: %d bytes at %d, want them at %d", names[i], len(b), at, len(got))
				}
				got = append(got, b...)
				return nil
			},
			Pace: func(_ context.Context, n int) error { paced += n; return nil },
		}
		n, _, err := s.Run(t.Context(), onDisk(t, file), int64(len(file)), kinds[i])
		if err != nil || n != uint64(len(want)) || paced < len(want) {
			t.Errorf("%s: %d bytes, %d paced, and %v; want %d", names[i], n, paced, err, len(want))
		}
		same(t, names[i], got, want)
	}
}

func TestSurveyEnds(t *testing.T) {
	file := gz(t, 6, logText(1<<20))
	r, size := bytes.NewReader(file), int64(len(file))
	errMine := errors.New("seen enough")
	f := func(ctx context.Context, s Survey, size int64, k Kind, atLeast, atMost uint64, want error) {
		t.Helper()
		if n, _, err := s.Run(ctx, r, size, k); !errors.Is(err, want) || n < atLeast || n > atMost {
			t.Errorf("%d bytes and %v, want %d to %d and %v", n, err, atLeast, atMost, want)
		}
	}
	f(t.Context(), Survey{}, size, Gzip, 1<<20, 1<<20, nil)
	f(t.Context(), Survey{}, size/2, Gzip, 100_000, 1<<20, ErrUnfinished)
	f(t.Context(), Survey{}, size, Zstd, 0, 0, ErrForeign)
	f(t.Context(), Survey{See: func([]byte, uint64) error { return errMine }}, size, Gzip, 1, surveyPiece, errMine)
	f(t.Context(), Survey{Pace: func(context.Context, int) error { return errMine }}, size, Gzip, 0, 0, errMine)
	ctx, cancel := context.WithCancel(t.Context())
	stop := Survey{See: func(_ []byte, at uint64) error {
		if at > 200_000 {
			cancel()
		}
		return nil
	}}
	f(ctx, stop, size, Gzip, 200_000, 200_000+3*surveyPiece, context.Canceled)
	f(ctx, Survey{}, size, Gzip, 0, 0, context.Canceled)
}

// allocated returns the bytes that were allocated while f ran, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// zeroBomb is one gzip member of n times 16 MiB of zeros.
func zeroBomb(t testing.TB, n int) []byte {
	zeros := make([]byte, 16<<20)
	piece, sum := rawDeflate(t, zeros), uint32(0)
	b := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
	for range n {
		b = append(b, piece...)
		sum = crc32.Update(sum, crc32.IEEETable, zeros)
	}
	b = append(b, 3, 0) // a last block with nothing in it
	b = binary.LittleEndian.AppendUint32(b, sum)
	return binary.LittleEndian.AppendUint32(b, uint32(n)<<24)
}

// Whatever is in a file, it costs no memory.
func TestBombs(t *testing.T) {
	f := func(name string, file []byte, k Kind, want, limit uint64) {
		t.Helper()
		for _, every := range []uint64{0, 8 << 20} {
			var n uint64
			var err error
			points := 0
			used := allocated(func() {
				var d *Reader
				if d, err = Open(bytes.NewReader(file), int64(len(file)), k); err != nil {
					return
				}
				defer d.Close()
				if every > 0 {
					d.EachPoint(every, func(Point) { points++ })
				}
				buf := make([]byte, 256<<10)
				for err == nil {
					_, err = d.Read(buf)
				}
				n = d.Verified()
			})
			if err != io.EOF || n != want {
				t.Errorf("%s: %d bytes and %v, want %d", name, n, err, want)
			}
			if used > limit {
				t.Errorf("%s: %d bytes were allocated, at most %d", name, used, limit)
			}
			if every > 0 && k == Gzip && uint64(points) < want/(16<<20)*9/10 {
				t.Errorf("%s: %d points", name, points)
			}
		}
	}
	f("1 GiB of zeros", zeroBomb(t, 64), Gzip, 1<<30, 1<<20)
	f("stored", gz(t, 0, make([]byte, 32<<20)), Gzip, 32<<20, 1<<20)
	f("zstd zeros", zs(t, [][]byte{make([]byte, 256<<20)}), Zstd, 256<<20, 10<<20)
	f("many frames", bytes.Repeat(zs(t, [][]byte{logText(50_000)}, zstd.WithWindowSize(1<<20)), 200), Zstd, 200*50_000, 4<<20)
}

// Stretches without content give the caller its turn, and end when a survey is cancelled.
func TestNothing(t *testing.T) {
	member := gz(t, 6, nil)
	for _, file := range [][]byte{bytes.Repeat(member, 200_000), append(bytes.Clone(member), make([]byte, 6<<20)...)} {
		d, err := Open(bytes.NewReader(file), int64(len(file)), Gzip)
		if err != nil {
			t.Fatal(err)
		}
		turns := 0
		for err == nil {
			_, err = d.Read(make([]byte, 1000))
			turns++
		}
		if err != io.EOF || turns < 4 || turns > 10 {
			t.Errorf("%d bytes of file in %d turns, and %v", len(file), turns, err)
		}
	}
	// Blocks without content are one step of the decoder.
	blocks := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), bytes.Repeat([]byte{0, 0, 0, 255, 255}, 1<<20)...)
	ctx, cancel := context.WithCancel(t.Context())
	r := stoppable{bytes.NewReader(blocks), func() error { cancel(); return nil }}
	if _, _, err := (Survey{}).Run(ctx, r, int64(len(blocks)), Gzip); !errors.Is(err, context.Canceled) {
		t.Errorf("empty blocks: %v", err)
	}
}

// Where points would cost more than the rest, they are given up, and nothing else.
func TestCoarse(t *testing.T) {
	lines := bytes.SplitAfter(logText(1<<20), []byte("\n"))
	empty := bytes.Repeat([]byte{0, 0, 0, 255, 255}, 300_000)
	file := gzFlushed(t, lines...)
	f := func(name string, file []byte, want []byte, atMost int) {
		t.Helper()
		points, content := pointsOf(t, file, Gzip, 100_000)
		same(t, name, content, want)
		if len(points) == 0 || len(points) > atMost {
			t.Errorf("%s: %d points, at most %d", name, len(points), atMost)
		}
		for _, p := range []Point{points[0], points[len(points)-1]} {
			d, err := Resume(bytes.NewReader(file), int64(len(file)), p, p.Content)
			if err != nil {
				t.Fatal(err)
			}
			d.EachPoint(100_000, func(Point) {})
			got, err := drain(d, 3000)
			if err != io.EOF {
				t.Fatal(err)
			}
			same(t, name, got, want[p.Content:])
		}
	}
	content := bytes.Join(lines, nil)
	long := gz(t, 6, content)
	f("a line a block", file, content, 1)
	f("many empty blocks", slices.Concat(long[:10], empty, long[10:]), content, 1)
	f("empty blocks in the middle", slices.Concat(long, file[:10], empty, file[10:]), slices.Concat(content, content), 22)
	f("tiny members, then a long one", slices.Concat(bytes.Repeat(gz(t, 6, lines[0]), 1000), long),
		slices.Concat(bytes.Repeat(lines[0], 1000), content), 1)
}
