package lines

import (
	"encoding/hex"
	"hash"
	"slices"
	"unicode/utf8"
)

// deliver applies the rules to an event and hands it on with all its ranges.
func (r *Reader) deliver(e *entry, s Sink) error {
	if told := (span{r.group, r.upto}); r.mixed && told != r.told {
		if err := s.Joined(told.first, told.end); err != nil {
			return err
		}
		r.told = told
	}
	for i := range r.c.drop {
		if r.c.drop[i].names(e.Text) {
			return skip(e, SkipRule, s)
		}
	}
	if e.Partial && e.First == 0 && e.Length == 0 && e.Stream == "" {
		return skip(e, SkipHeader, s)
	}
	r.finalize(e)
	for _, m := range e.more {
		if err := s.Covered(m.first, m.end); err != nil {
			return err
		}
	}
	return s.Event(&e.Event)
}

// skip passes over an event, its later pieces first.
func skip(e *entry, why SkipReason, s Sink) error {
	for _, m := range e.more {
		if err := s.Covered(m.first, m.end); err != nil {
			return err
		}
	}
	return s.Skip(e.First, e.End, why)
}

// finalize masks and cuts the text.
func (r *Reader) finalize(e *entry) {
	limit := r.c.limit
	if e.rows > 1 {
		limit = max(limit, r.c.multi.maxBytes)
	}
	e.Truncated = e.Length > limit
	if len(r.c.mask) > 0 {
		r.maskText(e, limit)
	}
	e.Text = cut(e.Text, limit)
	switch {
	case r.enc == utf8Text:
		e.Invalid = !utf8.Valid(e.Text)
		if e.Invalid && !e.Masked {
			e.Raw = e.Text
		}
	case e.Invalid && !e.Masked:
		e.Raw = e.raw[:min(len(e.raw), limit)]
	}
}

// maskText replaces what the rules find, and what they may find if they saw all of a line that is cut. The cut counts
// bytes as they were before: none from behind it moves up to where it is sent.
func (r *Reader) maskText(e *entry, limit int) {
	found := r.scratch.spans[:0]
	for i := range r.c.mask {
		found = r.c.mask[i].spans(found, e.Text)
		if b := r.c.mask[i].begun; b != nil && e.Length > len(e.Text) {
			found = b.span(found, e.Text)
		}
	}
	r.scratch.spans = found
	found = union(found)
	end := uint64(len(cut(e.Text, limit)))
	if len(found) == 0 || found[0].first >= end {
		return
	}
	e.Masked = true
	out, at, whole := r.scratch.text[:0], uint64(0), true
	for _, f := range found {
		if f.first >= end {
			break
		}
		out = append(out, e.Text[at:f.first]...)
		if whole = len(out)+tokenSize <= limit; !whole {
			break
		}
		out, at = appendToken(out, r.scratch.mac, e.Text[f.first:f.end]), f.end
	}
	if whole && at < end {
		out = append(out, e.Text[at:end]...)
	}
	r.scratch.text = out
	e.Truncated = e.Truncated || !whole || len(out) > limit
	e.Text = out
}

// union sorts spans, and makes one of those that overlap. Empty ones go.
func union(all []span) []span {
	all = slices.DeleteFunc(all, func(s span) bool { return s.first == s.end })
	slices.SortFunc(all, func(a, b span) int { return int(int64(a.first) - int64(b.first)) })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && s.first < out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

// tokenSize is the size of [masked:0123456789abcdef].
const tokenSize = len("[masked:]") + 16

func appendToken(dst []byte, mac hash.Hash, secret []byte) []byte {
	mac.Reset()
	_, _ = mac.Write(secret) // it never fails
	var sum [32]byte
	dst = append(dst, "[masked:"...)
	return append(hex.AppendEncode(dst, mac.Sum(sum[:0])[:8]), ']')
}

// cut returns at most so many bytes of a text, and no broken character at their end.
func cut(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	for i := limit; i > 0 && i > limit-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return text[:i]
		}
	}
	return text[:limit]
}
