// Package mask takes secrets out of lines before they are stored anywhere. What a rule finds becomes
// [masked:0123456789abcdef], a part of its HMAC: the same secret gives the same token, so that it can be searched for
// by those who know it, and tells nothing to others.
//
// Rules are data: the defaults are in defaults.yml, and an operator replaces each by one of the same name, adds more,
// or switches it off. A rule costs next to nothing for a line that holds none of its words. A Masker is safe for
// concurrent use.
package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// KeySize is the size of a key in bytes; a shorter one is refused.
const KeySize = 16

// Masker masks by rules.
type Masker struct {
	rules []rule
	keep  []*regexp.Regexp
	words words
	macs  sync.Pool
}

// New compiles the rules. The key is of the HMAC that stands for what is masked.
func New(cfg Config, key []byte) (*Masker, error) {
	if len(key) < KeySize {
		return nil, errors.New("mask: the key is shorter than 16 bytes")
	}
	rules, keep, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	return &Masker{
		rules: rules,
		keep:  keep,
		words: newWords(rules),
		macs:  sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
	}, nil
}

// Text returns a text with its secrets masked, and whether there were any. program is whose text it is, as a syslog
// header names it; "" where that is not known: then the rules of every program apply.
func (m *Masker) Text(program, text string) (string, bool) {
	if !m.words.in(text) {
		return text, false
	}
	return m.replace(m.find(program, text), text)
}

// Rest is Text for what goes on where another text ends, which was masked before: a secret may begin in that, or be the first
// word of the rest.
func (m *Masker) Rest(program, before, rest string) (string, bool) {
	var found []span
	if n := len(before) - tokenSize; n >= 0 && inToken(before[n:], tokenSize) { // a word that was broken
		if end := strings.IndexAny(rest, " \t\"';"); end >= 0 {
			found = append(found, span{0, end})
		} else {
			found = append(found, span{0, len(rest)})
		}
	}
	if whole := before + rest; m.words.in(whole) {
		for _, s := range m.find(program, whole) {
			if s.end > len(before) {
				found = append(found, span{max(s.first-len(before), 0), s.end - len(before)})
			}
		}
	}
	return m.replace(known(union(found), rest), rest)
}

// find returns where secrets are.
func (m *Masker) find(program, text string) []span {
	var found []span
	for i := range m.rules {
		if r := &m.rules[i]; r.isFor(program) && r.speaksOf(text) {
			found = r.find(found, text)
		}
	}
	return m.secrets(found, text)
}

// replace puts tokens in the place of secrets.
func (m *Masker) replace(found []span, text string) (string, bool) {
	if len(found) == 0 {
		return text, false
	}
	mac := m.macs.Get().(hash.Hash)
	defer m.macs.Put(mac)
	out, at := make([]byte, 0, len(text)+len(found)*tokenSize), 0
	for _, s := range found {
		out = append(out, text[at:s.first]...)
		quote := quoteOf(text[:s.first])
		out = append(out, quote...)
		out = appendToken(out, mac, text[s.first:s.end])
		out = append(out, quote...)
		at = s.end
	}
	return string(append(out, text[at:]...)), true
}

// quoteOf returns the quote that a token needs behind a text: where a number stood in JSON, it is to be JSON still.
func quoteOf(before string) string {
	before = strings.TrimRight(before, " \t")
	switch {
	case strings.HasSuffix(before, `\":`):
		return `\"`
	case strings.HasSuffix(before, `":`):
		return `"`
	}
	return ""
}

// Value returns the value of a field with its secrets masked, and whether there were any. A field that is called a
// password is one as a whole.
func (m *Masker) Value(name, value string) (string, bool) {
	if !m.words.in(name[strings.LastIndexByte(name, '.')+1:] + "=") {
		return m.Text("", value)
	}
	if inToken(value, len(value)) {
		return value, false
	}
	mac := m.macs.Get().(hash.Hash)
	defer m.macs.Put(mac)
	return string(appendToken(nil, mac, value)), true
}

// span is a part of a text: [first, end).
type span struct{ first, end int }

// secrets makes of what the rules found what is to be masked: nothing that is to be kept, and nothing that is a token
// already.
func (m *Masker) secrets(found []span, text string) []span {
	if len(found) == 0 {
		return nil
	}
	found = union(found)
	for _, p := range m.keep {
		found = without(found, p.FindAllStringIndex(text, -1))
	}
	return known(found, text)
}

// known leaves out what is empty, or a token already.
func known(found []span, text string) []span {
	return slices.DeleteFunc(found, func(s span) bool { return s.first >= s.end || inToken(text[s.first:], s.end-s.first) })
}

// without ends each span where a part of the text begins that is to be kept; one that begins in such a part goes. Both are
// in order.
func without(all []span, kept [][]int) []span {
	for i := range all {
		s := &all[i]
		for len(kept) > 0 && kept[0][1] <= s.first {
			kept = kept[1:]
		}
		if len(kept) > 0 && kept[0][0] < s.end {
			s.end = max(s.first, kept[0][0])
		}
	}
	return all
}

// union sorts spans, and makes one of those that overlap. Empty ones go.
func union(all []span) []span {
	all = slices.DeleteFunc(all, func(s span) bool { return s.first == s.end })
	slices.SortFunc(all, func(a, b span) int { return a.first - b.first })
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

const (
	tokenHead = "[masked:"
	tokenSize = len(tokenHead) + 16 + len("]")
)

// inToken reports whether the first n bytes of a text are of what stands for a secret: an agent may have masked it
// before.
func inToken(text string, n int) bool {
	if n > tokenSize || len(text) < tokenSize || !strings.HasPrefix(text, tokenHead) || text[tokenSize-1] != ']' {
		return false
	}
	_, err := hex.DecodeString(text[len(tokenHead) : tokenSize-1])
	return err == nil
}

func appendToken(dst []byte, mac hash.Hash, secret string) []byte {
	mac.Reset()
	_, _ = mac.Write([]byte(secret)) // it never fails
	var sum [sha256.Size]byte
	dst = append(dst, tokenHead...)
	return append(hex.AppendEncode(dst, mac.Sum(sum[:0])[:8]), ']')
}
