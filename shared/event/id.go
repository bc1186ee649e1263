package event

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Key is a 128-bit identifier: of an agent, of a stream, of an event. It is written as 32 lower-case hex digits.
type Key [16]byte

// ParseKey reads the written form of a Key.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != 2*len(k) {
		return k, fmt.Errorf("key %q: %d characters, want %d hex digits", s, len(s), 2*len(k))
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return k, fmt.Errorf("key %q: %w", s, err)
	}
	return k, nil
}

// String returns the written form.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// IsZero reports whether the key was never set.
func (k Key) IsZero() bool { return k == Key{} }

// AppendHex appends the written form to dst.
func (k Key) AppendHex(dst []byte) []byte { return hex.AppendEncode(dst, k[:]) }

// ID returns the identity of the event that begins at offset of an epoch of a stream: a 128-bit hash that depends on
// no clock and no content, so that it survives crash, rename and gzip.
func ID(agent, stream Key, epoch, offset uint64) Key {
	var in [48]byte
	copy(in[0:16], agent[:])
	copy(in[16:32], stream[:])
	binary.BigEndian.PutUint64(in[32:], epoch)
	binary.BigEndian.PutUint64(in[40:], offset)
	sum := sha256.Sum256(in[:])
	return Key(sum[:16])
}

// HashKey returns the 128-bit hash of parts, kept apart by their lengths.
func HashKey(parts ...string) Key {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return Key(h.Sum(nil)[:16])
}

// MarshalText writes the 32 hex digits.
func (k Key) MarshalText() ([]byte, error) { return k.AppendHex(nil), nil }

// UnmarshalText reads the 32 hex digits.
func (k *Key) UnmarshalText(text []byte) error {
	parsed, err := ParseKey(string(text))
	*k = parsed
	return err
}

// RandomKey draws a Key that nothing else has.
func RandomKey() Key {
	var k Key
	rand.Read(k[:]) // never fails (crypto/rand)
	return k
}
