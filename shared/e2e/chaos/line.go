package main

import (
	"bytes"
	"hash/crc32"
	"strconv"
	"time"
)

// program is the name under which the lines are written.
const program = "chaos"

// A line says of itself which it is, and a checksum of all in front of it says that it is whole:
//
//	2026-11-24T17:49:56.123456+00:00 web01 chaos[1]: number=17 of=web01 file=mail.log words of no meaning sum=8f1c22aa
//
// But for the time it depends on the seed, the host and the number alone.
const (
	stampLayout = "2006-01-02T15:04:05.000000-07:00"
	beforeNum   = "]: number="
	beforeHost  = " of="
	beforeFile  = " file="
	beforeSum   = " sum="
	sumLen      = 8 // hex digits
)

// words of which the text is made.
var words = []string{
	"accepted", "backend", "cache", "connection", "deadline", "disk", "fetched", "from", "handler", "idle", "index",
	"job", "key", "lease", "message", "node", "offset", "page", "queue", "reader", "request", "segment", "session",
	"slow", "stored", "sync", "table", "timeout", "upstream", "user", "worker", "write",
}

// appendLine appends line number n of a host, with its line end.
func appendLine(dst []byte, seed uint64, host, file string, n int, at time.Time) []byte {
	begin := len(dst)
	dst = at.AppendFormat(dst, stampLayout)
	dst = append(append(dst, ' '), host...)
	dst = append(append(dst, ' '), program...)
	dst = append(dst, "[1"...)
	dst = append(dst, beforeNum...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	dst = append(append(dst, beforeHost...), host...)
	dst = append(append(dst, beforeFile...), file...)
	for r := scramble(seed ^ uint64(n)<<20 ^ nameHash(host)); r > 1<<40; r /= uint64(len(words)) {
		dst = append(append(dst, ' '), words[r%uint64(len(words))]...)
	}
	sum := crc32.ChecksumIEEE(dst[begin:])
	dst = append(dst, beforeSum...)
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[sum>>shift&15])
	}
	return append(dst, '\n')
}

// scramble spreads the bits of a number (the finalizer of SplitMix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// nameHash is a host's part in what is drawn for it.
func nameHash(host string) uint64 { return uint64(crc32.ChecksumIEEE([]byte(host))) }

// readLine reads which line this is. ok is false if it is none, or not whole.
func readLine(line []byte) (host []byte, n int, ok bool) {
	at := len(line) - sumLen
	if at < len(beforeSum) || !bytes.HasSuffix(line[:at], []byte(beforeSum)) {
		return nil, 0, false
	}
	sum, err := strconv.ParseUint(string(line[at:]), 16, 32)
	if err != nil || crc32.ChecksumIEEE(line[:at-len(beforeSum)]) != uint32(sum) {
		return nil, 0, false
	}
	_, rest, found := bytes.Cut(line, []byte(beforeNum))
	number, rest, found2 := bytes.Cut(rest, []byte(beforeHost))
	host, _, found3 := bytes.Cut(rest, []byte(beforeFile))
	n, err = strconv.Atoi(string(number))
	return host, n, err == nil && found && found2 && found3
}
