package mask

// shortestWord is the least length of a word: the longer they are, the faster lines without one are passed over.
const shortestWord = 4

// words finds out whether a text may hold one of several words, in either case: it looks at two bytes at a time, and
// jumps by how far these are from the end of a word that has them (Wu and Manber, A fast algorithm for multi-pattern
// searching, 1994). The zero value finds none.
type words struct {
	shortest int
	shift    *[1 << 16]uint8
	all      []string // lower case
}

func newWords(rules []rule) words {
	var w words
	for i := range rules {
		w.all = append(w.all, rules[i].words...)
	}
	if len(w.all) == 0 {
		return w
	}
	w.shortest = len(w.all[0])
	for _, word := range w.all {
		w.shortest = min(w.shortest, len(word), 255)
	}
	w.shift = new([1 << 16]uint8)
	for i := range w.shift {
		w.shift[i] = uint8(w.shortest - 1)
	}
	for _, word := range w.all {
		for i := range w.shortest - 1 {
			for _, p := range pairs(word[i], word[i+1]) {
				w.shift[p] = min(w.shift[p], uint8(w.shortest-2-i))
			}
		}
	}
	return w
}

// pairs returns two bytes as they index the table, in each case.
func pairs(a, b byte) (all []uint16) {
	for _, x := range []byte{a, upper(a)} {
		for _, y := range []byte{b, upper(b)} {
			all = append(all, uint16(x)<<8|uint16(y))
		}
	}
	return all
}

// in reports whether one of the words may be in a text: their first shortest characters are.
func (w *words) in(text string) bool {
	if w.shift == nil {
		return false
	}
	for i := w.shortest - 2; i+1 < len(text); {
		jump := w.shift[uint16(text[i])<<8|uint16(text[i+1])]
		if jump > 0 {
			i += int(jump)
			continue
		}
		if w.at(text[i-(w.shortest-2):]) {
			return true
		}
		i++
	}
	return false
}

// at reports whether a text begins as one of the words does.
func (w *words) at(text string) bool {
	for _, word := range w.all {
		if len(text) >= len(word) && equalFold(text[:len(word)], word) {
			return true
		}
	}
	return false
}

// containsFold reports whether a word of lower case is in a text, in either case.
func containsFold(text, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		if lower(text[i]) == word[0] && equalFold(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// equalFold compares a text with a word of lower case that is as long.
func equalFold(text, word string) bool {
	for i := range len(word) {
		if lower(text[i]) != word[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c-'A' < 26 {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c-'a' < 26 {
		return c - ('a' - 'A')
	}
	return c
}
