package lines

// Groups remembers what Sink.Joined told of a content, to find where a Reader has to begin. The zero Groups is empty.
//
// What Resume returns belongs on the disk together with the cursor. Who begins there after a restart calls
// Joined(resume, cursor+1) first, if resume is less: the Reader tells of the group only when it comes to it again.
type Groups struct{ spans []span }

// Joined notes what Sink.Joined tells.
func (g *Groups) Joined(first, end uint64) {
	for i := range g.spans {
		if g.spans[i].first == first {
			g.spans[i].end = max(g.spans[i].end, end)
			return
		}
	}
	g.spans = append(g.spans, span{first, end})
}

// Resume returns where a Reader has to begin when all before a cursor is confirmed, and forgets what lies before. The
// cursor never goes back.
func (g *Groups) Resume(cursor uint64) uint64 {
	resume, left := cursor, g.spans[:0]
	for _, s := range g.spans {
		if s.end <= cursor {
			continue
		}
		left = append(left, s)
		if s.first < cursor {
			resume = min(resume, s.first)
		}
	}
	g.spans = left
	return resume
}
