package embedded

import (
	"context"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
)

func BenchmarkCount(b *testing.B) {
	x := start(b, Config{Dir: b.TempDir()}, nil)
	at := time.Now().Add(-time.Hour)
	for n := range uint64(800) {
		mustWrite(b, x, numbered(testPos, n*1000, (n+1)*1000, at))
	}
	q, err := query.Parse("user.name:averez")
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	run := func(name string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	count := func(c index.Count) func() error {
		return func() error { _, err := x.Count(ctx, c); return err }
	}
	top := func(t index.Top) func() error {
		return func() error { _, err := x.Top(ctx, t); return err }
	}
	run("all", count(index.Count{}))
	run("minutes", count(index.Count{Every: time.Minute}))
	run("by_user", count(index.Count{Every: time.Minute, By: "user.name"}))
	run("query", count(index.Count{Span: index.Span{Query: q}, Every: time.Minute}))
	run("top_user", top(index.Top{Field: "user.name"}))
	run("top_list", top(index.Top{Field: "related.user"}))
	run("top_many", top(index.Top{Field: "log.offset"}))
	run("fields", func() error { _, err := x.Fields(ctx, index.Span{}); return err })
	run("get", func() error { _, err := x.Get(ctx, idAt(testPos, 5000), time.Time{}); return err })
}
