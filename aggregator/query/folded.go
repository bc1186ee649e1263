package query

import (
	"strings"
	"unicode/utf8"
)

// The storage rules out whole blocks by a word, but only in the case in which it is written, and words are to be found
// in any. So the words of a text that are not lower-case stand lower-cased in a column of their own. Most are lower-case:
// such a column is short.

// FoldedColumn returns the name of the column of a text field's folded words: AppendFolded of each of its values. Where
// an event.original ends with the message, it is FoldedHead of it.
func FoldedColumn(field string) string { return "_folded." + field }

// AppendFolded appends to dst the words of one value of a text field that its column of folded words holds: lower-cased,
// with a blank in front of each. These are all that are not lower-case, and all words where the storage may see others
// than we do: in a value that is listed, in one with U+FFFD, and in one that looks like a number or a time.
func AppendFolded(dst []byte, value string, listed bool) []byte {
	if listed || doubtful(value) || likeNumber(value) && strings.IndexByte(value, ' ') < 0 {
		for start, end, ok := nextWord(value, 0); ok; start, end, ok = nextWord(value, end) {
			dst = appendLower(append(dst, ' '), value[start:end])
		}
		return dst
	}
	for i := 0; i < len(value); {
		if c := value[i]; c < utf8.RuneSelf && (wordBytes[c] == c || wordBytes[c] == 0) {
			i++
			continue
		}
		r, size := decode(value, i)
		if !isWordRune(r) || lower(r) == r {
			i += size
			continue
		}
		start := beginOfWord(value, i)
		_, i, _ = nextWord(value, i)
		dst = appendLower(append(dst, ' '), value[start:i])
	}
	return dst
}

// FoldedHead returns what stands in front of the message in the line it is from: the words of the message are in the
// message's column already.
func FoldedHead(original, message string) string {
	head, ok := strings.CutSuffix(original, message)
	if r, _ := utf8.DecodeLastRuneInString(head); !ok || isWordRune(r) {
		return original
	}
	return head
}

// beginOfWord returns where the word begins that byte i is in.
func beginOfWord(s string, i int) int {
	for i > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if !isWordRune(r) {
			break
		}
		i -= size
	}
	return i
}

func appendLower(dst []byte, word string) []byte {
	for _, r := range word {
		dst = utf8.AppendRune(dst, lower(r))
	}
	return dst
}
