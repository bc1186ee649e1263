package file

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// noSink takes everything and does nothing with it.
type noSink struct{ events int }

func (s *noSink) Add(context.Context, batch.Place, uint64, uint64, []byte) error {
	s.events++
	return nil
}
func (*noSink) Pass(context.Context, batch.Place, batch.Kind, uint64, uint64) error { return nil }
func (*noSink) Finish(context.Context, batch.Place, uint64) error                   { return nil }

// A line of a file becomes an event in JSON: one op is one line of 100 bytes. The state is kept as it is for any file.
func BenchmarkReadPath(b *testing.B) {
	const lineBytes, most = 100, 1 << 18
	log := filepath.Join(b.TempDir(), "x.log")
	var text strings.Builder
	for i := range min(b.N, most) {
		fmt.Fprintf(&text, "%-99s\n", fmt.Sprintf("Jan  2 03:04:05 host sshd[%d]: Accepted publickey for user%d from 10.0.0.%d", i, i, i%256))
	}
	if err := os.WriteFile(log, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(lineBytes)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= most {
		b.StopTimer()
		n := min(left, most)
		if err := os.Truncate(log, int64(n*lineBytes)); err != nil {
			b.Fatal(err)
		}
		readThrough(b, log, n)
	}
}

// readThrough follows a file of n lines from its beginning to its end. The timer runs while it reads.
func readThrough(b *testing.B, log string, n int) {
	var sink noSink
	src := Source{Agent: event.HashKey("agent"), Version: "test", Host: "h", Zone: "UTC"}
	in, err := Open(b.TempDir(), []Config{{Paths: []string{log}}}, src, &sink, slog.New(slog.DiscardHandler), metrics.NewSet())
	if err != nil {
		b.Fatal(err)
	}
	if err := in.scan(); err != nil {
		b.Fatal(err)
	}
	if err := in.beginSync(); err != nil {
		b.Fatal(err)
	}
	in.awaitSync()
	b.StartTimer()
	for more := true; more; {
		if more, err = in.readRound(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	in.closeAll()
	if err := in.Close(); err != nil {
		b.Fatal(err)
	}
	if sink.events != n {
		b.Fatalf("%d events of %d lines", sink.events, n)
	}
}
