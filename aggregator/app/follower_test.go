package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"belfry/shared/batch"
)

// Whatever aggregator is asked, and whichever dies when: all tell the same, what is missing is told once, and nothing else is.
func TestSharedFleet(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newCounty(t, seed, 3, 8, 4).live() })
		})
	}
}

func (w *county) live() {
	defer func() {
		for _, m := range w.members {
			w.must(m.fleet.Close())
		}
	}()
	want := make(map[string]int)
	dead := 0
	for i := range 40 * 60 {
		rough := i < 20*60
		w.rough = rough
		for _, h := range w.hosts {
			switch {
			case h.silent:
			case i%30 == 0 || w.rand.IntN(20) == 0:
				w.speak(h, i%30 == 0, rough && w.rand.IntN(30) == 0)
			}
		}
		switch {
		case rough && w.rand.IntN(400) == 0 && len(w.members) > 1:
			w.kill(w.members[w.rand.IntN(len(w.members))])
		case rough && w.rand.IntN(300) == 0 && len(w.members) < 4:
			w.join()
		case i == 6*60: // one of each queue but the last
			w.hosts[0].silent = true
		case i == 31*60:
			w.hosts[0].silent = false
		case i == 8*60: // its last words are taken by who dies of them
			w.dies(w.hosts[1])
		}
		if i < 39*60 && w.rand.IntN(200) == 0 {
			w.hosts[2].dropped += uint64(w.rand.IntN(5))
		}
		w.consume(rough)
		if slices.ContainsFunc(w.queues, func(q *line) bool { return q.consumer == nil }) {
			if dead++; dead > 15 {
				w.share()
				dead = 0
			}
		}
		if i%20 == 0 {
			w.settleShares()
		}
		w.second()
	}
	for _, h := range w.hosts {
		for _, r := range joinedRanges(h.lost) {
			want[fmt.Sprintf("gap-opened %s %d", h.name, r.First)] = 1
		}
	}
	w.t.Logf("%d were killed, %d gaps", w.kills, len(want))
	want["host-silent h00"], want["host-back h00"], want["host-silent h01"] = 1, 1, 1
	want["messages-dropped"] = int(w.hosts[2].dropped)
	got := w.said()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("said (-want +got):\n%s", diff)
	}
	text := strings.Join(w.agree(), "\n")
	for _, h := range w.hosts {
		if n := fmt.Sprintf(`"type":"host","host":"%s"`, h.name); !strings.Contains(text, n) {
			w.t.Errorf("no word of %s in:\n%s", h.name, text)
		}
		if n := fmt.Sprintf(`"path":"/var/log/%s","stream":"%s","epoch":"1","end":%d`, h.name, h.pos.Stream, h.sent); !strings.Contains(text, n) {
			w.t.Errorf("no %s in:\n%s", n, text)
		}
	}
	w.accept()
}

// accept lets one member accept all gaps: then nobody misses anything.
func (w *county) accept() {
	ctx := w.t.Context()
	first, last := w.members[0], w.members[len(w.members)-1]
	list, err := first.gaps.Gaps(ctx, false)
	w.must(err)
	for _, g := range list {
		if _, err := last.gaps.Accept(ctx, g.ID, "alice", "known", time.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.second()
	w.agree()
	if list, err := first.gaps.Gaps(ctx, false); err != nil || len(list) > 0 {
		w.t.Errorf("%v; %v", list, err)
	}
}

// joinedRanges is the ranges of which neighbours are one gap.
func joinedRanges(all []batch.Range) (out []batch.Range) {
	for _, r := range all {
		if n := len(out) - 1; n >= 0 && out[n].End == r.First {
			out[n].End = r.End
			continue
		}
		out = append(out, r)
	}
	return out
}
