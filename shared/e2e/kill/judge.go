package main

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"belfry/shared/event"
)

// maxSamples is how many faults are told.
const maxSamples = 20

// errJudged says that something was lost or repeated.
var errJudged = errors.New("lines are lost or repeated")

// tally counts how often each line of each host was found, by what stands in it: what the program under test says of an
// event (its id, its place) is never believed.
type tally struct {
	found  map[string][]uint8 // by host: [number-1]; the last value means "or more"
	strays []string           // events that are no line which was written, nor say that they are the programs' own
	stray  int
	gaps   int // events that declare a loss
	dec    event.Decoder
}

// newTally expects the numbers 1 to written of each host.
func newTally(written map[string]int) *tally {
	t := &tally{found: make(map[string][]uint8)}
	for host, n := range written {
		t.found[host] = make([]uint8, n)
	}
	return t
}

// add takes one event, as JSON.
func (t *tally) add(text []byte) error {
	e, err := t.dec.Decode(text)
	if err != nil {
		return fmt.Errorf("read the export: %w", err)
	}
	original := e.Get("event.original")
	host, n, ok := readLine([]byte(original))
	switch found := t.found[host]; {
	case ok && n >= 1 && n <= len(found):
		if found[n-1] < math.MaxUint8 {
			found[n-1]++
		}
	case e.Get("event.dataset") == "belfry.gap":
		t.gaps++
	case original == "" && e.Has("event.dataset"):
	default:
		if t.stray++; len(t.strays) < maxSamples {
			t.strays = append(t.strays, string(text))
		}
	}
	return nil
}

// verdict is what the tally says.
type verdict struct{ events, lost, repeated int }

// judge counts; it calls tell for some of the faults.
func (t *tally) judge(tell func(format string, args ...any)) (v verdict) {
	told := 0
	var hosts []string
	for host := range t.found {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	for _, host := range hosts {
		for i, times := range t.found[host] {
			v.events++
			switch {
			case times == 0:
				v.lost++
			case times > 1:
				v.repeated += int(times) - 1
			}
			if times != 1 && told < maxSamples {
				told++
				tell("%s: number %d was found %d times", host, i+1, times)
			}
		}
	}
	for _, s := range t.strays {
		tell("no line that was written: %s", s)
	}
	return v
}
