package archive

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func TestContent(t *testing.T) {
	want, kinds, names, files := archives(t)
	for i, file := range files {
		f := onDisk(t, file)
		for _, piece := range []int{1 << 20, 100, 4096} {
			d, err := Open(f, int64(len(file)), kinds[i])
			if err != nil {
				t.Fatalf("%s: %v", names[i], err)
			}
			got, err := drain(d, piece)
			if err != io.EOF {
				t.Fatalf("%s: %v, want io.EOF", names[i], err)
			}
			same(t, names[i], got, want)
			if d.Offset() != uint64(len(want)) || d.Consumed() != int64(len(file)) {
				t.Errorf("%s: at byte %d of the content, %d of the file, which has %d", names[i], d.Offset(), d.Consumed(), len(file))
			}
			unproven := names[i] == "no checksum" || names[i] == "zstd --no-check"
			if proven := d.Verified() == d.Offset(); proven == unproven {
				t.Errorf("%s: verified up to %d", names[i], d.Verified())
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestModTime(t *testing.T) {
	f := func(file []byte, want int64) {
		t.Helper()
		d, err := Open(bytes.NewReader(file), int64(len(file)), Gzip)
		if err != nil {
			t.Fatal(err)
		}
		got := d.ModTime()
		if want == 0 && !got.IsZero() || want != 0 && got.Unix() != want {
			t.Errorf("written %v, want %d", got, want)
		}
	}
	plain := gz(t, 6, []byte("a line\n"))
	f(plain, 0)
	f(withHeader(fullHeader(), plain), 1764322048)
	f(append(bytes.Clone(plain), withHeader(fullHeader(), plain)...), 0)
}

// tell says whether an error is one of this package's for wrong archives, with its place.
func tell(err error) bool {
	for _, e := range []error{ErrUnfinished, ErrDamaged, ErrTrailing, ErrForeign, ErrRefused} {
		if errors.Is(err, e) {
			return bytes.Contains([]byte(err.Error()), []byte("byte"))
		}
	}
	return false
}

// small archives, of which every byte can be tried.
func small(t *testing.T) (content []byte, kinds []Kind, files [][]byte) {
	content = append(logText(2500), noise(200)...)
	parts := [][]byte{content[:1000], nil, content[1000:1001], content[1001:]}
	whole := withHeader(fullHeader(), gz(t, 6, content[:2000]))
	return content, []Kind{Gzip, Gzip, Gzip, Gzip, Zstd, Zstd}, [][]byte{
		gz(t, 6, parts...),
		append(whole, gz(t, gzip.NoCompression, content[2000:])...),
		gzFlushed(t, content[:300], content[300:1200], content[1200:]),
		gz(t, gzip.HuffmanOnly, content),
		zs(t, parts, zstd.WithWindowSize(64<<10)),
		append([]byte("\x5f\x2a\x4d\x18\x02\x00\x00\x00hi"), zs(t, parts[2:], zstd.WithSingleSegment(true))...),
	}
}

// Of an archive that is cut anywhere, nothing is given that is not its content, and its end is never taken for right,
// but between members, where it is.
func TestEveryCut(t *testing.T) {
	want, kinds, files := small(t)
	want6 := want[1000:] // the last one has only this
	for i, file := range files {
		want := want
		if i == len(files)-1 {
			want = want6
		}
		ends, longest := 0, 0
		for cut := range len(file) {
			got, verified, err := readAll(file[:cut], kinds[i])
			switch {
			case err == io.EOF && verified == uint64(len(got)):
				ends++
			case !errors.Is(err, ErrUnfinished) || !tell(err):
				t.Fatalf("archive %d cut at %d: %v, want %v", i, cut, err, ErrUnfinished)
			}
			if !bytes.HasPrefix(want, got) {
				t.Fatalf("archive %d cut at %d: wrong content", i, cut)
			}
			if len(got) < longest {
				t.Fatalf("archive %d cut at %d: %d bytes, a shorter one had %d", i, cut, len(got), longest)
			}
			longest = len(got)
		}
		if wantEnds := []int{3, 1, 0, 0, 3, 2}[i]; ends != wantEnds {
			t.Errorf("archive %d has %d right ends inside, want %d", i, ends, wantEnds)
		}
		if longest != len(want) {
			t.Errorf("archive %d: without its last byte %d bytes of content, want all %d", i, longest, len(want))
		}
	}
}

// Gzip itself is the measure of how much a file that was cut still gives, but for the last two bytes.
func TestCutGivesWhatGzipGives(t *testing.T) {
	content := logText(60_000)
	whole, ok := tool(t, content, "gzip", "-c")
	if !ok {
		return
	}
	for cut := 1000; cut < len(whole); cut += 97 {
		cmd := exec.Command("gzip", "-dc")
		cmd.Stdin = bytes.NewReader(whole[:cut-2])
		want, _ := cmd.Output()
		got, _, _ := readAll(whole[:cut], Gzip)
		if len(got) < len(want) {
			t.Errorf("cut at %d: %d bytes, gzip gives %d", cut, len(got), len(want))
		}
	}
}

// One flipped byte is told, or it was in what holds no content. What is verified is right in any case.
func TestEveryFlip(t *testing.T) {
	want, kinds, files := small(t)
	want6 := want[1000:]
	for i, file := range files {
		want := want
		if i == len(files)-1 {
			want = want6
		}
		for at := range file {
			for _, mask := range []byte{0x01, 0x10, 0x80, 0xff} {
				bad := bytes.Clone(file)
				bad[at] ^= mask
				got, verified, err := readAll(bad, kinds[i])
				if err == io.EOF && !bytes.Equal(got, want) || err != io.EOF && !tell(err) {
					t.Errorf("archive %d, byte %d ^ %#x: %d bytes and %v", i, at, mask, len(got), err)
				}
				if verified > uint64(len(want)) || verified > uint64(len(got)) || !bytes.Equal(got[:verified], want[:verified]) {
					t.Errorf("archive %d, byte %d ^ %#x: %d verified bytes are wrong", i, at, mask, verified)
				}
			}
		}
	}
}

func TestEnds(t *testing.T) {
	line := []byte("a line\n")
	member, frame := gz(t, 6, line), zs(t, [][]byte{line})
	f := func(what string, k Kind, want error, content string, pieces ...[]byte) {
		t.Helper()
		got, _, err := readAll(bytes.Join(pieces, nil), k)
		if !errors.Is(err, want) || string(got) != content {
			t.Errorf("%s: %q and %v, want %q and %v", what, got, err, content, want)
		}
	}
	f("empty gz", Gzip, ErrUnfinished, "")
	f("empty zst", Zstd, ErrUnfinished, "")
	f("text as gz", Gzip, ErrForeign, "", line)
	f("text as zst", Zstd, ErrForeign, "", line)
	f("zst as gz", Gzip, ErrForeign, "", frame)
	f("gz as zst", Zstd, ErrForeign, "", member)
	f("a as gz", Gzip, ErrForeign, "", line[:1])
	f("NULs as gz", Gzip, ErrForeign, "", make([]byte, 100))
	f("half a magic", Gzip, ErrUnfinished, "", member[:1])
	f("half a magic", Zstd, ErrUnfinished, "", frame[:3])
	f("half a skippable magic", Zstd, ErrUnfinished, "", []byte("\x50\x2a"))
	f("text behind gz", Gzip, ErrTrailing, "a line\n", member, line)
	f("text behind zst", Zstd, ErrTrailing, "a line\n", frame, line)
	f("one letter behind gz", Gzip, ErrTrailing, "a line\n", member, line[:1])
	f("one letter behind zst", Zstd, ErrTrailing, "a line\n", frame, line[:1])
	f("zst behind gz", Gzip, ErrTrailing, "a line\n", member, frame)
	f("text behind padding", Gzip, ErrTrailing, "a line\n", member, make([]byte, 200_000), line)
	f("half a magic behind gz", Gzip, ErrUnfinished, "a line\n", member, member[:1])
	f("half a header behind zst", Zstd, ErrUnfinished, "a line\n", frame, frame[:5])
	f("cut skippable frame", Zstd, ErrUnfinished, "a line\n", frame, []byte("\x50\x2a\x4d\x18\xff\xff\xff\xffabc"))
	f("NULs behind gz", Gzip, io.EOF, "a line\n", member, make([]byte, 3<<20))
	f("NULs behind zst", Zstd, io.EOF, "a line\n", frame, make([]byte, 3<<20))
	f("a hole of NULs", Gzip, io.EOF, "a line\na line\n", member, make([]byte, 4096), member)
	f("only a skippable frame", Zstd, io.EOF, "", []byte("\x50\x2a\x4d\x18\x01\x00\x00\x00a"))
	f("another method", Gzip, ErrDamaged, "", []byte("\x1f\x8b\x07"), member[3:])
	f("encrypted", Gzip, ErrDamaged, "", []byte("\x1f\x8b\x08\x20"), member[4:])
	f("an endless name", Gzip, ErrDamaged, "", []byte("\x1f\x8b\x08\x08"), member[4:10], bytes.Repeat(line, 20_000))
	f("a wide window", Zstd, ErrRefused, "", []byte(zstdMagic+"\x04\x69"), frame)
	f("a wide single segment", Zstd, ErrRefused, "", []byte(zstdMagic+"\xa0\x01\x00\x80\x00"), frame)
	f("a dictionary", Zstd, ErrRefused, "", []byte(zstdMagic+"\x01\x00\x07"), frame)
	f("a kind that is only named", Xz, ErrRefused, "", line)
	f("a kind that there is not", 200, ErrRefused, "", line)
}

// The length in the trailer counts modulo 2^32, and is checked besides the CRC.
func TestWrongLength(t *testing.T) {
	file := gz(t, 6, []byte("a line\n"))
	file[len(file)-4]++
	if _, _, err := readAll(file, Gzip); !errors.Is(err, ErrDamaged) {
		t.Errorf("wrong ISIZE: %v, want %v", err, ErrDamaged)
	}
}

type broken struct {
	io.ReaderAt
	from int64
}

var errBroken = errors.New("input/output error")

func (b broken) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > b.from {
		return 0, errBroken
	}
	return b.ReaderAt.ReadAt(p, at)
}

// An error of the disk is no damage of the archive; a file that got shorter is one that ends early.
func TestFileErrors(t *testing.T) {
	content := noise(300_000)
	for k, file := range map[Kind][]byte{Gzip: gz(t, 6, content), Zstd: zs(t, [][]byte{content})} {
		size := int64(len(file))
		f := func(r io.ReaderAt, atLeast int, want error) {
			t.Helper()
			d, err := Open(r, size, k)
			if err != nil {
				t.Fatal(err)
			}
			got, err := drain(d, 1000)
			if !errors.Is(err, want) || errors.Is(err, ErrDamaged) || len(got) < atLeast || !bytes.HasPrefix(content, got) {
				t.Errorf("%s: %d bytes and %v, want %v", k, len(got), err, want)
			}
			if _, again := d.Read(make([]byte, 1)); again != err {
				t.Errorf("%s: then %v", k, again)
			}
			if errors.Is(err, errBroken) && errors.Is(err, ErrUnfinished) {
				t.Errorf("%s: %v is two things", k, err)
			}
		}
		f(broken{bytes.NewReader(file), 200_000}, 100_000, errBroken)
		f(bytes.NewReader(file[:200_000]), 100_000, ErrUnfinished)
	}
	if _, err := Open(broken{}, 100, Gzip); !errors.Is(err, errBroken) {
		t.Errorf("open on a broken disk: %v", err)
	}
}

func TestClosed(t *testing.T) {
	for k, file := range map[Kind][]byte{Gzip: gz(t, 6, noise(1000)), Zstd: zs(t, [][]byte{noise(1000)})} {
		d, err := Open(bytes.NewReader(file), int64(len(file)), k)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := d.Read(make([]byte, 10)); n != 10 || err != nil {
			t.Fatal(n, err)
		}
		d.Close()
		d.Close()
		if n, err := d.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
			t.Errorf("read of a closed %s gives %d, %v", k, n, err)
		}
	}
}

// What a frame without a checksum holds is in doubt, and so is all behind it.
func TestVerifiedStays(t *testing.T) {
	line := []byte("a line\n")
	proven, unproven := zs(t, [][]byte{line}), zs(t, [][]byte{line}, zstd.WithEncoderCRC(false))
	_, verified, err := readAll(bytes.Join([][]byte{proven, proven, unproven, proven}, nil), Zstd)
	if want := uint64(2 * len(line)); err != io.EOF || verified != want {
		t.Errorf("%d verified, and %v; want %d", verified, err, want)
	}
}
