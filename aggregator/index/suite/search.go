package suite

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// many is more events than an engine reads at once, if it does not read much.
const many = 5000

// order looks for events that are spread over days, come in no order, and often share a time.
func order(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.check(index.Search{})
	w.putPlain(scattered(random(), many)...)
	for _, limit := range []int{-1, 0, 1, 7, 3000, many, many + 1} {
		w.check(index.Search{Limit: limit})
		w.check(index.Search{Span: index.Span{Query: parse(t, "user.name:user3")}, Limit: limit})
	}
}

func (w *world) putPlain(times ...time.Time) {
	w.t.Helper()
	events := make([]*event.Event, 0, len(times))
	for _, at := range times {
		events = append(events, plain(len(w.events)+len(events), at))
	}
	for len(events) > 0 {
		n := min(len(events), 1000)
		w.put(events[:n]...)
		events = events[n:]
	}
}

// pages goes through all events in pages, each a search of its own, while others are written in front of it.
func pages(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.putPlain(scattered(random(), many/4)...)
	for _, oldest := range []bool{false, true} {
		s := index.Search{Oldest: oldest, Limit: 97}
		want := w.expect(index.Search{Oldest: oldest, Limit: -1})
		var got []*event.Event
		for {
			page, at := find(t, x, s)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			text := at[len(at)-1].String()
			after, err := index.ParseCursor(text)
			if err != nil {
				t.Fatalf("cursor %s: %v", text, err)
			}
			s.After = after
			ahead := base().Add(-time.Minute) // behind us already
			if !oldest {
				ahead = base().AddDate(0, 0, 9).Add(time.Duration(len(got)) * time.Second)
			}
			w.putPlain(ahead)
		}
		w.same("pages", got, want)
	}
}

// spans asks for times up to the nanosecond, and for such as no server can hold.
func spans(t T, x index.Index) {
	w := &world{t: t, x: x}
	from := base()
	times := scattered(random(), 500)
	for _, d := range []time.Duration{-1, 0, 1, 999, 1000, 999_999, 1_000_000, 1_000_001} {
		times = append(times, from.Add(d), from.Add(d))
	}
	w.putPlain(times...)
	var none time.Time
	f := func(from, to time.Time) {
		t.Helper()
		w.check(index.Search{Span: index.Span{From: from, To: to}, Limit: -1})
		w.check(index.Search{Span: index.Span{From: from, To: to, Query: parse(t, "NOT user.name:user3")}, Limit: 3})
	}
	f(from, none)
	f(from.Add(1), none)
	f(none, from)
	f(none, from.Add(1))
	f(from, from.Add(1))
	f(from.Add(999_999), from.Add(1_000_000))
	f(from.Add(1000), from.Add(1_000_001))
	f(from.AddDate(0, 0, 1), from.AddDate(0, 0, 3))
	f(from.AddDate(0, 0, 3), from.AddDate(0, 0, 1))
	f(from.AddDate(-200, 0, 0), from.AddDate(200, 0, 0))
	f(from.AddDate(500, 0, 0), none)
	f(none, from.AddDate(-500, 0, 0))
	f(time.Unix(0, 0), time.Unix(1, 0))
}

// questions are asked by several cases.
var questions = []string{
	"", "*", "NOT *",
	"user.name:averez", "user.name:bob OR user.name:Bob", "NOT user.name:bob", `user.name:"*"`, "user.name:*", "NOT user.name:*",
	"user.name:lo*", "user.name:*longlong", "user.name:b?b",
	"accepted", `"failed password"`, "message:publickey AND NOT message:bob", "жук", "straße", "last", "sud*", "word",
	"source.ip:10.0.0.1", `source.ip:"2001:db8::1"`, `source.ip:"not an address"`, "source.ip:10.*", "NOT source.ip:*",
	"source.port:22", "source.port:007", "source.port:many", "sudo.run_time:1.5", "ldap.tls:true", "ldap.tls:maybe",
	`labels.shoe\ size:42`, "labels.a:x", "labels.a.b:x", "labels.a.b:*", "NOT labels.a:*", "details.Größe:*",
	"tags:doubt", "NOT tags:doubt", "tags:doubt AND tags:archive", `process.args:"rm -rf /"`, "user.roles:admin",
	"(user.name:averez OR accepted) AND NOT (tags:doubt OR source.ip:10.0.0.2)", "nothing.at:all", "event.created:yesterday",
}

// queries asks all questions of events of all kinds.
func queries(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.putRich(400)
	for _, text := range questions {
		w.check(index.Search{Span: index.Span{Query: parse(t, text)}, Limit: -1})
		w.check(index.Search{Span: index.Span{Query: parse(t, text)}, Limit: 3})
	}
}

func (w *world) putRich(n int) {
	w.t.Helper()
	r := random()
	times := scattered(r, n)
	var events []*event.Event
	for i, at := range times {
		events = append(events, rich(r, i, at.Add(time.Duration(r.IntN(3)))))
	}
	w.put(events...)
}

// asWritten looks at each event: it is what was written, field by field.
func asWritten(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.putRich(400)
	w.check(index.Search{Limit: -1})
}

// seenAtOnce looks, while others write and search, for what was answered before.
func seenAtOnce(t T, x index.Index) {
	done := make(chan int, 4)
	for n := range cap(done) {
		go func() {
			missed := 0
			for i := range 20 {
				e := plain(1000*n+i, base().Add(time.Duration(i)*time.Second))
				if _, err := answer(t, x, index.Write{Items: []index.Item{{Event: e.Clone()}}}); err != nil {
					missed++
					continue
				}
				if got, err := x.Get(t.Context(), e.Get("event.id"), timeOf(e)); err != nil || canonical(got) != canonical(e) {
					missed++
				}
			}
			done <- missed
		}()
	}
	for range cap(done) {
		if missed := <-done; missed > 0 {
			t.Errorf("%d events were answered and are not seen", missed)
		}
	}
}

// ends ends searches from within and from without.
func ends(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.putPlain(scattered(random(), many)...)
	stop := errors.New("stop")
	for _, after := range []int{0, 5, many / 2, many - 1} {
		n := 0
		err := x.Search(t.Context(), index.Search{Limit: -1}, func(*event.Event, index.Cursor) error {
			if n++; n > after {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || n != after+1 {
			t.Errorf("%v after %d events, want the error after %d", err, n, after+1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		n = 0
		err = x.Search(ctx, index.Search{Limit: -1}, func(*event.Event, index.Cursor) error {
			if n++; n > after {
				cancel()
			}
			return nil
		})
		cancel()
		if n < many && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled behind event %d: %v after %d events", after, err, n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := x.Search(ctx, index.Search{}, func(*event.Event, index.Cursor) error { t.Errorf("called"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}
