package archive

import (
	tarpkg "archive/tar"
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestKindOf(t *testing.T) {
	f := func(path, stem string, want Kind) {
		t.Helper()
		gotStem, got := Trim(path)
		if gotStem != stem || got != want || KindOf(path) != want {
			t.Errorf("Trim(%q) = %q, %s; want %q, %s", path, gotStem, got, stem, want)
		}
		if got.Readable() != (want == Gzip || want == Zstd) {
			t.Errorf("%s is readable: %v", got, got.Readable())
		}
	}
	f("/var/log/auth.log", "/var/log/auth.log", Plain)
	f("/var/log/auth.log.2.gz", "/var/log/auth.log.2", Gzip)
	f("auth.log-20261123.zst", "auth.log-20261123", Zstd)
	f("a.bz2", "a", Bzip2)
	f("a.xz", "a", Xz)
	f("a.lz4", "a", LZ4)
	f("a.Z", "a", Compress)
	f("a.z", "a.z", Plain)
	f("a.lzma", "a", LZMA)
	f("a.zip", "a", Zip)
	f("a.br", "a", Brotli)
	f("a.7z", "a", SevenZip)
	f("logs.tar.gz", "logs", Tar)
	f("logs.tgz", "logs", Tar)
	f("logs.tar", "logs", Tar)
	f("gz", "gz", Plain)
	f("/var/log/.gz", "/var/log/.gz", Plain)
	f(".gz", ".gz", Plain)
	f("/var/log/my.gz/auth.log", "/var/log/my.gz/auth.log", Plain)
}

func TestSniff(t *testing.T) {
	f := func(first string, want Kind) {
		t.Helper()
		if got := Sniff([]byte(first)); got != want {
			t.Errorf("Sniff(%q) = %s, want %s", first, got, want)
		}
	}
	f("", Plain)
	f("Nov 28 09:00:00 host", Plain)
	f("\x1f", Plain)
	f("\x1f\x8b", Gzip)
	f("\x28\xb5\x2f\xfd", Zstd)
	f("\x5a\x2a\x4d\x18", Zstd)
	f("\x6a\x2a\x4d\x18", Plain)
	f("\x50\x2a\x4d", Plain)
	f("BZh9", Bzip2)
	f("\xfd7zXZ\x00", Xz)
	f("\x1f\x9d\x90", Compress)
	f("PK\x03\x04", Zip)
	if s := Kind(77).String(); s != "unknown" {
		t.Errorf("kind 77 is %q", s)
	}
}

func TestKindOfFile(t *testing.T) {
	t.Parallel()
	var tar bytes.Buffer
	w := tarpkg.NewWriter(&tar)
	if err := errors.Join(w.WriteHeader(&tarpkg.Header{Name: "app.log.1", Size: 5, Mode: 0o640}), w.Flush()); err == nil {
		t.Fatal("a file without its bytes was written")
	}
	said := append(bytes.Repeat([]byte("x"), tarMagicAt), bytes.Repeat([]byte(tarMagic), 100)...) // as anybody may have logged
	f := func(path, content string, want Kind) {
		t.Helper()
		if got := KindOfFile(path, strings.NewReader(content)); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	f("/l/@4000.s", "\x1f\x8b\x08\x00\x00\x00", Gzip)
	f("/l/app.log.1", zstdMagic+"\x00\x00", Zstd)
	f("/l/app.log.1", "\xfd7zXZ\x00", Xz)
	f("/l/app.log-2029", tar.String(), Tar)
	f("/l/app.log", string(said), Plain)
	f("/l/app.log", "BZh is how a line may begin\n", Plain)
	f("/l/app.log", "LZIP is how a line may begin\n", Plain)
	f("/l/app.log", "\x1f", Plain)
	f("/l/app.log", "", Plain)
	f("/l/app.log.gz", "no gzip", Gzip)
}
