package spool

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// drain takes and confirms all that comes, until ctx is done.
func drain(ctx context.Context, q *Queue) (took *atomic.Uint64, done chan struct{}) {
	took, done = new(atomic.Uint64), make(chan struct{})
	go func() {
		defer close(done)
		for {
			rec, err := q.Next(ctx)
			if err != nil {
				return
			}
			if took.Add(1)%1000 == 0 {
				q.Confirm(rec.LSN)
			}
		}
	}()
	return took, done
}

// BenchmarkPut puts records of 200 bytes; alone, from many goroutines, and while they are taken as well.
func BenchmarkPut(b *testing.B) {
	payload := make([]byte, 200)
	f := func(name string, taken bool, loop func(b *testing.B, put func())) {
		b.Run(name, func(b *testing.B) {
			r := start(b, b.TempDir(), Config{MaxBytes: 1 << 40})
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			if taken {
				_, done := drain(ctx, r.q)
				defer func() { cancel(); <-done }()
			}
			b.ReportAllocs()
			b.ResetTimer()
			loop(b, func() {
				if _, err := r.q.Put(ctx, payload); err != nil {
					b.Error(err)
				}
			})
			b.StopTimer()
			r.stop()
		})
	}
	alone := func(b *testing.B, put func()) {
		for b.Loop() {
			put()
		}
	}
	f("alone", false, alone)
	f("taken", true, alone)
	f("parallel", false, func(b *testing.B, put func()) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				put()
			}
		})
	})
}

// BenchmarkNext takes and confirms records of 200 bytes that are on the disk.
func BenchmarkNext(b *testing.B) {
	r := start(b, b.TempDir(), Config{MaxBytes: 1 << 40})
	payload := make([]byte, 200)
	const n = 500_000
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%n == 0 {
			b.StopTimer()
			for range n {
				if _, err := r.q.Put(b.Context(), payload); err != nil {
					b.Fatal(err)
				}
			}
			r.synced(r.q.last)
			b.StartTimer()
		}
		rec, err := r.q.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if i%500 == 499 {
			r.q.Confirm(rec.LSN)
		}
	}
	r.stop()
}

// BenchmarkSynced waits for the disk with each record, from so many goroutines at once.
func BenchmarkSynced(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := start(b, b.TempDir(), Config{})
			_, done := drain(b.Context(), r.q)
			payload := make([]byte, 200)
			b.SetParallelism(n)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					lsn, err := r.q.Put(b.Context(), payload)
					if err == nil {
						err = r.q.Synced(b.Context(), lsn, lsn)
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			r.stop()
			must(b, r.Close())
			<-done
		})
	}
}

// BenchmarkRoad puts at full speed and tells how long the slowest Put took: it waits while a segment is begun.
func BenchmarkRoad(b *testing.B) {
	r := start(b, b.TempDir(), Config{})
	_, done := drain(b.Context(), r.q)
	payload := make([]byte, 200)
	var slowest time.Duration
	for b.Loop() {
		begun := time.Now()
		if _, err := r.q.Put(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
		slowest = max(slowest, time.Since(begun))
	}
	b.ReportMetric(float64(slowest.Milliseconds()), "slowest-ms")
	r.stop()
	must(b, r.Close())
	<-done
}
