package query

import (
	"unicode"
	"unicode/utf8"
)

// isWordRune says what words are made of. U+FFFD, which stands for bytes that are no UTF-8, ends a word.
func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r == '_'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// lower is the one way to fold case: character by character, no locale, no growth.
func lower(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(r)
}

// nextWord returns the bounds of the first word of s at or after byte i; ok is false when there is none.
func nextWord(s string, i int) (start, end int, ok bool) {
	for i < len(s) {
		r, size := decode(s, i)
		if isWordRune(r) {
			break
		}
		i += size
	}
	start = i
	for i < len(s) {
		r, size := decode(s, i)
		if !isWordRune(r) {
			break
		}
		i += size
	}
	return start, i, i > start
}

func decode(s string, i int) (rune, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(s[i:])
}

// containsWords reports whether words, which are lower-cased, stand in s one right after the other.
func containsWords(s string, words []pattern) bool {
	for start, end, ok := nextWord(s, 0); ok; start, end, ok = nextWord(s, end) {
		if wordsAt(s, start, end, words) {
			return true
		}
	}
	return false
}

// wordsAt is containsWords for words that begin with the one at s[start:end].
func wordsAt(s string, start, end int, words []pattern) bool {
	for i, w := range words {
		if i > 0 {
			var ok bool
			if start, end, ok = nextWord(s, end); !ok {
				return false
			}
		}
		if !w.matchFold(s[start:end]) {
			return false
		}
	}
	return true
}

// wordsOf splits a pattern as a text is split; wildcards count as parts of words. The words come lower-cased.
func wordsOf(p pattern) []pattern {
	var words []pattern
	inWord := false
	for _, r := range p {
		switch {
		case r < 0 || isWordRune(r):
			if !inWord {
				words = append(words, nil)
			}
			last := &words[len(words)-1]
			*last = append(*last, lower(r))
			inWord = true
		default:
			inWord = false
		}
	}
	return words
}
