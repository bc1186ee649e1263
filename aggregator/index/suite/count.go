package suite

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// expectCount returns what Count must give.
func (w *world) expectCount(c index.Count) []index.Bucket {
	values := []string{""}
	if c.By != "" {
		top := w.expectTop(index.Top{Span: c.Span, Field: c.By, Limit: cmp.Or(c.Most, 10)})
		values = nil
		for _, v := range top.Values {
			values = append(values, v.Value)
		}
	}
	type key struct {
		at    int64
		value string
	}
	counts := make(map[key]uint64)
	for _, e := range w.asked(c.Span) {
		at := int64(0)
		if c.Every > 0 {
			ns := timeOf(e).UnixNano()
			at = ns - ns%int64(c.Every)
		}
		for _, v := range values {
			if v == "" || slices.Contains(valuesOf(e, c.By), v) {
				counts[key{at, v}]++
			}
		}
	}
	var all []index.Bucket
	for k, n := range counts {
		b := index.Bucket{Value: k.value, Count: n}
		if c.Every > 0 {
			b.At = time.Unix(0, k.at).UTC()
		}
		all = append(all, b)
	}
	sortBuckets(all)
	return all
}

// sortBuckets brings buckets into one order: by time, then value.
func sortBuckets(all []index.Bucket) {
	slices.SortFunc(all, func(a, b index.Bucket) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Value, b.Value))
	})
}

// valuesOf returns the different values of a field, as they are told.
func valuesOf(e *event.Event, field string) []string {
	var all []string
	for _, v := range e.All(field) {
		if v = index.Told(field, v); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

func (w *world) checkCount(c index.Count) {
	w.t.Helper()
	what := fmt.Sprintf("count of %q every %v by %q from %v to %v", textOf(c.Query), c.Every, c.By, c.From, c.To)
	got, err := w.x.Count(w.t.Context(), c)
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
		return
	}
	if !slices.IsSortedFunc(got, func(a, b index.Bucket) int { return a.At.Compare(b.At) }) {
		w.t.Errorf("%s: the steps are not in order", what)
	}
	sortBuckets(got)
	want := w.expectCount(c)
	same := slices.EqualFunc(got, want, func(a, b index.Bucket) bool {
		return a.At.Equal(b.At) && a.At.IsZero() == b.At.IsZero() && a.Value == b.Value && a.Count == b.Count
	})
	if !same {
		w.t.Errorf("%s:\n%s\nwant\n%s", what, showBuckets(got), showBuckets(want))
	}
}

func showBuckets(all []index.Bucket) string {
	var b strings.Builder
	for i, k := range all {
		if i == 30 {
			fmt.Fprintf(&b, "… %d in all", len(all))
			break
		}
		fmt.Fprintf(&b, "%s %q %d\n", stamp(k.At), k.Value, k.Count)
	}
	return b.String()
}

// steps are lengths of steps, short of nothing and longer than all there is.
var steps = []time.Duration{0, 30 * time.Minute, time.Hour, 7 * time.Hour, 24 * time.Hour, 10_000 * time.Hour, 90*time.Minute + 1}

// count asks all questions, in steps of all lengths.
func count(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.checkCount(index.Count{})
	w.putRich(300)
	from := base()
	for _, every := range steps {
		w.checkCount(index.Count{Every: every})
		w.checkCount(index.Count{Every: every, Span: index.Span{From: from.AddDate(0, 0, 2).Add(1), To: from.AddDate(0, 0, 6)}})
	}
	for i, text := range questions {
		w.checkCount(index.Count{Span: index.Span{Query: parse(t, text)}, Every: steps[i%len(steps)]})
	}
}

// countBy counts the values of fields of all types.
func countBy(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.putRich(300)
	for i, by := range counted {
		for _, most := range []int{0, 2} {
			w.checkCount(index.Count{Every: steps[i%len(steps)], By: by, Most: most})
			w.checkCount(index.Count{Every: steps[(i+1)%len(steps)], By: by, Most: most, Span: index.Span{Query: parse(t, "NOT user.name:lo*")}})
		}
	}
}

// countBounds has steps whose borders are of nanoseconds, more steps than an answer may have, and wrong questions.
func countBounds(t T, x index.Index) {
	w := &world{t: t, x: x}
	from := base()
	var times []time.Time
	for _, d := range []time.Duration{-1, 0, 1, 999, 1000, 999_999, 1_000_000, 1_000_001, time.Second - 1, time.Second} {
		times = append(times, from.Add(d), from.Add(time.Minute+d))
	}
	w.putPlain(times...)
	for _, every := range []time.Duration{1, 7, 1000, time.Millisecond, 1500 * time.Microsecond, time.Second, time.Minute} {
		w.checkCount(index.Count{Every: every})
		w.checkCount(index.Count{Every: every, Span: index.Span{Query: parse(t, "user.name:user*"), From: from.Add(1), To: from.Add(time.Minute)}})
	}
	var all []time.Time
	for i := range index.MaxBuckets + 1 - 6 { // six steps have events
		all = append(all, from.Add(time.Hour+time.Duration(i)*time.Second))
	}
	w.putPlain(all[:len(all)-1]...)
	w.checkCount(index.Count{Every: time.Second})
	w.putPlain(all[len(all)-1])
	_, err := x.Count(t.Context(), index.Count{Every: time.Second})
	refused(t, err, "2s")
	w.checkCount(index.Count{Every: 2 * time.Second})

	_, err = x.Count(t.Context(), index.Count{Every: -1})
	refused(t, err, "-1ns")
	_, err = x.Count(t.Context(), index.Count{By: "message"})
	refused(t, err, "message")
	_, err = x.Count(t.Context(), index.Count{By: "user.name", Most: index.MaxValues + 1})
	refused(t, err, "1000")
	_, err = x.Count(t.Context(), index.Count{By: "user.name", Most: -1})
	refused(t, err, "-1")
}
