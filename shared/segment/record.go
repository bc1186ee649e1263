package segment

import (
	"encoding/binary"
	"hash/crc32"
)

// RecordOverhead is what a record takes on disk beside its payload, in bytes.
const RecordOverhead = 4 + 4 + 8

const (
	magic        = "belfseg\x01"
	saltBytes    = 8
	fileHeader   = 8 + saltBytes + 4 // magic, salt, checksum
	recordHeader = RecordOverhead
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHeader(dst []byte, salt [saltBytes]byte) []byte {
	n := len(dst)
	dst = append(append(dst, magic...), salt[:]...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[n:], castagnoli))
}

// parseHeader returns the seed of the checksums of a segment that begins with head.
func parseHeader(head []byte) (seed uint32, ok bool) {
	if len(head) < fileHeader || string(head[:len(magic)]) != magic {
		return 0, false
	}
	body := head[:fileHeader-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[fileHeader-4:]) {
		return 0, false
	}
	return seedOf([saltBytes]byte(body[len(magic):])), true
}

func seedOf(salt [saltBytes]byte) uint32 { return crc32.Checksum(salt[:], castagnoli) }

// head is the decoded header of a record.
type head struct {
	length uint32
	sum    uint32
	lsn    uint64
}

func parseHead(b []byte) head {
	return head{
		length: binary.LittleEndian.Uint32(b),
		sum:    binary.LittleEndian.Uint32(b[4:]),
		lsn:    binary.LittleEndian.Uint64(b[8:]),
	}
}

// checksum is that of a record; b holds its header. It works in place: an array of its own would be an allocation each time.
func checksum(seed uint32, b, payload []byte) uint32 {
	sum := crc32.Update(crc32.Update(seed, castagnoli, b[:4]), castagnoli, b[8:recordHeader])
	return crc32.Update(sum, castagnoli, payload)
}

func appendRecord(dst []byte, seed uint32, lsn uint64, payload []byte) []byte {
	n := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(payload))) // at most MaxRecord; the upper half is for the checksum
	dst = binary.LittleEndian.AppendUint64(dst, lsn)
	dst = append(dst, payload...)
	b := dst[n:]
	binary.LittleEndian.PutUint32(b[4:], checksum(seed, b, b[recordHeader:]))
	return dst
}
