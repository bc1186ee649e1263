package archive

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// logText returns n bytes of lines as a busy host writes them, the same each time.
func logText(n int) []byte {
	rng := rand.New(rand.NewPCG(5, 5))
	users := []string{"root", "averez", "gitlab", "backup", "www-data"}
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		user := users[rng.IntN(len(users))]
		fmt.Fprintf(&b, "Nov 28 09:%02d:%02d host%d sshd[%d]: Accepted publickey for %s from 10.%d.%d.%d port %d ssh2: %08x\n",
			i/60%60, i%60, rng.IntN(9), 1000+rng.IntN(60000), user, rng.IntN(256), rng.IntN(256), rng.IntN(256),
			1024+rng.IntN(60000), rng.Uint32())
	}
	return b.Bytes()[:n]
}

// noise returns n bytes that cannot be compressed.
func noise(n int) []byte {
	rng := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	rng.Read(b)
	return b
}

// gz compresses each part as a member.
func gz(t testing.TB, level int, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		w, err := gzip.NewWriterLevel(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(part)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// gzFlushed compresses parts as one member with a sync flush behind each, as pigz and careful loggers do.
func gzFlushed(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, part := range parts {
		w.Write(part)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.Bytes()
}

// fullHeader is a member header with every field of RFC 1952, and MTIME 1764320000.
func fullHeader() []byte {
	h := []byte("\x1f\x8b\x08\x1f\x00\x6b\x29\x69\x00\x03" + "\x04\x00AP\x00\x00" + "auth.log\x00" + "a comment\x00")
	sum := crc32.ChecksumIEEE(h)
	return append(h, byte(sum), byte(sum>>8))
}

// withHeader puts another header on a member that Go wrote, which has the bare one of 10 bytes.
func withHeader(head, member []byte) []byte { return append(bytes.Clone(head), member[10:]...) }

// zs compresses each part as a frame.
func zs(t testing.TB, parts [][]byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		w, err := zstd.NewWriter(&b, append([]zstd.EOption{zstd.WithEncoderConcurrency(1)}, opts...)...)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(part)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// tool runs a program of the machine over in. ok is false if there is none.
func tool(t testing.TB, in []byte, name string, args ...string) (out []byte, ok bool) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Logf("%s is not installed: not tried", name)
		return nil, false
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return out, true
}

// onDisk writes an archive to a file.
func onDisk(t testing.TB, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// drain reads to the end in pieces of a size. err is never nil.
func drain(d *Reader, piece int) (content []byte, err error) {
	buf := make([]byte, piece)
	for err == nil {
		var n int
		n, err = d.Read(buf)
		content = append(content, buf[:n]...)
		if n > 0 && err != nil {
			return content, fmt.Errorf("content together with %w", err)
		}
	}
	return content, err
}

// readAll opens an archive and reads it to its end.
func readAll(archive []byte, k Kind) (content []byte, verified uint64, err error) {
	d, err := Open(bytes.NewReader(archive), int64(len(archive)), k)
	if err != nil {
		return nil, 0, err
	}
	defer d.Close()
	content, err = drain(d, 3000)
	return content, d.Verified(), err
}

// same compares long contents without printing them.
func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes, want %d; they differ from byte %d on", what, len(got), len(want), common(got, want))
	}
}

func common(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

var made struct {
	content []byte
	kinds   []Kind
	names   []string
	files   [][]byte
}

// archives are the same content as many programs may write it. They are made once.
func archives(t testing.TB) (content []byte, kinds []Kind, names []string, files [][]byte) {
	if made.content == nil {
		made.content, made.kinds, made.names, made.files = makeArchives(t)
	}
	return made.content, made.kinds, made.names, made.files
}

func makeArchives(t testing.TB) (content []byte, k []Kind, names []string, files [][]byte) {
	content = bytes.Join([][]byte{logText(300_000), noise(150_000), make([]byte, 200_000), logText(100_000)}, nil)
	third := len(content) / 3
	parts := [][]byte{content[:third], content[third : 2*third], content[2*third:]}
	add := func(kind Kind, name string, file []byte) {
		k, names, files = append(k, kind), append(names, name), append(files, file)
	}
	for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, 1, 6, 9} {
		add(Gzip, fmt.Sprintf("level %d", level), gz(t, level, content))
	}
	add(Gzip, "members", gz(t, 6, parts...))
	add(Gzip, "flushed", gzFlushed(t, parts...))
	var small [][]byte
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 1+len(rest)%977)
		small, rest = append(small, rest[:n]), rest[n:]
	}
	add(Gzip, "flushed often", gzFlushed(t, small...))
	add(Gzip, "all headers, empty members, padding", bytes.Join([][]byte{withHeader(fullHeader(), gz(t, 6, nil)),
		withHeader(fullHeader(), gz(t, 6, content)), gz(t, 1, nil), make([]byte, 70_000), gz(t, 1, nil), make([]byte, 512)}, nil))
	add(Zstd, "frame", zs(t, [][]byte{content}))
	add(Zstd, "frames", zs(t, parts, zstd.WithEncoderLevel(zstd.SpeedFastest)))
	add(Zstd, "no checksum", zs(t, parts, zstd.WithEncoderCRC(false)))
	add(Zstd, "single segments", zs(t, parts, zstd.WithSingleSegment(true)))
	skip := []byte("\x53\x2a\x4d\x18\x05\x00\x00\x00hello")
	add(Zstd, "skippable frames, padding", bytes.Join([][]byte{skip, zs(t, [][]byte{content}), skip, make([]byte, 512)}, nil))
	for _, cmd := range [][]string{{"gzip", "-1"}, {"gzip", "-9"}, {"gzip", "--rsyncable"}, {"pigz", "-b", "128"}, {"pigz", "-i"}} {
		if out, ok := tool(t, content, cmd[0], cmd[1:]...); ok {
			add(Gzip, fmt.Sprint(cmd), out)
		}
	}
	for _, arg := range []string{"-1", "-T2", "-19", "--no-check"} {
		if out, ok := tool(t, content, "zstd", arg, "-c"); ok {
			add(Zstd, "zstd "+arg, out)
		}
	}
	return content, k, names, files
}

// rawDeflate compresses content to end at a byte, with no last block.
func rawDeflate(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(content)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
