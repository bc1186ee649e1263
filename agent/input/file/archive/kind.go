package archive

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// Kind is a way to compress a file. The zero value is none.
type Kind uint8

// The kinds that log files are found in. Gzip and Zstd can be read, the others are known by name only.
const (
	Plain Kind = iota
	Gzip
	Zstd
	Bzip2
	Xz
	LZMA
	Lzip
	LZ4
	LZO
	Compress
	Brotli
	Zip
	SevenZip
	Tar // also a compressed one
)

// kinds has for each kind its name, its endings, and the bytes that it begins with ("" if it has none).
var kinds = []struct {
	name    string
	endings []string
	magic   string
}{
	Plain:    {"plain", nil, ""},
	Gzip:     {"gzip", []string{".gz"}, "\x1f\x8b"},
	Zstd:     {"zstd", []string{".zst", ".zstd"}, zstdMagic},
	Bzip2:    {"bzip2", []string{".bz2"}, "BZh"},
	Xz:       {"xz", []string{".xz"}, "\xfd7zXZ\x00"},
	LZMA:     {"lzma", []string{".lzma"}, "\x5d\x00\x00"},
	Lzip:     {"lzip", []string{".lz"}, "LZIP"},
	LZ4:      {"lz4", []string{".lz4"}, "\x04\x22\x4d\x18"},
	LZO:      {"lzop", []string{".lzo"}, "\x89LZO\x00"},
	Compress: {"compress", []string{".Z"}, "\x1f\x9d"},
	Brotli:   {"brotli", []string{".br"}, ""},
	Zip:      {"zip", []string{".zip"}, "PK\x03\x04"},
	SevenZip: {"7z", []string{".7z"}, "7z\xbc\xaf\x27\x1c"},
	Tar:      {"tar", []string{".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst"}, ""},
}

// Readable says whether Open takes files of this kind.
func (k Kind) Readable() bool { return k == Gzip || k == Zstd }

// String returns the name of the kind, as "gzip".
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return "unknown"
}

// KindOf returns the kind that the ending of a path stands for: Gzip of "auth.log.2.gz". A compressed tar is a Tar.
func KindOf(path string) Kind {
	_, k := Trim(path)
	return k
}

// Trim cuts the ending of a kind off a path: "auth.log.2" and Gzip of "auth.log.2.gz". A path with none is Plain, and
// so is a name that is nothing but an ending.
func Trim(path string) (stem string, k Kind) {
	for k := range kinds {
		for _, ending := range kinds[k].endings {
			if stem, ok := strings.CutSuffix(path, ending); ok && stem != "" && !strings.HasSuffix(stem, "/") {
				if before, ok := strings.CutSuffix(stem, ".tar"); ok {
					return before, Tar
				}
				return stem, Kind(k)
			}
		}
	}
	return path, Plain
}

// The header of a tar (POSIX.1-1988, ustar; GNU alike).
const (
	tarMagic   = "ustar"
	tarMagicAt = 257
	tarSumAt   = 148 // 8 bytes, octal: the sum of all bytes of the header, these taken for blanks

	TarHead = 512 // so many bytes of a content tell whether it is a tar
)

// KindOfFile returns the kind that a name tells or, if it tells none, the first bytes of the file, where no text begins so: some
// compress a log and keep its name.
func KindOfFile(path string, r io.ReaderAt) Kind {
	if k := KindOf(path); k != Plain {
		return k
	}
	var first [TarHead]byte
	n, _ := r.ReadAt(first[:], 0) // what cannot be read is told by who reads it
	if IsTar(first[:n]) {
		return Tar
	}
	k := Sniff(first[:n])
	for _, c := range []byte(kinds[k].magic) {
		if c >= 0x80 {
			return k
		}
	}
	return Plain
}

// IsTar reports whether a content that begins so is a tar.
func IsTar(first []byte) bool {
	if len(first) < TarHead || string(first[tarMagicAt:tarMagicAt+len(tarMagic)]) != tarMagic {
		return false
	}
	sum, want := uint64(8*' '), strings.Trim(string(first[tarSumAt:tarSumAt+8]), " \x00")
	for i, c := range first[:TarHead] {
		if i < tarSumAt || i >= tarSumAt+8 {
			sum += uint64(c)
		}
	}
	said, err := strconv.ParseUint(want, 8, 32)
	return err == nil && said == sum
}

// Sniff returns the kind that the first bytes of a file tell; 6 are enough. Plain is what no kind begins with; the kinds
// without such bytes (Brotli, Tar) are never returned.
func Sniff(first []byte) Kind {
	for k, about := range kinds {
		if about.magic != "" && bytes.HasPrefix(first, []byte(about.magic)) {
			return Kind(k)
		}
	}
	if len(first) >= 4 && isSkippable(first) {
		return Zstd
	}
	return Plain
}
