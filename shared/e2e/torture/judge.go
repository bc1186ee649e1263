package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"belfry/shared/batch"
)

// rules is what a scenario may have beyond the oracle: nothing lost but what is declared, nothing repeated, spoilt, out
// of order or from nowhere. Each exception has its reason beside it, where it is made.
type rules struct {
	lossAtLeast bool   // the agent cannot know the whole loss: what it declares is a lower bound, and more than nothing
	unknown     bool   // nobody can know how much there was: what is declared is not compared
	again       int    // so many lines may come by a second id
	skipped     bounds // bytes that must be declared as skipped
	torn        bool   // a rotation tears lines: parts of them, said to be partial, may arrive
	doubt       bool   // copies tagged as doubt may arrive
	disorder    bool   // batches may overtake each other
	stray       func(text string, tags []string) bool
	mustLose    bool // a run in which nothing is lost has not done what it was to do
}

// bounds of a number of bytes, both inclusive.
type bounds struct{ least, most uint64 }

// verdict is what is to be told of a scenario.
type verdict struct {
	sent, received, lost    int
	repeats                 int // of ids: raw
	second, doubtful, torn  int
	declared, skipped       uint64 // bytes
	lostBytes, excusedBytes uint64 // of lines; the latter of those that may be missing, and are
	faults                  []string
	losses                  []string // samples
	gaps, doubts            int
}

func (v *verdict) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// judge compares what arrived with what was written.
func judge(t *truth, r *record, a rules) *verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	v := &verdict{repeats: r.repeats, second: r.second, doubtful: r.doubtful}
	v.count(t, r)
	v.declare(r)
	v.texts(t, r, a)
	v.weigh(r, a)
	return v
}

// add adds what is to be told of another agent.
func (v *verdict) add(o *verdict) {
	v.sent, v.received, v.lost, v.repeats = v.sent+o.sent, v.received+o.received, v.lost+o.lost, v.repeats+o.repeats
	v.second, v.doubtful, v.torn = v.second+o.second, v.doubtful+o.doubtful, v.torn+o.torn
	v.declared, v.skipped, v.gaps, v.doubts = v.declared+o.declared, v.skipped+o.skipped, v.gaps+o.gaps, v.doubts+o.doubts
	for _, f := range o.faults {
		v.faults = append(v.faults, "another agent: "+f)
	}
}

// missing is how many lines, and other texts, have not arrived.
func missing(t *truth, r *record) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range t.numbers {
		a := r.lines[t.host][x.n]
		switch {
		case a == nil:
			n += x.written - len(x.excused)
		case len(x.excused) == 0:
			n += max(0, x.written-a.have)
		default:
			for seq := range x.written {
				if !x.excused[seq] && (seq >= len(a.ids) || a.ids[seq] == 0) {
					n++
				}
			}
		}
	}
	for text, times := range t.texts {
		if s := r.strays[text]; s != nil {
			times -= s.times
		}
		n += max(0, times)
	}
	return n
}

// count looks for each line that was written.
func (v *verdict) count(t *truth, r *record) {
	for _, n := range t.numbers {
		a := r.lines[t.host][n.n]
		if a == nil {
			a = new(arrivals)
		}
		run := 0 // lines in a row that are lost
		for seq := range n.written {
			v.sent++
			switch {
			case seq < len(a.ids) && a.ids[seq] != 0:
				v.received++
			case n.excused[seq]:
				v.sent--
				v.excusedBytes += uint64(t.length(n, seq))
			default:
				v.lost++
				v.lostBytes += uint64(t.length(n, seq))
				run++
				continue
			}
			v.sample(n, seq-run, run)
			run = 0
		}
		v.sample(n, n.written-run, run)
		v.invented(n, a)
	}
	for host, files := range r.lines {
		for file, a := range files {
			if host != t.host || file > len(t.numbers) {
				v.fault("%d lines of %s %d, which nobody wrote here", a.have, host, file)
			}
		}
	}
}

const maxSamples = 12

func (v *verdict) sample(n *number, first, lines int) {
	if lines > 0 && len(v.losses) < maxSamples {
		v.losses = append(v.losses, fmt.Sprintf("lost: file %d (%s): lines %d to %d of %d", n.n, n.path, first, first+lines-1, n.written))
	}
}

// invented looks for lines beyond the last one that was written.
func (v *verdict) invented(n *number, a *arrivals) {
	for seq := n.written; seq < len(a.ids); seq++ {
		if a.ids[seq] != 0 {
			v.fault("line %d of file %d was not written: there are %d", seq, n.n, n.written)
			return
		}
	}
}

// declare sums up what the agent says of bytes of which no event came, and looks for those of which it says nothing.
func (v *verdict) declare(r *record) {
	for s, c := range r.streams {
		dropped := c.kinds[batch.Dropped].without(c.kinds[batch.Data])
		skipped := c.kinds[batch.Skipped].without(c.kinds[batch.Data]).without(dropped)
		v.declared += dropped.bytes()
		v.skipped += skipped.bytes()
		all := slices.Clone(c.kinds[batch.Data])
		for _, x := range slices.Concat(c.kinds[batch.Dropped], c.kinds[batch.Skipped]) {
			all = all.with(x.first, x.end)
		}
		if len(all) > 1 || len(all) == 1 && all[0].first > 0 {
			v.fault("stream %.8s epoch %d (%s) has holes: of it came %v", s.stream, s.epoch, strings.Join(c.paths, " "), all)
		}
		if len(all) > 0 && c.final > all[len(all)-1].end {
			v.fault("stream %.8s epoch %d (%s) ends at %d, of it came %v", s.stream, s.epoch, strings.Join(c.paths, " "), c.final, all)
		}
	}
}

// texts judges what is no numbered line.
func (v *verdict) texts(t *truth, r *record, a rules) {
	for _, text := range slices.Sorted(maps.Keys(t.texts)) {
		times := 0
		if s := r.strays[text]; s != nil {
			times = s.times
		}
		want := t.texts[text]
		v.sent, v.received = v.sent+want, v.received+min(times, want)
		if times != want {
			v.fault("%d times, not %d: %.200q", times, want, text)
		}
	}
	told := 0
	for _, text := range slices.Sorted(maps.Keys(r.strays)) {
		s := r.strays[text]
		partial := slices.Contains(s.tags, "partial_line")
		switch {
		case t.texts[text] > 0 || a.stray != nil && a.stray(text, s.tags):
			continue
		case a.torn && partial && strings.HasPrefix(text, t.host+" "):
			v.torn += s.times
			continue
		}
		if told++; told <= maxSamples {
			v.fault("no line that was written, %d times, from %s, tags %v: %.200q", s.times, s.path, s.tags, text)
		}
	}
	if told > maxSamples {
		v.fault("and %d more texts that were not written", told-maxSamples)
	}
}

// weigh says what of it all is a fault.
func (v *verdict) weigh(r *record, a rules) {
	v.faults = append(v.faults, r.faults...)
	if r.second > a.again {
		v.fault("%d lines came again by another id", r.second)
	}
	if r.doubtful > 0 && !a.doubt {
		v.fault("%d lines came again in doubt", r.doubtful)
	}
	if r.merged > 0 {
		v.fault("%d events came by the id of another text", r.merged)
	}
	if r.disorder > 0 && !a.disorder {
		v.fault("%d steps back within streams", r.disorder)
	}
	if len(r.agents) > 1 {
		v.fault("the agent spoke by %d identities", len(r.agents))
	}
	for _, text := range r.said {
		if strings.HasPrefix(text, "belfry.doubt") {
			v.doubts++
		} else {
			v.gaps++
		}
	}
	if a.mustLose && v.lost == 0 {
		v.fault("nothing was lost: the scenario did not do what it is about")
	}
	if v.skipped < a.skipped.least || v.skipped > a.skipped.most {
		v.fault("%d bytes are declared as skipped, not %d to %d", v.skipped, a.skipped.least, a.skipped.most)
	}
	v.weighLoss(a)
	if len(v.faults) > 0 {
		v.faults = slices.Concat(v.faults, r.hints, v.losses)
	}
}

// weighLoss compares the losses with those that the agent declares.
func (v *verdict) weighLoss(a rules) {
	switch {
	case a.unknown && v.lost == 0:
	case v.declared > v.lostBytes+v.excusedBytes:
		v.fault("%d bytes are declared as lost, and %d are", v.declared, v.lostBytes)
	case v.declared >= v.lostBytes:
	case a.lossAtLeast && v.declared > 0:
	default:
		v.fault("%d lines (%d bytes) are lost, and %d bytes are declared", v.lost, v.lostBytes, v.declared)
	}
}
