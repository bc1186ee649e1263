package spool

import (
	"crypto/rand"
	"encoding/binary"

	"belfry/shared/segment"
)

// Record is what Next returns: what was put, or what was lost.
type Record struct {
	LSN               uint64 // its number in the log, or one of those that were lost: what Confirm takes
	Epoch, First, End uint64 // its place: [First, End) of the epoch, as long as Payload
	Payload           []byte // valid until the next call of Next; none if it is lost
	Lost              bool   // a failed write or damage has taken what was in this place: one record or many
}

const (
	placeBytes  = 8 + 8                               // epoch and first
	recordCost  = segment.RecordOverhead + placeBytes // of a record on disk, beside its payload
	mostPayload = segment.MaxRecord - placeBytes
)

func appendPlace(dst []byte, epoch, first uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, epoch), first)
}

// parseRecord reads what lies in the log. Nobody has ever written one that it refuses.
func parseRecord(lsn uint64, b []byte) (r Record, ok bool) {
	if len(b) < placeBytes {
		return r, false
	}
	first := binary.LittleEndian.Uint64(b[8:])
	payload := b[placeBytes:]
	return Record{
		LSN: lsn, Epoch: binary.LittleEndian.Uint64(b), First: first, End: first + uint64(len(payload)), Payload: payload,
	}, true
}

// drawEpoch draws an epoch that no other has. It stays below 2^48, so that it counts in a float as well.
func drawEpoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:6]) // never fails (crypto/rand)
	return max(binary.LittleEndian.Uint64(b[:]), 1)
}
