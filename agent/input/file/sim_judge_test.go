package file

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"belfry/shared/batch"
)

var (
	// What an agent lost on the way shows as a hole. What it never saw, as the lines between the copy and the cut of a
	// copytruncate, nobody can demand: it is only counted.
	mustDeclare = flag.Bool("declared", false, "demand that an agent declares each hole in what it sent")
	strict      = flag.Bool("strict", false, "count what comes twice also where a copy stalled")
)

// stalled is how many pauses a copy may stand still, and still be told from one that is whole.
const stalled = 0.8

// simVerdict is what became of all lines of a host.
type simVerdict struct {
	risked     int // lost, and nobody could have read them
	lost       []int
	twice      []int
	doubted    int      // came again, and said so
	odd        []string // were never written
	undeclared []int    // of risked, those of a stream that is known, of which no loss is declared
	holes      []string // ranges of a stream of which nothing came, not even that they are dropped
	headers    int      // more or fewer constant lines than were written
}

// bad reports whether any of it is an agent's fault. What comes twice, and a line in two parts, is none if a copy stood
// still for so long that nobody could know that it is not whole, and where the head of a log is cut off while it is read
// (what goes on there is found by its last bytes, if they were read). Of the rest a few in a hundred hosts may: the pauses
// of the input are as short as those of the machine.
func (v *simVerdict) bad(h *simHost) bool {
	h.road.mu.Lock()
	defer h.road.mu.Unlock()
	switch {
	case len(v.lost)+len(h.road.faults) > 0:
		return true
	case *mustDeclare && len(v.holes) > 0:
		return true
	}
	if len(v.twice)+len(v.odd) == 0 || !*strict && (h.trims || h.stalled.Seconds() >= stalled*simPause.Seconds()) {
		return false
	}
	return *strict || !h.drawn || len(v.odd) > 0 || simTwice.Add(1) > tolerated
}

// tolerated is how many drawn hosts of one run may have lines twice.
const tolerated = 9

var simTwice atomic.Int64

// judge compares what was written with what came.
func (h *simHost) judge() *simVerdict {
	h.road.mu.Lock()
	defer h.road.mu.Unlock()
	v := &simVerdict{headers: h.road.headers - h.headed}
	streams := h.streams()
	for n, l := range h.lines {
		came := h.road.arrived[l.text]
		sure := 0
		for _, e := range came {
			if !e.doubt {
				sure++
			}
		}
		v.doubted += len(came) - sure
		switch {
		case sure > 1:
			v.twice = append(v.twice, n)
		case len(came) == 0 && l.risk == "":
			v.lost = append(v.lost, n)
		case len(came) == 0:
			v.risked++
			if s, known := streams[l.run]; known && !h.declares(s) {
				v.undeclared = append(v.undeclared, n)
			}
		}
	}
	for text := range h.road.arrived {
		if h.number(text) < 0 && !h.torn && !h.partOfRisked(text) {
			v.odd = append(v.odd, text)
		}
	}
	slices.Sort(v.odd)
	v.holes = h.holes()
	return v
}

// streams tells by run which streams brought lines of it.
func (h *simHost) streams() map[int][]simStream {
	all := make(map[int][]simStream)
	for _, l := range h.lines {
		for _, e := range h.road.arrived[l.text] {
			if !slices.Contains(all[l.run], e.simStream) {
				all[l.run] = append(all[l.run], e.simStream)
			}
		}
	}
	return all
}

func (h *simHost) declares(streams []simStream) bool {
	return slices.ContainsFunc(streams, func(s simStream) bool {
		return slices.ContainsFunc(h.road.ranges[s], func(r simRange) bool { return r.kind == batch.Dropped })
	})
}

// holes lists what is missing before the last that came of each stream.
func (h *simHost) holes() (all []string) {
	for s, ranges := range h.road.ranges {
		slices.SortFunc(ranges, func(a, b simRange) int { return cmp.Compare(a.first, b.first) })
		at := uint64(0)
		for _, r := range ranges {
			if r.first > at {
				all = append(all, fmt.Sprintf("%.8s/%d [%d, %d)", s.id.String(), s.epoch, at, r.first))
			}
			at = max(at, r.end)
		}
	}
	slices.Sort(all)
	return all
}

// finish lets all come to its end: the agent runs, over an open road, until nothing more comes.
func (h *simHost) finish() {
	for _, w := range h.late {
		w.close()
	}
	if h.log != nil {
		h.log.close()
	}
	if h.stop == nil {
		h.start()
	}
	h.road.open()
	h.say("all comes to its end")
	h.settle()
	h.road.leave(func() {})
	h.stop()
}

// partOfRisked reports whether a text is the beginning of a line that nobody could read whole: it was being written when its file
// was emptied, and what there was of it has come.
func (h *simHost) partOfRisked(text string) bool {
	return slices.ContainsFunc(h.lines, func(l simLine) bool { return l.risk != "" && strings.HasPrefix(l.text, text) })
}

// settle waits until each line has come that is in no danger, and a little longer for what comes twice. It gives up when
// nothing came for long.
func (h *simHost) settle() {
	const long = 30 // pauses, on a machine that has time
	quiet := time.Duration(8)
	if *mustDeclare {
		quiet = 30 // longer than what is gone is looked for
	}
	last, since := -1, time.Now()
	for at := 0; ; {
		for at < len(h.lines) && (h.lines[at].risk != "" || h.road.has(h.lines[at].text)) {
			at++
		}
		if n := h.road.progress(); n != last {
			last, since = n, time.Now()
		}
		still := time.Since(since)
		if at == len(h.lines) && still > quiet*simPause || still > max(long*simPause, 8*time.Second) {
			return
		}
		h.wait(0.2)
	}
}

// report says what is wrong, and how it came to that.
func (h *simHost) report(v *simVerdict) {
	h.t.Helper()
	h.road.mu.Lock()
	defer h.road.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "of %d lines %d LOST, %d TWICE, %d that were never written, %d ids for two lines; ",
		len(h.lines), len(v.lost), len(v.twice), len(v.odd), len(h.road.faults))
	fmt.Fprintf(&b, "beside %d lost that nobody could read, %d of them not declared, %d holes; %d again in doubt; %+d of %d headers; a copy stalled for %.2f pauses\n",
		v.risked, len(v.undeclared), len(v.holes), v.doubted, v.headers, h.headed, float64(h.stalled)/float64(simPause))
	h.tell(&b, "LOST", v.lost)
	h.tell(&b, "TWICE", v.twice)
	h.tell(&b, "not declared", v.undeclared)
	for _, some := range [][]string{v.odd, h.road.faults, v.holes} {
		for _, s := range some[:min(5, len(some))] {
			fmt.Fprintf(&b, "  %.200s\n", s)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.t.Errorf("seed %d: %s%s", h.seed, b.String(), h.history.String())
}

// tell lists some lines, as the ranges that they are.
func (h *simHost) tell(b *strings.Builder, what string, lines []int) {
	for i, told := 0, 0; i < len(lines) && told < 8; told++ {
		j := i + 1
		for j < len(lines) && lines[j] == lines[j-1]+1 && h.lines[lines[j]].run == h.lines[lines[i]].run {
			j++
		}
		l := h.lines[lines[i]]
		fmt.Fprintf(b, "  %s %d to %d: %.30s..., beginning %d at %d;", what, lines[i], lines[j-1], l.text, l.run, l.offset)
		for _, e := range h.road.arrived[l.text] {
			fmt.Fprintf(b, " came as %.8s/%d at %d;", e.simStream.id.String(), e.epoch, e.first)
		}
		fmt.Fprintln(b, l.risk)
		i = j
	}
}
