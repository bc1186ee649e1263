package ledger

import (
	"fmt"
	"slices"
	"sort"

	"belfry/shared/batch"
)

// rank is a kind as a number: where two overlap, the larger one wins.
type rank uint8

const (
	skipped rank = 1 + iota
	dropped
	dead
	data
)

var kinds = [...]batch.Kind{skipped: batch.Skipped, dropped: batch.Dropped, dead: batch.Dead, data: batch.Data}

func rankOf(k batch.Kind) (rank, error) {
	if i := slices.Index(kinds[1:], k); i >= 0 {
		return rank(i + 1), nil
	}
	return 0, fmt.Errorf("ledger: kind %q is not data, dead, dropped or skipped", k)
}

// span is the bytes [first, end) of one kind.
type span struct {
	first, end uint64
	rank       rank
}

// state is what is known of one position. It is a value: add returns a new one, and the old one stays good.
//
// Below mark, every byte is data unless one of the spans says otherwise; beyond it, only what the spans name is known.
// The spans are in order, without overlap; neighbours of one kind are one.
type state struct {
	mark  uint64
	spans []span
}

func (s state) held(offset uint64) bool {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].end > offset })
	if i < len(s.spans) && s.spans[i].first <= offset {
		return s.spans[i].rank == data
	}
	return offset < s.mark
}

func (s state) equal(o state) bool { return s.mark == o.mark && slices.Equal(s.spans, o.spans) }

// add returns the state with one more range.
func (s state) add(kind batch.Kind, first, end uint64, most int) (state, error) {
	r, err := rankOf(kind)
	if err != nil {
		return s, err
	}
	if first >= end {
		return s, fmt.Errorf("ledger: range [%d,%d) is empty", first, end)
	}
	if len(s.spans) == 0 && r == data && first <= s.mark { // the usual case: the stream goes on
		s.mark = max(s.mark, end)
		return s, nil
	}
	grown := pack(overlay(s.explicit(), span{first, end, r}))
	if over := len(grown.spans) - most; over > 0 {
		grown.forget(over)
	}
	if len(grown.spans) > most && len(grown.spans) > len(s.spans) {
		return s, ErrFull
	}
	return grown, nil
}

// explicit returns the spans with those between them that are data because they are below the mark.
func (s state) explicit() []span {
	all := make([]span, 0, 2*len(s.spans)+1)
	at := uint64(0)
	for _, sp := range s.spans {
		if end := min(sp.first, s.mark); at < end {
			all = append(all, span{at, end, data})
		}
		all = append(all, sp)
		at = sp.end
	}
	if at < s.mark {
		all = append(all, span{at, s.mark, data})
	}
	return all
}

// overlay returns all with one more span laid over them.
func overlay(all []span, n span) []span {
	out := make([]span, 0, len(all)+3)
	put := func(first, end uint64, r rank) {
		if first >= end {
			return
		}
		if k := len(out) - 1; k >= 0 && out[k].end == first && out[k].rank == r {
			out[k].end = end
			return
		}
		out = append(out, span{first, end, r})
	}
	at := n.first // so far n is laid out
	for _, sp := range all {
		if sp.first >= n.end || sp.end <= n.first {
			if sp.first >= n.end {
				put(at, n.end, n.rank)
				at = n.end
			}
			put(sp.first, sp.end, sp.rank)
			continue
		}
		put(at, sp.first, n.rank)
		put(sp.first, n.first, sp.rank)
		put(max(sp.first, n.first), min(sp.end, n.end), max(sp.rank, n.rank))
		put(n.end, sp.end, sp.rank)
		at = max(at, min(sp.end, n.end))
	}
	put(at, n.end, n.rank)
	return out
}

// pack is the inverse of explicit.
func pack(all []span) state {
	var s state
	for _, sp := range all {
		if sp.first != s.mark {
			break
		}
		s.mark = sp.end
	}
	for _, sp := range all {
		if sp.rank != data || sp.first >= s.mark {
			s.spans = append(s.spans, sp)
		}
	}
	return s
}

// forget lets the first n skipped spans below the mark count as data.
func (s *state) forget(n int) {
	kept := s.spans[:0]
	for _, sp := range s.spans {
		if n > 0 && sp.rank == skipped && sp.end <= s.mark {
			n--
			continue
		}
		kept = append(kept, sp)
	}
	s.spans = kept
}

func (s state) list() []batch.Range {
	all := s.explicit()
	ranges := make([]batch.Range, len(all))
	for i, sp := range all {
		ranges[i] = batch.Range{Kind: kinds[sp.rank], First: sp.first, End: sp.end}
	}
	return ranges
}
