package main

import (
	"fmt"
	"math"
	"slices"

	"belfry/shared/event"
)

const maxSamples = 10 // of each kind of fault

// tally counts what an export of the index holds, by what stands in the text of each line: which host, which number.
// What the programs under test say of an event (its id, its place) is only told, never believed.
type tally struct {
	hosts  map[string]*copies
	gaps   int // events that declare a loss
	doubts int // copies that say themselves that they may be repeats, and events that say so
	whole  int // lines of ours
	others int // events of the programs themselves
	spoilt []string
	strays int // spoilt, and lines that nobody wrote
	dec    event.Decoder
}

// copies is how often each number of a host was found: [number-1], once more the last value means "or more".
type copies struct {
	plain, doubtful []uint8
}

// newTally expects the numbers 1 to sent of each host.
func newTally(sent map[string]int) *tally {
	t := &tally{hosts: map[string]*copies{}}
	for host, n := range sent {
		t.hosts[host] = &copies{make([]uint8, n), make([]uint8, n)}
	}
	return t
}

// add takes one event, as JSON.
func (t *tally) add(text []byte) error {
	e, err := t.dec.Decode(text)
	if err != nil {
		return fmt.Errorf("read the export: %w", err)
	}
	switch e.Get("event.dataset") {
	case "belfry.gap":
		t.gaps++
		return nil
	case "belfry.doubt":
		t.doubts++
		return nil
	}
	original := e.Get("event.original")
	host, n, ok := readLine([]byte(original))
	c := t.hosts[string(host)]
	switch {
	case ok && c != nil && n >= 1 && n <= len(c.plain):
		t.take(c, n, e)
	case original == "" && e.Has("event.dataset"):
		t.others++
	default:
		t.strays++
		if len(t.spoilt) < maxSamples {
			t.spoilt = append(t.spoilt, string(text))
		}
	}
	return nil
}

func (t *tally) take(c *copies, n int, e *event.Event) {
	t.whole++
	times := &c.plain[n-1]
	if slices.Contains(e.All("tags"), "doubt") {
		t.doubts++
		times = &c.doubtful[n-1]
	}
	if *times < math.MaxUint8 {
		*times++
	}
}

// verdict is what the tally says.
type verdict struct {
	sent, indexed, lost, repeated int
	losses, repeats               []stretch
}

// stretch is numbers of a host in a row with the same fault.
type stretch struct {
	host        string
	first, last int
}

// judge compares with what was sent. Every copy beyond the first counts, but for those that say that they are in doubt.
func (t *tally) judge() verdict {
	var v verdict
	for _, name := range sorted(t.hosts) {
		c := t.hosts[name]
		v.sent += len(c.plain)
		for i := range c.plain {
			plain, doubtful := int(c.plain[i]), int(c.doubtful[i])
			switch {
			case plain+doubtful == 0:
				v.lost++
				v.losses = lengthen(v.losses, name, i+1)
			case plain > 1:
				v.repeated += plain - 1
				v.repeats = lengthen(v.repeats, name, i+1)
				v.indexed++
			default:
				v.indexed++
			}
		}
	}
	return v
}

// lengthen adds a number to the last stretch, or begins another one.
func lengthen(all []stretch, host string, n int) []stretch {
	if last := len(all) - 1; last >= 0 && all[last].host == host && all[last].last == n-1 {
		all[last].last = n
		return all
	}
	return append(all, stretch{host, n, n})
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
