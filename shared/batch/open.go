package batch

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Opener reads bodies, and makes some. It is safe for concurrent use.
type Opener struct {
	dec *zstd.Decoder
	enc *zstd.Encoder
}

// NewOpener returns an opener that refuses bodies of more than MaxBody bytes.
func NewOpener() (*Opener, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxBody))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	enc, err := newEncoder()
	if err != nil {
		return nil, err
	}
	return &Opener{dec, enc}, nil
}

// ErrAltered says that a body is not the one that its manifest describes.
var ErrAltered = errors.New("body does not match its manifest")

// Open decompresses a body and returns its lines, which share one buffer. The number of lines is the manifest's.
func (o *Opener) Open(m *Manifest, body []byte) ([][]byte, error) {
	if HashBody(body) != m.Body {
		return nil, ErrAltered
	}
	return o.OpenMasked(m, body)
}

// OpenMasked is Open for a body that is not as its sender made it, because secrets were taken out of it since: the word
// of who did that stands for it. It has as many lines as before.
func (o *Opener) OpenMasked(m *Manifest, body []byte) ([][]byte, error) {
	raw, err := o.Decompress(body)
	if err != nil {
		return nil, err
	}
	lines := Lines(raw)
	if len(lines) != m.Events {
		return nil, fmt.Errorf("body has %d lines, its manifest says %d", len(lines), m.Events)
	}
	return lines, nil
}

// Decompress returns the text of a zstd body of at most MaxBody bytes.
func (o *Opener) Decompress(body []byte) ([]byte, error) {
	raw, err := o.dec.DecodeAll(body, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress body: %w", err)
	}
	return raw, nil
}

// Compress makes the body of a text.
func (o *Opener) Compress(raw []byte) []byte { return o.enc.EncodeAll(raw, nil) }

// Lines splits NDJSON into its lines, without line ends and without empty lines.
func Lines(raw []byte) [][]byte {
	lines := make([][]byte, 0, bytes.Count(raw, []byte{'\n'})+1)
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		if len(bytes.TrimSpace(line)) > 0 {
			lines = append(lines, line)
		}
		raw = rest
	}
	return lines
}
