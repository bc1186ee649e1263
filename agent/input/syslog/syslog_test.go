package syslog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/conf"
	"belfry/shared/e2e/stack"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// crashers end a process that exposes go-syslog's own server.
var crashers = []string{"<34>", "<34>Oct 11 22:14:15 h", "-5 xx", "9223372036854775806 x"}

// sink remembers what it took. While it is shut, it blocks.
type sink struct {
	mu   sync.Mutex
	got  []Message
	shut chan struct{} // nil is open
	fail func(Message) error

	forget bool // only count

	syncs  int
	unkept error // what Sync says
}

func (s *sink) Put(ctx context.Context, m Message) error {
	if s.shut != nil {
		select {
		case <-s.shut:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.fail != nil {
		if err := s.fail(m); err != nil {
			return err
		}
	}
	if s.forget {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Raw = bytes.Clone(m.Raw)
	s.got = append(s.got, m)
	return nil
}

func (s *sink) Session() Session { return s }

func (s *sink) Sync(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.syncs++
	return s.unkept
}

func (s *sink) messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func texts(all []Message) []string {
	var got []string
	for _, m := range all {
		got = append(got, string(m.Raw))
	}
	return got
}

// rig is a running input.
type rig struct {
	*Input
	t      *testing.T
	sink   *sink
	set    *metrics.Set
	stop   context.CancelFunc
	ended  chan error
	waited bool
}

func start(t *testing.T, cfg Config, s *sink) *rig {
	t.Helper()
	r := &rig{t: t, sink: s, set: metrics.NewSet(), ended: make(chan error, 1)}
	var err error
	if r.Input, err = New(cfg, nil, s, silent, r.set); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		r.wait()
	})
	return r
}

// wait waits for the end of a stopped input.
func (r *rig) wait() {
	r.t.Helper()
	if r.waited {
		return
	}
	r.waited = true
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("run: %v", err)
		}
	case <-time.After(30 * time.Second):
		r.t.Error("the input does not stop")
	}
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial(r.Addr().Network(), r.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() }) // often closed before
	return c
}

func (r *rig) write(c net.Conn, text string) {
	r.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		r.t.Fatal(err)
	}
}

// until polls.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not seen: %s; messages %.300q\n%s", what, texts(r.sink.messages()), r.metrics())
		}
	}
}

func (r *rig) takes(want ...string) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d messages", len(want)), func() bool { return len(r.sink.messages()) >= len(want) })
	if got := texts(r.sink.messages()); !slices.Equal(got, want) {
		r.t.Errorf("took %q, want %q", got, want)
	}
}

func (r *rig) metrics() string {
	var b strings.Builder
	r.set.WritePrometheus(&b)
	return b.String()
}

// counts waits for lines of the metrics; belfry_agent_syslog_ is left out.
func (r *rig) counts(lines ...string) {
	r.t.Helper()
	for _, l := range lines {
		r.until(l, func() bool { return strings.Contains(r.metrics(), "belfry_agent_syslog_"+l+"\n") })
	}
}

func TestUDP(t *testing.T) {
	r := start(t, Config{Listen: "udp://127.0.0.1:0", MaxMessage: 1024}, &sink{})
	c := r.dial()
	for _, s := range []string{"", "\n", " \r\n\x00", "<34>a\n", "<34>b\r\n\x00", "<34>two\nlines", "\xff\xfe", "4 <1>a",
		strings.Repeat("x", 1023) + "é"} {
		r.write(c, s)
	}
	r.takes("<34>a", "<34>b", "<34>two\nlines", "\xff\xfe", "4 <1>a", strings.Repeat("x", 1023))
	m := r.sink.messages()[5]
	local, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil || m.Peer != local || m.OriginalLength != 1025 || time.Since(m.Received).Abs() > time.Minute {
		t.Errorf("message from %v at %v, original length %d, %v", m.Peer, m.Received, m.OriginalLength, err)
	}
	r.counts(`empty_messages_total{transport="udp"} 3`, `messages_total{transport="udp"} 6`,
		`truncated_messages_total{transport="udp"} 1`)
}

func TestTCP(t *testing.T) {
	r := start(t, Config{Listen: "tcp://127.0.0.1:0", MaxMessage: 1024}, &sink{})
	c := r.dial()
	r.write(c, "\n<13>a\n<13>b\r\n<13>c\x0015 <13>octets\nyes!<13>"+strings.Repeat("x", 2000)+"\n<13>last")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r.takes("<13>a", "<13>b", "<13>c", "<13>octets\nyes!", "<13>"+strings.Repeat("x", 1020), "<13>last")
	m := r.sink.messages()
	if m[4].OriginalLength != 2004 || m[0].OriginalLength != 5 || m[0].Peer.String() != c.LocalAddr().String() {
		t.Errorf("lengths %d and %d, peer %v", m[4].OriginalLength, m[0].OriginalLength, m[0].Peer)
	}
	r.counts(`empty_messages_total{transport="tcp"} 1`, `messages_total{transport="tcp"} 6`,
		`truncated_messages_total{transport="tcp"} 1`, "open_connections 0", `connections_total{transport="tcp"} 1`)
}

func TestCrashersOfTheLibrary(t *testing.T) {
	f := func(transport, end string) {
		t.Helper()
		r := start(t, Config{Listen: transport + "://127.0.0.1:0"}, &sink{})
		c := r.dial()
		for _, s := range crashers {
			r.write(c, s+end)
		}
		r.takes(crashers...)
	}
	f("udp", "")
	f("tcp", "\n")
	f("tcp", "\x00")
}

func TestManyConnectionsLoseNothing(t *testing.T) {
	r := start(t, Config{Listen: "tcp://127.0.0.1:0"}, &sink{})
	var all sync.WaitGroup
	for i := range 50 {
		c := r.dial()
		all.Go(func() {
			for n := range 100 {
				fmt.Fprintf(c, "<13>%d-%d\n", i, n)
			}
			_ = c.Close() // what was written counts
		})
	}
	all.Wait()
	r.until("5000 messages", func() bool { return len(r.sink.messages()) >= 5000 })
	got := texts(r.sink.messages())
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 5000 {
		t.Errorf("%d different messages, want 5000", n)
	}
}

// A sink that stands still holds up a TCP sender: it loses nothing, and we hold next to nothing.
func TestBackPressure(t *testing.T) {
	s := &sink{shut: make(chan struct{})}
	r := start(t, Config{Listen: "tcp://127.0.0.1:0"}, s)
	c := r.dial()
	line := "<13>" + strings.Repeat("x", 1000) + "\n"
	sent := 0
	for { // until the buffers of both kernels are full
		if err := c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := io.WriteString(c, line)
		sent += n
		if err != nil {
			break
		}
		if sent > 1<<30 {
			t.Fatal("the sender is never held up")
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	close(s.shut)
	want := (sent + len(line) - 1) / len(line)
	r.until("all of it", func() bool { return len(s.messages()) >= want })
	r.counts(fmt.Sprintf(`messages_total{transport="tcp"} %d`, want), `dropped_messages_total{transport="tcp",reason="sink"} 0`)
}

// Every datagram that reached the host is handed on or counted, also while the sink stands still.
func TestDropsAreCounted(t *testing.T) {
	f := func(sockets int) {
		t.Helper()
		s := &sink{shut: make(chan struct{})}
		r := start(t, Config{Listen: "udp://127.0.0.1:0", Sockets: sockets}, s)
		senders := []net.Conn{r.dial(), r.dial(), r.dial(), r.dial()}
		kernel := func() (n int) {
			for _, s := range r.sockets {
				dropped, known := kernelDrops(s.conn)
				if !known {
					t.Fatal("the kernel does not say what it drops")
				}
				n += int(dropped)
			}
			return n
		}
		sent := 0
		r.until("full buffers", func() bool {
			for range 1000 {
				for _, c := range senders {
					sent++
					r.write(c, fmt.Sprintf("<13>%d %01000d", sent, 0))
				}
			}
			return kernel() > 100
		})
		close(s.shut)
		r.until("all of it", func() bool { return len(s.messages())+kernel() == sent })
		want := kernel()
		r.stop()
		r.wait() // it counts at the end
		r.counts(fmt.Sprintf(`kernel_dropped_messages_total{transport="udp"} %d`, want))
		if got := Dropped([]*Input{r.Input}); got != uint64(want) {
			t.Errorf("%d dropped, want %d", got, want)
		}
	}
	f(1)
	f(3)
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	q := newQueue()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	for q.bytes <= queueBytes {
		b := q.get(ctx)
		b.bytes = make([]byte, maxDatagram)
		q.put(b)
		n++
	}
	if n != queueBytes/maxDatagram+1 {
		t.Errorf("%d bursts of %d bytes", n, maxDatagram)
	}
	cancel()
	if q.get(ctx) != nil {
		t.Error("one more was let in")
	}
	q.done(<-q.full)
	q.done(<-q.full)
	if q.get(t.Context()) == nil {
		t.Error("none is let in when there is room again")
	}
}

// What arrived before an ordered stop is handed on, the unfinished line too.
func TestStopHandsOnWhatArrived(t *testing.T) {
	f := func(transport, sent string, want ...string) {
		t.Helper()
		s := &sink{shut: make(chan struct{})}
		r := start(t, Config{Listen: transport + "://127.0.0.1:0", MaxMessage: 1 << 20}, s)
		c := r.dial()
		r.write(c, sent)
		if transport == "tcp" {
			r.counts("open_connections 1")
		}
		r.stop()
		time.AfterFunc(3*linger, func() { close(s.shut) }) // a slow sink must not cost what waits in the kernel
		r.wait()
		if got := texts(s.messages()); !slices.Equal(got, want) {
			t.Errorf("%s: took %q, want %q", transport, got, want)
		}
		if _, err := net.Dial("tcp", r.Addr().String()); err == nil {
			t.Error("still listens")
		}
	}
	f("udp", "<13>a", "<13>a")
	long := "<13>" + strings.Repeat("x", 3*readLarge) // does not fit one read
	f("tcp", "<13>a\n"+long+"\n<13>b\n<13>c", "<13>a", long, "<13>b", "<13>c")
}

func TestStopDoesNotWaitForABlockedSink(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		r := start(t, Config{Listen: transport + "://127.0.0.1:0"}, &sink{shut: make(chan struct{})})
		r.write(r.dial(), "<13>a\n")
		if transport == "tcp" {
			r.counts("open_connections 1")
		}
		r.stop()
		r.wait() // by drain
		r.counts(`dropped_messages_total{transport="` + transport + `",reason="sink"} 1`)
		if !r.CutOff() {
			t.Errorf("%s: nobody is told that the stop left something", transport)
		}
	}
}

// What a stop cannot hand on, because the sink is full, is read all the same, and counted.
func TestStopCountsWhatIsLeft(t *testing.T) {
	f := func(scheme, end string, sent int) {
		t.Helper()
		r := start(t, Config{Listen: scheme + "://127.0.0.1:0", Sockets: 0}, &sink{shut: make(chan struct{})})
		c := r.dial()
		for i := range sent {
			r.write(c, fmt.Sprintf("<13>%07d %0990d%s", i, 0, end))
		}
		if scheme == "tcp" {
			r.counts("open_connections 1")
		}
		r.stop()
		r.wait()
		kernel := 0
		if scheme == "udp" {
			kernel = int(r.count.kernelDropped.Get())
		}
		if got := int(r.count.refusedBySink.Get()) + kernel; got != sent || !r.CutOff() || len(r.sink.messages()) > 0 {
			t.Errorf("%s: %d of %d counted, cut off %v, %d taken", scheme, got, sent, r.CutOff(), len(r.sink.messages()))
		}
	}
	f("tcp", "\n", 1500)
	f("udp", "", 20_000)
}

func TestValidate(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
	f(Config{Listen: "udp://127.0.0.1:0"}, "")
	f(Config{Listen: "tcp://:514"}, "")
	f(Config{Listen: "tcp://[::1]:514", MaxConnections: 5}, "")
	const schemes = "does not begin with udp://, tcp://, tls://, relp://, relp+tls://, unix:// or unixgram://"
	f(Config{}, `listen: "" `+schemes)
	f(Config{Listen: "127.0.0.1:514"}, `listen: "127.0.0.1:514" `+schemes)
	f(Config{Listen: "tcp://127.0.0.1"}, `listen: "tcp://127.0.0.1" is not tcp://HOST:PORT`)
	f(Config{Listen: "tcp://h:syslog"}, `listen: "tcp://h:syslog" has no port between 0 and 65535`)
	f(Config{Listen: "tcp://h:1", MaxMessage: 1, MaxConnections: -1, MaxPerAddress: -1, Idle: 1},
		"max_message: 1 is not between 480 and 1048576\nmax_connections: -1 is not between 1 and 100000\n"+
			"max_per_address: -1 is not between 1 and max_connections, -1\nidle: 1ns is less than 1s")
	f(Config{Listen: "unix://log"}, `listen: "unix://log" is not unix:///PATH, of at most 107 bytes`)
	f(Config{Listen: "udp://:514", Allow: []string{"10.0.0.0/8", "::1", "web01", "10.0.0.0/33"}},
		"allow[2]: \"web01\" is no address and no network as 10.0.0.0/8\n"+
			"allow[3]: \"10.0.0.0/33\" is no address and no network as 10.0.0.0/8")
	f(Config{Listen: "tcp://:514", ClientAuth: "none"}, `listen: "tcp://:514" knows no certificates: only tls:// and relp+tls:// do`)
	f(Config{Listen: "tls://:514", ClientAuth: "maybe", Clients: []string{"["}},
		"client_auth: \"maybe\" is not require, optional or none\nca: a file must be named\ncert: a file must be named\n"+
			"key: a file must be named\nclients[0]: \"[\" is not a pattern: syntax error in pattern")
	f(Config{Listen: "udp://:514", Class: "Auth", Sockets: 100},
		"class: \"Auth\": use 1 to 32 of a-z, 0-9 and _\nsockets: 100 is not between 1 and 64")
	f(Config{Listen: "udp://:514", MaxConnections: 5, MaxPerAddress: 5, Idle: conf.Duration(time.Hour), Handshake: conf.Duration(time.Second)},
		"max_per_address: does nothing with udp://: there are no connections from addresses\n"+
			"max_connections: does nothing with udp://: there are no connections\nidle: does nothing with udp://: there are no connections\n"+
			"handshake: does nothing with udp://: there is no TLS")
	f(Config{Listen: "unix:///log", Allow: []string{"10.0.0.0/8"}, Sockets: 2},
		"allow: does nothing with unix://: who sends there has no address\nsockets: does nothing with unix://: only UDP has more than one")
	if _, err := New(Config{Listen: "x"}, nil, &sink{}, silent, nil); err == nil {
		t.Error("a bad configuration was taken")
	}
	taken := start(t, Config{Listen: "tcp://127.0.0.1:0"}, &sink{})
	if _, err := New(Config{Listen: "tcp://" + taken.Addr().String()}, nil, &sink{}, silent, nil); err == nil {
		t.Error("a port in use was taken")
	}
	in, err := New(Config{Listen: "udp://127.0.0.1:0"}, nil, &sink{}, silent, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

func TestMeets(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if got := (Config{Listen: a}).Meets(Config{Listen: b}); got != want {
			t.Errorf("%s meets %s: %v, want %v", a, b, got, want)
		}
	}
	f("udp://:514", "udp://0.0.0.0:514", true)
	f("udp://:514", "udp://127.0.0.1:514", true)
	f("udp://10.0.0.1:514", "udp://10.0.0.2:514", false)
	f("udp://:514", "tcp://:514", false)
	f("tcp://:514", "tls://:514", true)
	f("tls://:6514", "relp://:2514", false)
	f("tcp://:0", "tcp://:0", false)
	f("unix:///log", "unix:///log", true)
	f("unix:///log", "unixgram:///log", false)
	f("nonsense", "nonsense", true)
}

// The names of metrics are for ever.
func TestMetricNames(t *testing.T) {
	set := metrics.NewSet()
	for scheme := range schemes {
		newCounters(set, scheme)
	}
	newCounters(set, "tcp") // a second input
	want, err := os.ReadFile(filepath.Join("testdata", "metrics.txt"))
	if err != nil {
		t.Fatal(err)
	}
	got := set.ListMetricNames()
	slices.Sort(got)
	if !slices.Equal(got, strings.Fields(string(want))) {
		t.Errorf("names are\n%s", strings.Join(got, "\n"))
	}
}

func TestRealLogger(t *testing.T) {
	stack.Need(t, "logger")
	f := func(network, want string, flags ...string) {
		t.Helper()
		r := start(t, Config{Listen: network + "://127.0.0.1:0"}, &sink{})
		_, port, err := net.SplitHostPort(r.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"-n", "127.0.0.1", "-P", port, "-t", "belltest", "-p", "auth.notice"}, flags...)
		for _, text := range []string{"hello relay", "hello again"} {
			if out, err := exec.Command("logger", append(args, text)...).CombinedOutput(); err != nil {
				t.Fatalf("logger: %v: %s", err, out)
			}
		}
		r.until("two messages", func() bool { return len(r.sink.messages()) >= 2 })
		got := texts(r.sink.messages())
		for _, text := range []string{"hello relay", "hello again"} {
			if !slices.ContainsFunc(got, func(m string) bool {
				return strings.HasPrefix(m, want) && strings.Contains(m, "belltest") && strings.HasSuffix(m, text)
			}) {
				t.Errorf("%s %v: %q", network, flags, got)
			}
		}
	}
	f("udp", "<37>", "-d", "--rfc3164")
	f("udp", "<37>1 ", "-d", "--rfc5424")
	f("tcp", "<37>", "-T", "--rfc3164")
	f("tcp", "<37>", "-T", "--rfc3164", "--octet-count")
	f("tcp", "<37>1 ", "-T", "--rfc5424")
	f("tcp", "<37>1 ", "-T", "--rfc5424", "--octet-count")
}
