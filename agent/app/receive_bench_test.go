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
	"belfry/agent/ship"
	"belfry/agent/spool"
)

// BenchmarkReceive takes messages over real sockets into a real spool, from which nothing leaves; an op is a message of some 200
// bytes. The sender's share of the CPU is in it.
func BenchmarkReceive(b *testing.B) {
	line := "<34>Oct 11 22:14:15 mymachine su[4711]: 'su root' failed for lonvick on /dev/pts/8 " + strings.Repeat("x", 110) + "\n"
	chunk := bytes.Repeat([]byte(line), 64<<10/len(line))
	f := func(scheme string, write func(c net.Conn, n int) (int, error)) {
		b.Run(scheme, func(b *testing.B) { receive(b, scheme, len(line), write) })
	}
	f("tcp", func(c net.Conn, n int) (int, error) {
		n = min(len(chunk)/len(line), n)
		_, err := c.Write(chunk[:n*len(line)])
		return n, err
	})
	f("udp", func(c net.Conn, _ int) (int, error) {
		_, err := c.Write(chunk[:len(line)])
		return 1, err
	})
}

func receive(b *testing.B, scheme string, size int, write func(c net.Conn, n int) (int, error)) {
	b.ReportAllocs()
	b.SetBytes(int64(size))
	set := metrics.NewSet()
	r, err := openRelay(b.TempDir(), spool.Config{MaxBytes: 64 << 30, MinFree: 1}, []string{classAuth, classDefault}, relaySource,
		[]*ship.Shipper{nil}, quiet, set)
	if err != nil {
		b.Fatal(err)
	}
	in, err := syslog.New(syslog.Config{Listen: scheme + "://127.0.0.1:0"}, nil, r.ear(""), quiet, set)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 2)
	go func() { ended <- in.Run(ctx) }()
	go func() { ended <- r.spool.Run(ctx) }()
	c, err := net.Dial(scheme, in.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		n, err := write(c, b.N-sent)
		if err != nil {
			b.Fatal(err)
		}
		sent += n
	}
	if err := c.Close(); err != nil {
		b.Error(err)
	}
	for last := uint64(0); ; time.Sleep(10 * time.Millisecond) { // what UDP drops never comes
		now := syslog.Taken([]*syslog.Input{in})
		if now >= uint64(b.N) || scheme == "udp" && now == last {
			break
		}
		last = now
	}
	b.StopTimer()
	cancel()
	for range 2 {
		if err := <-ended; err != nil && ctx.Err() == nil {
			b.Error(err)
		}
	}
	if err := r.Close(false); err != nil {
		b.Error(err)
	}
}
