package app

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/agent/input/syslog"
	"belfry/agent/spool"
)

// BenchmarkReceive takes messages over real sockets into a real spool, from which nothing leaves; an op is a message of some 200
// bytes. The sender's share of the CPU is in it.
func BenchmarkReceive(b *testing.B) {
	line := "<34>Oct 11 22:14:15 mymachine su[4711]: 'su root' failed for lonvick on /dev/pts/8 " + strings.Repeat("x", 110) + "\n"
	chunk := bytes.Repeat([]byte(line), 64<<10/len(line))
	b.Run("tcp", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(line)))
		set := metrics.NewSet()
		r, err := openRelay(b.TempDir(), spool.Config{MaxBytes: 64 << 30, MinFree: 1}, []string{classAuth, classDefault}, relaySource, nil, quiet, set)
		if err != nil {
			b.Fatal(err)
		}
		r.lanes = 1
		for _, class := range []string{classAuth, classDefault} {
			q, err := r.spool.Queue(outletName(0, class))
			if err != nil {
				b.Fatal(err)
			}
			r.outlets[outletName(0, class)] = newOutlet(outletName(0, class), class, q, relaySource, nil, quiet)
		}
		in, err := syslog.New(syslog.Config{Listen: "tcp://127.0.0.1:0"}, nil, r.ear(""), quiet, set)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 2)
		go func() { ended <- in.Run(ctx) }()
		go func() { ended <- r.spool.Run(ctx) }()
		c, err := net.Dial("tcp", in.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for sent := 0; sent < b.N; {
			n := min(len(chunk)/len(line), b.N-sent)
			if _, err := c.Write(chunk[:n*len(line)]); err != nil {
				b.Fatal(err)
			}
			sent += n
		}
		for syslog.Taken([]*syslog.Input{in}) < uint64(b.N) {
			time.Sleep(time.Millisecond)
		}
		b.StopTimer()
		cancel()
		for range 2 {
			if err := <-ended; err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		}
		if err := c.Close(); err != nil {
			b.Error(err)
		}
		if err := r.Close(); err != nil {
			b.Error(err)
		}
	})
}
