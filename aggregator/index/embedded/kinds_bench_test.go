package embedded

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/index/suite"
	"belfry/aggregator/ledger"
	"belfry/aggregator/query"
	"belfry/shared/batch"
	"belfry/shared/event"
)

var events = flag.Int("events", 200_000, "how many events BenchmarkKinds asks for")

// kindsDays is over how many days they are spread.
const kindsDays = 10

// BenchmarkKinds asks for kinds of things among many events of several programs on 200 hosts: the newest hundred
// for a search. Of each kind it reports the median and the longest of all times, and how many answers there were; every
// event that comes back must be one that was asked for. -benchtime=5x is five rounds. The last is what an event takes on disk.
func BenchmarkKinds(b *testing.B) {
	x := start(b, Config{Dir: b.TempDir(), Memory: 1 << 30}, nil)
	begin := time.Now()
	writeKinds(b, x, *events)
	b.Logf("%d events written in %v, %d bytes", *events, time.Since(begin).Round(time.Millisecond), x.Stats().Bytes)
	for _, k := range []struct{ name, text string }{
		{"word", "minecraft"},
		{"rare word", suite.EverydayWord(*events / 2)},
		{"phrase", `"invalid user oracle from"`},
		{"keyword", "user.name:averez AND process.name:sudo"},
		{"prefix", `process.executable:\/usr\/bin\/su*`},
		{"cidr", "source.ip:10.7.0.0/16"},
		{"range", "source.port:[61000 TO *]"},
		{"not", "process.name:sshd AND NOT event.outcome:failure"},
		{"exists", "_exists_:process.exit_code"},
	} {
		b.Run(k.name, func(b *testing.B) { timed(b, func() (int, error) { return newest(x, k.text) }) })
	}
	b.Run("count over time", func(b *testing.B) {
		timed(b, func() (int, error) {
			all, err := x.Count(context.Background(), index.Count{Every: time.Hour})
			total := 0
			for _, c := range all {
				total += int(c.Count)
			}
			if err == nil && total != *events {
				err = fmt.Errorf("%d events are counted", total)
			}
			return len(all), err
		})
	})
	b.Run("top values", func(b *testing.B) {
		timed(b, func() (int, error) {
			r, err := x.Top(context.Background(), index.Top{Field: "source.ip"})
			if err == nil && r.Events != uint64(*events) {
				err = fmt.Errorf("%d events are counted", r.Events)
			}
			return len(r.Values), err
		})
	})
	b.Run("size", func(b *testing.B) {
		for b.Loop() { // it takes no time
		}
		b.ReportMetric(float64(x.Stats().Bytes)/float64(*events), "B/event")
	})
}

// timed reports how long a question takes. It must have an answer.
func timed(b *testing.B, ask func() (int, error)) {
	b.Helper()
	var took []float64
	found := 0
	for b.Loop() {
		begin := time.Now()
		n, err := ask()
		if err != nil || n == 0 {
			b.Fatalf("%d answers, %v", n, err)
		}
		took, found = append(took, time.Since(begin).Seconds()*1000), n
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)-1], "worst-ms")
	b.ReportMetric(float64(found), "found")
}

// newest returns how many of the newest hundred events of a query there are.
func newest(x *Index, text string) (n int, err error) {
	q, err := query.Parse(text)
	if err != nil {
		return 0, err
	}
	err = x.Search(context.Background(), index.Search{Span: index.Span{Query: q}, Limit: 100}, func(e *event.Event, _ index.Cursor) error {
		if !q.Match(e) {
			return fmt.Errorf("%s was not asked for", canonical(e))
		}
		n++
		return nil
	})
	return n, err
}

// writeKinds writes n events as they come in: in the order of time, the last of them an hour ago.
func writeKinds(b *testing.B, x *Index, n int) {
	b.Helper()
	const size = 1000
	first := time.Now().Add(-time.Hour - kindsDays*24*time.Hour)
	step := kindsDays * 24 * time.Hour / time.Duration(n)
	window := make(chan bool, 16)
	var answers sync.WaitGroup
	for from := 0; from < n; from += size {
		end := min(from+size, n)
		pos := ledger.Position{Agent: testPos.Agent, Stream: event.HashKey("kinds"), Epoch: 1}
		w := index.Write{Ranges: []index.Range{{Pos: pos, Kind: batch.Data, First: uint64(from), End: uint64(end)}}}
		for i := from; i < end; i++ {
			w.Items = append(w.Items, index.Item{Event: suite.Everyday(i, first.Add(time.Duration(i)*step)), Pos: pos, Offset: uint64(i), Ranged: true})
		}
		window <- true
		answers.Add(1)
		x.Write(context.Background(), w, func(_ index.Result, err error) {
			if err != nil {
				b.Error(err)
			}
			<-window
			answers.Done()
		})
	}
	answers.Wait()
}
