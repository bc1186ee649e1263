package syslog

import "sync"

// How much is read of a connection at once: a sender that has filled the small buffer gets the large one for its next read. A
// connection that is silent holds none, unless it is of TLS: then one for a record (RFC 8446, section 5.1), and the rest of a
// header before it.
const (
	readLarge  = 64 << 10
	readSmall  = 8 << 10
	recordSize = 16<<10 + 512
)

// buffers lends memory to those who read at the moment.
type buffers struct{ large, small sync.Pool }

func (b *buffers) get(large bool) []byte {
	pool, size := &b.small, readSmall
	if large {
		pool, size = &b.large, readLarge
	}
	if p, ok := pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, size)
}

func (b *buffers) put(buf []byte) {
	if len(buf) == readLarge {
		b.large.Put(&buf)
	} else {
		b.small.Put(&buf)
	}
}
