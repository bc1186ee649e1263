package rotate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rotated is the name of a rotated file, taken apart. NAME.3.gz has number 3, NAME-20261128-101530.gz a stamp.
type rotated struct {
	name   string
	number int    // from 1; 0 if it has a stamp
	stamp  string // YYYYMMDD-HHMMSS, or YYYYMMDD as logrotate writes it
	ext    string // ".gz" and so on; "" if it is plain
}

// extensions are those of the archives that are counted and moved along, whoever made them.
var extensions = []string{".gz", ".zst", ".bz2", ".xz"}

const (
	stampLayout = "20060102-150405"
	dayLayout   = "20060102"
	maxNumber   = 1_000_000
)

// parseRotated takes the name of a rotated file of base apart.
func parseRotated(base, name string) (r rotated, ok bool) {
	rest, ok := strings.CutPrefix(name, base)
	if !ok || len(rest) < 2 {
		return rotated{}, false
	}
	r.name = name
	for _, e := range extensions {
		if plain, has := strings.CutSuffix(rest, e); has {
			rest, r.ext = plain, e
			break
		}
	}
	switch {
	case rest == "":
		return rotated{}, false
	case rest[0] == '.':
		n, err := strconv.Atoi(rest[1:])
		r.number = n
		return r, err == nil && n > 0 && n < maxNumber && strconv.Itoa(n) == rest[1:]
	case rest[0] == '-':
		r.stamp = rest[1:]
		return r, isStamp(r.stamp, stampLayout) || isStamp(r.stamp, dayLayout)
	}
	return rotated{}, false
}

func isStamp(s, layout string) bool {
	_, err := time.Parse(layout, s)
	return err == nil
}

// stem returns the name of the live file of which name would be a rotated one.
func stem(name string) (string, bool) {
	for i := len(name) - 1; i > 0; i-- {
		if name[i] != '.' && name[i] != '-' {
			continue
		}
		if _, ok := parseRotated(name[:i], name); ok {
			return name[:i], true
		}
	}
	return "", false
}

// series picks the rotated files of base out of a directory, the newest first.
func series(base string, names []string, byDate bool) []rotated {
	var all []rotated
	for _, n := range names {
		if r, ok := parseRotated(base, n); ok {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b rotated) int {
		if (a.number == 0) != (b.number == 0) { // what the configuration does not make any more is older
			if (a.number == 0) == byDate {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.number, b.number), -strings.Compare(a.stamp, b.stamp), strings.Compare(a.name, b.name))
	})
	return all
}

// place is what a rotated file is counted by: NAME.3 and NAME.3.gz have one.
func (r rotated) place() string { return fmt.Sprint(r.number, " ", r.stamp) }

// move is one rename.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
	File handle `json:"file"`
}

// shifts returns the renames that make NAME.1 free, the oldest first: only the numbers from 1 on without a gap move,
// and each of them with all its forms.
func shifts(base string, all []rotated) []move {
	by := map[int][]rotated{}
	for _, r := range all {
		if r.number > 0 {
			by[r.number] = append(by[r.number], r)
		}
	}
	last := 0
	for len(by[last+1]) > 0 {
		last++
	}
	var moves []move
	for n := last; n > 0; n-- {
		for _, r := range by[n] {
			moves = append(moves, move{From: r.name, To: fmt.Sprintf("%s.%d%s", base, n+1, r.ext)})
		}
	}
	return moves
}

// temporary names are hidden, so that no glob that follows logs takes them.
func newName(base string) string  { return "." + base + ".new.tmp" }
func packName(name string) string { return "." + name + ".gz.tmp" }
