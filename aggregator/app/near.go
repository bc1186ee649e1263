package app

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
)

// nearPatience is how long a search that has found nothing asks for the names of fields.
const nearPatience = "5s"

// advise tells what a question that found nothing may have been meant to be. v is what was asked.
func (c *CLI) advise(ctx context.Context, v url.Values) {
	if hint(c.aside(), v.Get("q")) {
		return
	}
	x, err := query.Parse(v.Get("q"))
	if err != nil {
		return
	}
	asked := slices.DeleteFunc(x.Fields(), func(name string) bool { return name == "message" || name == "event.original" }) // of words
	if len(asked) == 0 {
		return
	}
	var got struct {
		Fields []index.Field `json:"fields"`
	}
	all := url.Values{"q": {"*"}, "deadline": {nearPatience}, "from": v["from"], "to": v["to"]}
	if _, err := c.get(ctx, "/v1/fields", all, &got); err != nil {
		return // it is advice alone
	}
	when := ""
	if v.Get("from") != "" || v.Get("to") != "" {
		when = " of that time"
	}
	for _, name := range asked {
		if near := nearFields(name, got.Fields); len(near) > 0 {
			fmt.Fprintf(c.aside(), "belfry: nothing found; no event%s has a field %s; did you mean %s?\n", when, printable(name), printable(strings.Join(near, " or ")))
		}
	}
}

// Which fields are near a name that none has.
const (
	maxEdits = 2   // characters apart; of a short name fewer, for any other is near it
	maxNear  = 3   // are told
	maxField = 128 // bytes of a name: the embedded index has no longer ones
)

// nearFields returns the fields that are nearest to a name, the most frequent first: by its spelling, else those with the same
// last part. If there is a field of that name there are none.
func nearFields(name string, all []index.Field) (near []string) {
	last := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	if len(name) > maxField {
		return nil
	}
	least, spelt := 0, false
	var found []index.Field
	for _, f := range all {
		if f.Name == name {
			return nil
		}
		n := edits(name, f.Name)
		close := n <= min(maxEdits, (len(name)-1)/2)
		if !close && last(f.Name) != last(name) || spelt && !close {
			continue
		}
		if len(found) == 0 || close && !spelt || n < least {
			least, spelt, found = n, close, nil
		}
		if n == least {
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(x, y index.Field) int { return cmp.Compare(y.Count, x.Count) })
	for _, f := range found[:min(len(found), maxNear)] {
		near = append(near, f.Name)
	}
	return near
}

// edits returns how many characters must be put in, left out, changed, or exchanged with their neighbour to make b of a.
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, row := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}
