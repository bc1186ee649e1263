package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"belfry/shared/e2e/stack"
)

// startKept starts an input whose sockets h keeps. A stop leaves what has arrived to the next one.
func startKept(t *testing.T, h *Handed, cfg Config, s *sink) (in *Input, stop func()) {
	t.Helper()
	in, err := New(cfg, h, s, silent, metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	return in, func() {
		t.Helper()
		h.Yield()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// takesAll waits until a sink has some messages, in whatever order, and no others.
func takesAll(t *testing.T, s *sink, want ...string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); len(s.messages()) < len(want) && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	got := texts(s.messages())
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("took %d messages, want %d: %.300q", len(got), len(want), got)
	}
}

// What is sent between two inputs of one address waits for the second: over UDP at each of the sockets that share the address,
// however many the second wants; connections wait, too.
func TestSocketsAreKept(t *testing.T) {
	f := func(scheme, network string, cfg Config) {
		t.Helper()
		addr := filepath.Join(t.TempDir(), "log")
		if network == "udp" || network == "tcp" {
			var err error
			if addr, err = stack.FreeAddr(); err != nil {
				t.Fatal(err)
			}
		}
		cfg.Listen = scheme + "://" + addr
		h := new(Handed)
		first, second := new(sink), new(sink)
		h.Retain([]Config{cfg})
		_, stop := startKept(t, h, cfg, first)
		send := func(text string) {
			t.Helper()
			c, err := net.Dial(network, addr) // of a port of its own: the kernel deals them out
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := fmt.Fprintf(c, "%s\n", text); err != nil {
				t.Fatal(err)
			}
		}
		send("<13>before")
		takesAll(t, first, "<13>before")
		stop()
		var want []string
		for i := range 8 { // the queue of a unix socket is short: who writes more waits
			want = append(want, fmt.Sprintf("<13>between %d", i))
			send(want[i])
		}
		cfg.Sockets = min(cfg.Sockets, 1)
		h.Retain([]Config{cfg})
		_, stop = startKept(t, h, cfg, second)
		if left := h.Left(); len(left) > 0 {
			t.Errorf("%s: left %q", scheme, left)
		}
		takesAll(t, second, want...)
		stop()
		h.Retain(nil) // nobody wants it any more
		if network == "udp" || network == "tcp" {
			if c, err := net.Dial(network, addr); err == nil {
				_, _ = c.Write([]byte("x")) // UDP says so at the second try
				if _, err = c.Write([]byte("x")); err == nil {
					t.Errorf("%s: somebody still listens", scheme)
				}
				c.Close()
			}
		}
		if _, err := os.Lstat(addr); network == "unix" && err == nil {
			t.Errorf("%s: the path is left behind", scheme)
		}
	}
	f("udp", "udp", Config{Sockets: 4})
	f("tcp", "tcp", Config{})
	f("unix", "unix", Config{})
	f("unixgram", "unixgram", Config{})
}

// A socket of systemd that one configuration does not want is there for the next one: nobody can open its port anew.
func TestActivatedStays(t *testing.T) {
	systemds, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer systemds.Close()
	file, err := systemds.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Listen: "udp://" + systemds.LocalAddr().String()}
	h := &Handed{sockets: []*handedSocket{{file: file, network: "udp", addr: systemds.LocalAddr().String()}}}
	defer h.Close()
	h.Retain(nil)
	if left := h.Left(); len(left) != 1 {
		t.Errorf("left %q", left)
	}
	h.Retain([]Config{cfg})
	_, stop := startKept(t, h, cfg, new(sink))
	stop()
	if left := h.Left(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// What the kernel drops between two inputs is counted by the second.
func TestDropsBetweenAreCounted(t *testing.T) {
	addr, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Listen: "udp://" + addr, Sockets: 1}
	h, s := new(Handed), &sink{forget: true}
	in, stop := startKept(t, h, cfg, s)
	raw, err := in.sockets[0].conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	shrink(t, raw)
	stop()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = 2000
	for range sent {
		if _, err := c.Write([]byte("<13>x")); err != nil {
			t.Fatal(err)
		}
	}
	h.Retain([]Config{cfg})
	in, stop = startKept(t, h, cfg, s)
	defer stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if Dropped([]*Input{in}) > 0 && Taken([]*Input{in})+Dropped([]*Input{in}) == sent {
			return
		}
	}
	t.Errorf("%d taken and %d dropped of %d", Taken([]*Input{in}), Dropped([]*Input{in}), sent)
}

// shrink makes the buffer of a socket small.
func shrink(t *testing.T, raw syscall.RawConn) {
	t.Helper()
	var failed error
	err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
}
