package run

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestStopsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		var ended []string
		sent := 0
		pipe := make(chan int)
		g.AddWorker("source", func(ctx context.Context) error {
			defer close(pipe)
			for i := 0; ; i++ {
				select {
				case <-ctx.Done():
					ended = append(ended, "source")
					return ctx.Err()
				case pipe <- i:
					sent++
					time.Sleep(time.Second)
				}
			}
		})
		took := 0
		g.Add("sink", func(context.Context) error {
			for range pipe {
				took++
			}
			ended = append(ended, "sink")
			return nil
		}, func() {})
		ctx, cancel := context.WithTimeout(t.Context(), 10500*time.Millisecond)
		defer cancel()
		if err := g.Run(ctx, time.Minute); err != nil {
			t.Error(err)
		}
		if !slices.Equal(ended, []string{"source", "sink"}) || took != sent || took < 11 {
			t.Errorf("ended %v, took %d of %d", ended, took, sent)
		}
	})
}

func TestOneFailureStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		broken := errors.New("broken")
		g.AddWorker("a", func(ctx context.Context) error { <-ctx.Done(); return nil })
		g.Add("b", func(context.Context) error { return broken }, func() {})
		if err := g.Run(t.Context(), time.Minute); !errors.Is(err, broken) || err.Error() != "b: broken" {
			t.Error(err)
		}
	})
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		g.Add("deaf", func(ctx context.Context) error { <-ctx.Done(); return nil }, func() {})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		if err := g.Run(ctx, time.Minute); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}
