package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scenario is one entry of the list. Numbers are those of the design's list of tortures; from 101 on they are ours.
type scenario struct {
	number int
	title  string
	once   bool          // what the glob takes makes no difference: it runs once, without a letter
	short  bool          // it is part of the short form
	alone  bool          // it needs the machine, or the broker, for itself
	takes  time.Duration // about, in the full form, each variant
	play   func(h *host)
}

// mayNotRun are the numbers of those that a machine may be unable to run, with what it lacks then.
var mayNotRun = map[int]string{
	21: needsMounts, 30: "root, to bound the queue of events", 32: "root, to take its power away", 33: "root, FUSE and bindfs",
	34: "root, to make devices", 35: needsMounts, 202: "root, to give files away", 204: needsMounts, 205: needsMounts, 207: needsMounts,
	110: needsMounts, 120: "root, to open files by their handles", 142: needsMounts, 143: needsMounts, 145: needsMounts, 169: needsMounts,
	170: needsMounts, 302: needsMounts, 334: needsMounts, 335: needsMounts, 336: needsMounts, 363: needsMounts, 401: "root, to mount over the boot id",
	424: needsMounts, 434: needsMounts, 435: needsMounts,
	319: "root, to take its power away",
}

const needsMounts = "root, to mount file systems"

// all lists every scenario, in the order of their numbers.
func all() []scenario {
	list := slices.Concat(inodes, rotations, archives, copies, hands, schemes, places, changes, drawn,
		deleted, odd, texts, limits, states, ownRotations, soaks, oddFiles, oddTools, oddTexts, oddSetups, oddMore,
		oddState, rotators, oddPlaces)
	slices.SortStableFunc(list, func(a, b scenario) int { return cmp.Compare(a.number, b.number) })
	return list
}

// turn is one run of a scenario: its label is the number, with a where the glob takes rotated names as well, and b where it
// does not.
type turn struct {
	scenario
	label string
}

// turns are the runs of the scenarios that are asked for: all, those of the short form, or only some by number or label.
func turns(list []scenario, short bool, only []string) ([]turn, error) {
	asked := map[string]bool{}
	for _, o := range only {
		asked[o] = false
	}
	wanted := func(labels ...string) bool {
		found := len(only) == 0
		for _, l := range labels {
			if _, ok := asked[l]; ok {
				asked[l], found = true, true
			}
		}
		return found
	}
	var chosen []turn
	for _, s := range list {
		if short && !s.short && len(only) == 0 {
			continue
		}
		number := strconv.Itoa(s.number)
		for _, letter := range []string{"a", "b"} {
			if s.once {
				letter = ""
			}
			if wanted(number, number+letter) {
				chosen = append(chosen, turn{s, number + letter})
			}
			if s.once {
				break
			}
		}
	}
	for o, found := range asked {
		if !found {
			return nil, fmt.Errorf("--only=%s: there is no such scenario (see --list)", o)
		}
	}
	return chosen, nil
}

// table prints what there is.
func table(list []scenario) string {
	var out strings.Builder
	var sum time.Duration
	for _, s := range list {
		variants, flags := "ab", ""
		takes := 2 * s.takes
		if s.once {
			variants, takes = "", s.takes
		}
		if s.short {
			flags += " short"
		}
		if s.alone {
			flags += " alone"
		}
		sum += takes
		fmt.Fprintf(&out, "%3d%-2s %-60s %6s%s\n", s.number, variants, s.title, takes, flags)
	}
	fmt.Fprintf(&out, "about %s one after the other\n", sum.Round(time.Minute))
	return out.String()
}
