package query

import "unicode/utf8"

// wordBytes holds, for each byte of ASCII, what it is in a word: lower-cased, 0 if it parts words.
var wordBytes = func() (t [utf8.RuneSelf]byte) {
	for c := range byte(utf8.RuneSelf) {
		if isWordRune(rune(c)) {
			t[c] = byte(lower(rune(c)))
		}
	}
	return t
}()

// AppendWords appends to dst what Words returns, and says how long its longest word is, in bytes before it is cut; 0: it
// has none.
func AppendWords(dst []byte, text string) (out []byte, longest int) {
	first := len(dst) // where the words begin
	begin := -1       // where the word that is being written begins; -1: there is none
	end := func() {
		if begin >= 0 {
			longest = max(longest, len(dst)-begin)
			if len(dst)-begin > MaxWord {
				dst = append(dst[:begin], cutWord(dst[begin:])...)
			}
			begin = -1
		}
	}
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			w := wordBytes[c]
			if w == 0 {
				end()
				continue
			}
			if begin < 0 {
				if len(dst) > first {
					dst = append(dst, ' ')
				}
				begin = len(dst)
			}
			dst = append(dst, w)
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		if !isWordRune(r) {
			end()
			continue
		}
		if begin < 0 {
			if len(dst) > first {
				dst = append(dst, ' ')
			}
			begin = len(dst)
		}
		dst = utf8.AppendRune(dst, lower(r))
	}
	end()
	return dst, longest
}
