package archive

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// FuzzRead: no input makes the reader panic, run on without end or give what cannot be resumed; and what it takes for
// right, other decoders read alike.
func FuzzRead(f *testing.F) {
	line := []byte("Nov 28 09:00:00 host sshd[1]: a line\n")
	f.Add(gz(f, 6, line, nil, line))
	f.Add(withHeader(fullHeader(), gz(f, 0, line)))
	f.Add(gzFlushed(f, line, line, noise(50), line))
	f.Add(append(gz(f, gzip.HuffmanOnly, line), make([]byte, 40)...))
	f.Add(zs(f, [][]byte{line, nil, line}, zstd.WithWindowSize(1<<10)))
	f.Add(append([]byte("\x50\x2a\x4d\x18\x02\x00\x00\x00hi"), zs(f, [][]byte{line}, zstd.WithSingleSegment(true))...))
	f.Fuzz(func(t *testing.T, file []byte) {
		k := Sniff(file)
		if !k.Readable() || len(file) > 1<<16 {
			return
		}
		d, err := Open(bytes.NewReader(file), int64(len(file)), k)
		if err != nil {
			return
		}
		defer d.Close()
		var points []Point
		d.EachPoint(50, func(p Point) {
			if len(points) < 20 {
				points = append(points, p.Clone())
			}
		})
		content, err := drainSome(d)
		if err == nil {
			return
		}
		if err != io.EOF && !tell(err) {
			t.Fatal(err)
		}
		for _, p := range points {
			r, resumeErr := Resume(bytes.NewReader(file), int64(len(file)), p, p.Content)
			if resumeErr != nil {
				t.Fatal(resumeErr)
			}
			rest, restErr := drainSome(r)
			if !bytes.Equal(rest, content[p.Content:]) || restErr.Error() != err.Error() {
				t.Fatalf("resumed at %d: %d bytes and %v, want %d and %v", p.Content, len(rest), restErr, len(content)-int(p.Content), err)
			}
			r.Close()
		}
		if err == io.EOF {
			compare(t, k, file, content)
		}
	})
}

// drainSome reads 4 MiB at most. err is nil if there is more.
func drainSome(d *Reader) (content []byte, err error) {
	buf := make([]byte, 32<<10)
	for err == nil && d.Offset() < 4<<20 {
		var n int
		n, err = d.Read(buf)
		content = append(content, buf[:n]...)
	}
	return content, err
}

// compare reads a right archive with the library alone. That knows no NULs behind it.
func compare(t *testing.T, k Kind, file, content []byte) {
	var got []byte
	var err error
	if k == Gzip {
		r, openErr := gzip.NewReader(bytes.NewReader(file))
		if openErr != nil {
			t.Fatal(openErr)
		}
		got, err = io.ReadAll(r)
		if errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
	} else {
		r, openErr := zstd.NewReader(bytes.NewReader(file), zstd.WithDecoderConcurrency(1))
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer r.Close()
		got, err = io.ReadAll(r)
		if errors.Is(err, zstd.ErrMagicMismatch) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
	}
	if err != nil || !bytes.HasPrefix(content, got) {
		t.Fatalf("the library reads %d bytes, and %v; we read %d", len(got), err, len(content))
	}
}

func FuzzParsePoint(f *testing.F) {
	points, _ := pointsOf(f, gzFlushed(f, logText(300), logText(400)), Gzip, 1)
	f.Add(points[0].AppendTo(nil))
	f.Add(Point{Kind: Zstd}.AppendTo(nil))
	f.Add([]byte(pointMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePoint(b)
		if err != nil {
			return
		}
		if again := p.AppendTo(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is encoded again as %x", b, again)
		}
		// No file fits it but by chance; there is no panic, either way.
		if d, err := Resume(bytes.NewReader(b), int64(len(b)), p, p.Content); err == nil {
			drainSome(d)
		}
	})
}
