package app

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"belfry/aggregator/dead"
	"belfry/aggregator/mask"
	"belfry/aggregator/receive"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/segment"
)

// openMask makes the rules for secrets ready, with the key that is kept in the state: drawn when there is none.
func (a *Aggregator) openMask() (*mask.Masker, error) {
	path := a.cfg.Dir(maskFile)
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = []byte(rand.Text())
		err = segment.ReplaceFile(path, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("key of what is masked: %w", err)
	}
	return mask.New(a.cfg.Mask, key)
}

// mask takes the secrets out of a letter, before it is stored. Its hash is another then, and it says so. Of a body that is
// broken, all that can be decompressed is looked at; where a secret is in that, it is what is kept, for nobody can take the
// body again anyway.
func (d *deadLetters) mask(l *dead.Letter) {
	if reason, found := d.maskText([]byte(l.Reason)); found {
		l.Reason = string(reason)
	}
	raw, err := d.unpack(l)
	broken := err != nil
	if broken {
		raw = readable(l)
	}
	text, found := d.maskLines(raw)
	if !found {
		return
	}
	if l.Encoding == batch.ContentEncoding && !broken {
		text = d.open.Compress(text)
	} else {
		l.Encoding = ""
	}
	if broken {
		l.Bytes = max(l.Bytes, len(text)+1) // it is not whole: nobody is to send it again
	} else {
		l.Bytes = len(text)
	}
	l.Body = text
	if l.Headers == nil {
		l.Headers = make(map[string]string)
	}
	l.Headers[dead.MaskedHeader] = "1"
}

// readable returns the beginning of a body that is broken, as far as it can be decompressed.
func readable(l *dead.Letter) []byte {
	r, err := receive.Decompress(bytes.NewReader(l.Body), receive.Encoding(l.Body, l.Encoding))
	if err != nil {
		return nil
	}
	defer r.Close()
	text, _ := io.ReadAll(io.LimitReader(r, receive.MaxText)) // that it is broken is known
	return text
}

// unpack returns the text of a letter's body.
func (d *deadLetters) unpack(l *dead.Letter) ([]byte, error) {
	if l.Encoding == batch.ContentEncoding {
		return d.open.Decompress(l.Body)
	}
	return receive.Unpack(l.Body, l.Encoding)
}

// maskLines masks each line of a text, be it an event or not.
func (d *deadLetters) maskLines(raw []byte) (masked []byte, found bool) {
	var dec event.Decoder
	for line := range bytes.Lines(raw) {
		text := bytes.TrimRight(line, "\r\n")
		end := line[len(text):]
		if e, err := dec.Decode(text); err != nil {
			var hit bool
			text, hit = d.maskText(text)
			found = found || hit
		} else if d.parser.Mask(e) {
			text, found = e.AppendJSON(nil), true
		}
		masked = append(append(masked, text...), end...)
	}
	return masked, found
}

// maskText masks what is no event.
func (d *deadLetters) maskText(text []byte) ([]byte, bool) {
	e := new(event.Event)
	e.Set("message", string(text))
	if !d.parser.Mask(e) {
		return text, false
	}
	return []byte(e.Get("message")), true
}
