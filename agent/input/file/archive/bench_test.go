package archive

import (
	"bufio"
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// benchText is 64 MiB of log.
func benchText() []byte { return bytes.Repeat(logText(8<<20), 8) }

func benchRead(b *testing.B, file []byte, k Kind, length int, every uint64) {
	b.SetBytes(int64(length))
	buf := make([]byte, 256<<10)
	for b.Loop() {
		d, err := Open(bytes.NewReader(file), int64(len(file)), k)
		if err != nil {
			b.Fatal(err)
		}
		if every > 0 {
			d.EachPoint(every, func(Point) {})
		}
		for err == nil {
			_, err = d.Read(buf)
		}
		if err != io.EOF || d.Offset() != uint64(length) {
			b.Fatal(d.Offset(), err)
		}
		d.Close()
	}
}

func BenchmarkGunzip(b *testing.B) {
	text := benchText()
	benchRead(b, gz(b, 6, text), Gzip, len(text), 8<<20)
}

func BenchmarkGunzipWithoutPoints(b *testing.B) {
	text := benchText()
	benchRead(b, gz(b, 6, text), Gzip, len(text), 0)
}

// BenchmarkBareGunzip is what the library alone takes for the same.
func BenchmarkBareGunzip(b *testing.B) {
	text := benchText()
	file := gz(b, 6, text)
	b.SetBytes(int64(len(text)))
	buf := make([]byte, 256<<10)
	for b.Loop() {
		d, err := gzip.NewReader(bufio.NewReaderSize(onlyReader{bytes.NewReader(file)}, inputBuffer))
		n, length := 0, 0
		for err == nil {
			n, err = d.Read(buf)
			length += n
		}
		if err != io.EOF || length != len(text) {
			b.Fatal(length, err)
		}
	}
}

type onlyReader struct{ io.Reader }

// BenchmarkGunzipMembers reads 5 KiB members, where each costs a decoder when points are wanted.
func BenchmarkGunzipMembers(b *testing.B) {
	text := logText(5 << 10)
	benchRead(b, bytes.Repeat(gz(b, 6, text), 2000), Gzip, 2000*len(text), 8<<20)
}

// BenchmarkGunzipFlushed reads a line a block, where each costs a copy of the window when points are wanted.
func BenchmarkGunzipFlushed(b *testing.B) {
	text := logText(1 << 20)
	benchRead(b, gzFlushed(b, bytes.SplitAfter(text, []byte("\n"))...), Gzip, len(text), 1<<20)
}

func BenchmarkUnzstd(b *testing.B) {
	text := benchText()
	benchRead(b, zs(b, [][]byte{text}, zstd.WithWindowSize(2<<20)), Zstd, len(text), 8<<20)
}

// BenchmarkBareUnzstd is what the library alone takes for the same.
func BenchmarkBareUnzstd(b *testing.B) {
	text := benchText()
	file := zs(b, [][]byte{text}, zstd.WithWindowSize(2<<20))
	b.SetBytes(int64(len(text)))
	buf := make([]byte, 256<<10)
	for b.Loop() {
		d, err := zstd.NewReader(bytes.NewReader(file), zstd.WithDecoderConcurrency(1))
		for err == nil {
			_, err = d.Read(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		d.Close()
	}
}

// BenchmarkResume goes on in the middle of 64 MiB, half a spacing behind a point, as it does after a restart.
func BenchmarkResume(b *testing.B) {
	text := benchText()
	file := gz(b, 6, text)
	points, _ := pointsOf(b, file, Gzip, 8<<20)
	s := openPoints(b, b.TempDir())
	for _, p := range points {
		if err := s.Save("a", p); err != nil {
			b.Fatal(err)
		}
	}
	at := points[len(points)/2].Content + 4<<20
	buf := make([]byte, 4096)
	for b.Loop() {
		p, ok := s.Before("a", at)
		if !ok {
			b.Fatal("no point")
		}
		d, err := Resume(bytes.NewReader(file), int64(len(file)), p, at)
		n := 0
		for err == nil && n == 0 {
			n, err = d.Read(buf)
		}
		if err != nil || !bytes.Equal(buf[:n], text[at:at+uint64(n)]) {
			b.Fatal(n, err)
		}
		d.Close()
	}
}

func BenchmarkSave(b *testing.B) {
	s := openPoints(b, b.TempDir())
	p := Point{Kind: Gzip, inside: true, window: make([]byte, maxPointWindow)}
	for b.Loop() {
		p.Content += 8 << 20
		if err := s.Save("a", p); err != nil {
			b.Fatal(err)
		}
	}
}
