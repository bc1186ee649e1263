package app

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"time"

	"belfry/agent/input/syslog"
)

// A message in the spool, version 1:
//
//	1 byte   version, 1
//	1 byte   transport: 0 udp, 1 tcp, 2 unix
//	8 bytes  when it was received, in microseconds since 1970, little-endian
//	uvarint  length of the original, if that was longer than what is kept; else 0
//	1 byte   length of the sender's address: 0, 4 or 16; then the address, and if there is one, 2 bytes of port, little-endian
//	uvarint  length of the client's name, then the name
//	the message, to the end
//
// It is the same for as long as it lies there, so that the event that is made of it is, too.
const keptVersion = 1

var transports = [...]string{"udp", "tcp", "unix"}

// appendKept appends a message as it lies in the spool.
func appendKept(b []byte, m *syslog.Message) []byte {
	b = append(b, keptVersion, byte(max(slices.Index(transports[:], m.Transport), 0)))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Received.UnixMicro()))
	original := 0
	if m.OriginalLength > len(m.Raw) {
		original = m.OriginalLength
	}
	b = binary.AppendUvarint(b, uint64(original))
	switch a := m.Peer.Addr().Unmap().WithZone(""); {
	case a.Is4():
		v4 := a.As4()
		b = binary.LittleEndian.AppendUint16(append(append(b, 4), v4[:]...), m.Peer.Port())
	case a.Is6():
		v6 := a.As16()
		b = binary.LittleEndian.AppendUint16(append(append(b, 16), v6[:]...), m.Peer.Port())
	default:
		b = append(b, 0)
	}
	b = append(binary.AppendUvarint(b, uint64(len(m.Client))), m.Client...)
	return append(b, m.Raw...)
}

var errNotKept = errors.New("not a message")

// readKept reads what appendKept wrote. Raw is a part of b.
func readKept(b []byte) (m syslog.Message, err error) {
	if len(b) < 10 || b[0] != keptVersion || int(b[1]) >= len(transports) {
		return m, errNotKept
	}
	m.Transport = transports[b[1]]
	m.Received = time.UnixMicro(int64(binary.LittleEndian.Uint64(b[2:]))).UTC()
	r := keptReader{rest: b[10:]}
	m.OriginalLength = int(r.uvarint())
	if size := r.bytes(1); len(size) == 1 && size[0] > 0 {
		a, ok := netip.AddrFromSlice(r.bytes(uint64(size[0])))
		port := r.bytes(2)
		if !ok || len(port) != 2 {
			return m, errNotKept
		}
		m.Peer = netip.AddrPortFrom(a, binary.LittleEndian.Uint16(port))
	}
	m.Client = string(r.bytes(r.uvarint()))
	if r.bad {
		return m, errNotKept
	}
	m.Raw = r.rest
	m.OriginalLength = max(m.OriginalLength, len(m.Raw))
	return m, nil
}

// keptReader takes parts off the front.
type keptReader struct {
	rest []byte
	bad  bool // there was less
}

func (r *keptReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *keptReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
