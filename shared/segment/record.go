package segment

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	magic        = "belfseg\x01"
	saltBytes    = 8
	fileHeader   = 8 + saltBytes + 4 // magic, salt, checksum
	recordHeader = 4 + 4 + 8
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

func (h head) checksum(seed uint32, payload []byte) uint32 {
	var b [12]byte
	binary.LittleEndian.PutUint32(b[:], h.length)
	binary.LittleEndian.PutUint64(b[4:], h.lsn)
	return crc32.Update(crc32.Update(seed, castagnoli, b[:]), castagnoli, payload)
}

func appendRecord(dst []byte, seed uint32, lsn uint64, payload []byte) []byte {
	h := head{length: uint32(len(payload)), lsn: lsn}
	dst = binary.LittleEndian.AppendUint32(dst, h.length)
	dst = binary.LittleEndian.AppendUint32(dst, h.checksum(seed, payload))
	dst = binary.LittleEndian.AppendUint64(dst, h.lsn)
	return append(dst, payload...)
}
