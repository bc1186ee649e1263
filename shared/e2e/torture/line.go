package main

import (
	"bytes"
	"hash/crc32"
	"strconv"
)

// A line says of itself which it is, and whether it is whole:
//
//	t16b 3 1234 8f1c22aa payload of letters and digits
//
// host, number of the file (a new one for each content), seq within it (0 and up without a hole), and the CRC-32 (IEEE)
// of all the other words. The length of the payload depends on seq and the file's width alone, so that the length of a
// line that is lost is known.
const sumLen = 8 // hex digits

// mark is which line one is.
type mark struct {
	file int // its number
	seq  int
}

// letters is what payloads are cut from. It has no order by which zstd could make it vanish.
var letters = func() string {
	const of = "abcdefghijklmnopqrstuvwxyz0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ "
	b := make([]byte, 1<<19)
	for i, x := 0, uint32(2463534242); i < len(b); i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = of[x%uint32(len(of))]
	}
	return string(b)
}()

// payloadLen is the length of a line's payload: from half the width to one and a half of it.
func payloadLen(width, seq int) int { return width/2 + seq*7919%(width+1) }

// maxWidth bounds the width of a file.
const maxWidth = 128 << 10

// middle is a line's payload without its first and last letter, which are no blanks.
func middle(width int, m mark) string {
	n := max(payloadLen(width, m.seq)-2, 0)
	at := (m.seq*131 + m.file*8191) % (len(letters) - n)
	return letters[at : at+n]
}

// appendLine appends a line with its line end.
func appendLine(dst []byte, host string, width int, m mark) []byte {
	begin := len(dst)
	dst = append(append(dst, host...), ' ')
	dst = append(strconv.AppendInt(dst, int64(m.file), 10), ' ')
	dst = append(strconv.AppendInt(dst, int64(m.seq), 10), ' ')
	hole := len(dst)
	dst = append(dst, "00000000 "...)
	dst = append(append(append(dst, 'p'), middle(width, m)...), '.')
	sum := lineSum(dst[begin:], hole-begin)
	for i, shift := hole, 28; shift >= 0; i, shift = i+1, shift-4 {
		dst[i] = "0123456789abcdef"[sum>>shift&15]
	}
	return append(dst, '\n')
}

// lineSum is the checksum of a line around the place where it stands.
func lineSum(line []byte, hole int) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(line[:hole]), crc32.IEEETable, line[hole+sumLen:])
}

// readLine reads which line this is. ok is false if it is none, or not whole.
func readLine(line []byte) (host []byte, m mark, ok bool) {
	host, rest, ok1 := bytes.Cut(line, []byte{' '})
	file, rest, ok2 := bytes.Cut(rest, []byte{' '})
	seq, rest, ok3 := bytes.Cut(rest, []byte{' '})
	if !ok1 || !ok2 || !ok3 || len(rest) < sumLen+1 || rest[sumLen] != ' ' {
		return nil, m, false
	}
	sum, err := strconv.ParseUint(string(rest[:sumLen]), 16, 32)
	if err != nil || lineSum(line, len(line)-len(rest)) != uint32(sum) {
		return nil, m, false
	}
	var err2 error
	m.file, err = strconv.Atoi(string(file))
	m.seq, err2 = strconv.Atoi(string(seq))
	return host, m, err == nil && err2 == nil && m.seq >= 0 && m.file > 0
}
