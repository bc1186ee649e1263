package rotate

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// BenchmarkCompress packs lines without its pauses.
func BenchmarkCompress(b *testing.B) {
	g := newRig(b, Config{}, nil)
	defer g.close()
	g.write("app.log.1", 1, 500_000)
	in, err := os.Open(g.path("app.log.1"))
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	st, err := statFile(in)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(st.size)
	for b.Loop() {
		if err := g.r.compress(context.Background(), io.Discard, in, "app.log.1", time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdle is what a round costs when there is nothing to do: a turn each 10 seconds, a tidy each minute.
func BenchmarkIdle(b *testing.B) {
	g := newRig(b, Config{Size: 1 << 30, Keep: 100}, nil)
	defer g.close()
	for i := range 1000 {
		g.write(fmt.Sprintf("app%d.log", i), 1, 1)
		for n := 1; n <= 5; n++ {
			g.write(fmt.Sprintf("app%d.log.%d.gz", i, n), 1, 1)
		}
	}
	b.Run("turn", func(b *testing.B) {
		for b.Loop() {
			g.r.turn(context.Background())
		}
	})
	b.Run("tidy", func(b *testing.B) {
		for b.Loop() {
			g.r.tidy(context.Background())
		}
	})
}
