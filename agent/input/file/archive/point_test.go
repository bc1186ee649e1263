package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// pointsOf reads a whole archive and returns the points that it gives, as they would come back from the disk.
func pointsOf(t testing.TB, file []byte, k Kind, every uint64) (points []Point, content []byte) {
	t.Helper()
	d, err := Open(bytes.NewReader(file), int64(len(file)), k)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.EachPoint(every, func(p Point) {
		encoded := p.AppendTo(nil)
		if len(encoded) > MaxPointSize {
			t.Fatalf("a point of %d bytes", len(encoded))
		}
		back, err := ParsePoint(encoded)
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, back)
	})
	content, err = drain(d, 5000)
	if err != io.EOF {
		t.Fatal(err)
	}
	return points, content
}

// From every point the same bytes come as without, and the end is verified as without.
func TestResumeAtEveryPoint(t *testing.T) {
	want, kinds, names, files := archives(t)
	for i, file := range files {
		points, content := pointsOf(t, file, kinds[i], 1)
		same(t, names[i], content, want)
		if len(points) == 0 && kinds[i] == Gzip {
			t.Errorf("%s has no points", names[i])
		}
		step := max(len(points)/40, 1) // some have thousands
		for j := 0; j < len(points); j += step {
			p := points[j]
			d, err := Resume(bytes.NewReader(file), int64(len(file)), p, p.Content)
			if err != nil {
				t.Fatalf("%s, point %d: %v", names[i], j, err)
			}
			if d.Offset() != p.Content || d.Verified() > p.Content {
				t.Fatalf("%s, point %d: at %d, verified %d", names[i], j, d.Offset(), d.Verified())
			}
			got, err := drain(d, 1<<16)
			if err != io.EOF {
				t.Fatalf("%s, point %d at byte %d of the file: %v", names[i], j, p.File, err)
			}
			same(t, names[i], got, want[p.Content:])
			if d.Verified() != d.Offset() && kinds[i] == Gzip {
				t.Errorf("%s, point %d: verified up to %d of %d", names[i], j, d.Verified(), d.Offset())
			}
			d.Close()
		}
	}
}

// A resumed reader takes the same points as one that began at the beginning.
func TestPointsOfResumed(t *testing.T) {
	_, kinds, names, files := archives(t)
	for i, file := range files {
		points, _ := pointsOf(t, file, kinds[i], 30_000)
		if len(points) < 3 {
			continue
		}
		d, err := Resume(bytes.NewReader(file), int64(len(file)), points[0], points[0].Content+777)
		if err != nil {
			t.Fatal(err)
		}
		j := 1
		d.EachPoint(30_000, func(p Point) {
			if j == len(points) || !bytes.Equal(p.AppendTo(nil), points[j].AppendTo(nil)) {
				t.Errorf("%s: point %d is another one at %d", names[i], j, p.Content)
			}
			j++
		})
		if _, err := drain(d, 10_000); err != io.EOF || j != len(points) {
			t.Errorf("%s: %d points and %v, want %d", names[i], j, err, len(points))
		}
	}
}

// A checksum covers what was read before the point as well.
func TestResumeChecks(t *testing.T) {
	parts := [][]byte{logText(100_000), logText(300_000)}
	file := gz(t, 6, parts...)
	points, content := pointsOf(t, file, Gzip, 1)
	f := func(name string, at int, want error) {
		t.Helper()
		bad := bytes.Clone(file)
		bad[at] ^= 0x40
		for _, p := range points {
			d, err := Resume(bytes.NewReader(bad), int64(len(bad)), p, p.Content)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := drain(d, 10_000); !errors.Is(err, want) {
				t.Errorf("%s, resumed at %d: %v, want %v", name, p.Content, err, want)
			}
			if p.Content > 100_000 && d.Verified() != 100_000 {
				t.Errorf("%s, resumed at %d: verified up to %d, want 100000", name, p.Content, d.Verified())
			}
		}
	}
	f("crc", len(file)-8, ErrDamaged)
	f("length", len(file)-2, ErrDamaged)
	if last := points[len(points)-1]; last.Content <= 100_000 || last.verified != 100_000 {
		t.Errorf("the last point is at %d with %d verified of %d", last.Content, last.verified, len(content))
	}
}

func TestResumeSkips(t *testing.T) {
	want, kinds, names, files := archives(t)
	for i, file := range files {
		points, _ := pointsOf(t, file, kinds[i], 50_000)
		points = append([]Point{{Kind: kinds[i]}}, points...)
		for _, p := range points {
			for _, more := range []uint64{0, 1, 40_000, 333_333} {
				at := p.Content + more
				if at > uint64(len(want)) {
					continue
				}
				d, err := Resume(bytes.NewReader(file), int64(len(file)), p, at)
				if err != nil {
					t.Fatal(err)
				}
				got, err := drain(d, 10_000)
				if err != io.EOF {
					t.Fatalf("%s: %v", names[i], err)
				}
				same(t, names[i], got, want[at:])
			}
		}
		d, _ := Resume(bytes.NewReader(file), int64(len(file)), points[len(points)-1], uint64(len(want))+1)
		if got, err := drain(d, 10_000); len(got) != 0 || !errors.Is(err, ErrShort) {
			t.Errorf("%s: beyond its end are %d bytes and %v, want %v", names[i], len(got), err, ErrShort)
		}
	}
	if _, err := Resume(bytes.NewReader(files[0]), 1, Point{Kind: Gzip, Content: 2}, 1); err == nil {
		t.Error("resume before its point")
	}
}

// A file that is still being written is read on behind the last point when there is more of it.
func TestResumeGrown(t *testing.T) {
	want := logText(400_000)
	file := gz(t, 6, want)
	var last Point
	d, err := Open(bytes.NewReader(file), int64(len(file)/2), Gzip)
	if err != nil {
		t.Fatal(err)
	}
	d.EachPoint(10_000, func(p Point) { last = p.Clone() })
	first, err := drain(d, 10_000)
	if !errors.Is(err, ErrUnfinished) {
		t.Fatal(err)
	}
	d, err = Resume(bytes.NewReader(file), int64(len(file)), last, uint64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := drain(d, 10_000)
	if err != io.EOF || d.Verified() != uint64(len(want)) {
		t.Errorf("%v with %d verified", err, d.Verified())
	}
	same(t, "both together", append(first, rest...), want)
}

func TestPointOfAnotherFile(t *testing.T) {
	file := gz(t, 6, logText(400_000))
	points, _ := pointsOf(t, file, Gzip, 100_000)
	p := points[0]
	f := func(what string, other []byte) {
		t.Helper()
		if _, err := Resume(bytes.NewReader(other), int64(len(other)), p, p.Content); !errors.Is(err, ErrOtherFile) {
			t.Errorf("%s: %v, want %v", what, err, ErrOtherFile)
		}
	}
	f("another content", gz(t, 6, logText(500_000)[100:]))
	f("another header", withHeader(fullHeader(), file))
	f("a shorter file", file[:p.File-1])
	f("nothing", nil)
	bad := bytes.Clone(file)
	bad[p.File-1]++
	f("another byte before", bad)
	if _, err := Resume(bytes.NewReader(nil), int64(len(file)), p, p.Content); !errors.Is(err, ErrOtherFile) {
		t.Errorf("a file that was cut since: %v, want %v", err, ErrOtherFile)
	}
	if _, err := Resume(broken{}, int64(len(file)), p, p.Content); !errors.Is(err, errBroken) || errors.Is(err, ErrOtherFile) {
		t.Errorf("a broken disk: %v", err)
	}
}

// Without a point due before its end, a file costs no checkpoints; and a stored stream, which is one long run of
// blocks, no memory.
func TestPointsAreSpaced(t *testing.T) {
	f := func(what string, file []byte, every uint64, want int) {
		t.Helper()
		points, _ := pointsOf(t, file, Gzip, every)
		last := uint64(0)
		for _, p := range points {
			if p.Content < last+every {
				t.Errorf("%s: a point at %d, then one at %d", what, last, p.Content)
			}
			last = p.Content
		}
		if len(points) < want-1 || len(points) > want {
			t.Errorf("%s: %d points, want %d", what, len(points), want)
		}
	}
	f("stored", gz(t, gzip.NoCompression, make([]byte, 2<<20)), 100_000, 16)
	f("text", gz(t, 6, logText(2<<20)), 300_000, 6)
	f("short", gz(t, 6, logText(100_000)), 100_001, 0)
	f("members", bytes.Repeat(gz(t, 6, logText(10_000)), 50), 100_000, 5)
}

// The sample was written by the first version of the format: it must be read for ever.
func TestPointSample(t *testing.T) {
	archive := gzFlushed(t, logText(3000), logText(5000))
	const file, sample = "testdata/sample.gz", "testdata/v1.point"
	if os.Getenv("WRITE_SAMPLES") != "" {
		points, _ := pointsOf(t, archive, Gzip, 1)
		os.WriteFile(file, archive, 0o644)
		os.WriteFile(sample, points[0].AppendTo(nil), 0o644)
	}
	archive, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePoint(encoded)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "encoded again", p.AppendTo(nil), encoded)
	d, err := Resume(bytes.NewReader(archive), int64(len(archive)), p, p.Content)
	if err != nil {
		t.Fatal(err)
	}
	if p.Content != 3000 || p.Kind != Gzip || !p.inside {
		t.Errorf("the sample is a point of kind %s at %d", p.Kind, p.Content)
	}
	got, err := drain(d, 1000)
	if err != io.EOF {
		t.Fatal(err)
	}
	same(t, "behind the sample", got, logText(5000))
}

func TestParsePoint(t *testing.T) {
	points, _ := pointsOf(t, gz(t, 6, logText(400_000)), Gzip, 1)
	good := points[0].AppendTo(nil)
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if _, err := ParsePoint(bad); err == nil {
			t.Fatalf("a point with byte %d flipped is taken", at)
		}
		if _, err := ParsePoint(good[:at]); err == nil {
			t.Fatalf("a point cut at %d is taken", at)
		}
	}
	if _, err := ParsePoint(append(good, 0)); err == nil {
		t.Error("a point with one byte more is taken")
	}
}
