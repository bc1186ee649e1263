package syslog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/e2e/stack"
)

// kept is a sink that remembers.
type kept struct {
	mu   sync.Mutex
	all  []string
	long []int
}

func (k *kept) Put(_ context.Context, m Message) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, string(m.Raw))
	if m.OriginalLength > len(m.Raw) {
		k.long = append(k.long, m.OriginalLength)
	}
	if !m.Peer.Addr().IsLoopback() || m.Received.IsZero() {
		panic(fmt.Sprintf("message without its sender: %+v", m))
	}
	return nil
}

func (k *kept) want(t *testing.T, check func(all []string) bool) []string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		k.mu.Lock()
		all := slices.Clone(k.all)
		k.mu.Unlock()
		if check(all) {
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("got %.500q", all)
		}
	}
}

func listen(t *testing.T, network string) (*Input, *kept) {
	t.Helper()
	k := new(kept)
	in, err := New(Config{Listen: network + "://127.0.0.1:0", MaxMessage: 1024}, k,
		slog.New(slog.NewTextHandler(io.Discard, nil)), metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return in, k
}

func dial(t *testing.T, in *Input) net.Conn {
	t.Helper()
	c, err := net.Dial(in.Addr().Network(), in.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestUDP(t *testing.T) {
	in, k := listen(t, "udp")
	c := dial(t, in)
	// Some of these end a process that runs go-syslog as it is shipped.
	sent := []string{"<34>", "<34>Oct 11 22:14:15 h", "<999>x", "<34", "-5 xx", "9223372036854775806 x",
		"two\nlines", "\xff\xfe", strings.Repeat("x", 1500)}
	for _, s := range append([]string{"", "\n"}, sent...) {
		if _, err := c.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	got := k.want(t, func(all []string) bool { return len(all) >= len(sent) })
	sent[len(sent)-1] = sent[len(sent)-1][:1024]
	if !slices.Equal(got, sent) || !slices.Equal(k.long, []int{1500}) {
		t.Errorf("got %q, long %v", got, k.long)
	}
}

func TestTCP(t *testing.T) {
	in, k := listen(t, "tcp")
	c := dial(t, in)
	for _, s := range []string{"<13>a\n<13>b", " c\n15 <13>octets", "\nyes!<13>d\x005 <13>e<13>last"} {
		if _, err := c.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // so that the pieces arrive as pieces; the result does not depend on it
	}
	c.Close()
	want := []string{"<13>a", "<13>b c", "<13>octets\nyes!", "<13>d", "<13>e", "<13>last"}
	k.want(t, func(all []string) bool { return slices.Equal(all, want) })
}

func TestManyConnections(t *testing.T) {
	in, k := listen(t, "tcp")
	var all sync.WaitGroup
	var conns []net.Conn
	for range 50 {
		conns = append(conns, dial(t, in))
	}
	for i, c := range conns {
		all.Go(func() {
			for n := range 100 {
				fmt.Fprintf(c, "<13>%d-%d\n", i, n)
			}
			c.Close()
		})
	}
	all.Wait()
	got := k.want(t, func(all []string) bool { return len(all) >= 5000 })
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != 5000 {
		t.Errorf("%d different messages, want 5000", len(got))
	}
}

func TestLimitPerPeer(t *testing.T) {
	l := limiter{}
	l.byPeer = make(map[netip.Addr]int)
	peer := addrPort(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}).Addr()
	for range maxConnsPerPeer {
		if !l.enter(peer) {
			t.Fatal("refused too early")
		}
	}
	if l.enter(peer) {
		t.Error("more than the limit came in")
	}
	l.leave(peer)
	if !l.enter(peer) {
		t.Error("refused after one left")
	}
}

// frames splits a stream that comes in pieces.
func frames(s string, most, piece int) (all []string, lengths []int) {
	st := stream{framer: framer{max: most}, buf: make([]byte, most+maxDigits+64)}
	hand := func(f frame) error {
		all, lengths = append(all, string(f.text)), append(lengths, f.length)
		return nil
	}
	for len(s) > 0 {
		n := copy(st.buf[st.used:], s[:min(piece, len(s))])
		if n == 0 {
			panic("buffer is full and nothing was taken")
		}
		st.used += n
		s = s[n:]
		_ = st.each(false, hand)
	}
	_ = st.each(true, hand)
	return all, lengths
}

func TestFraming(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		for _, piece := range []int{1, 3, 1000} {
			if got, _ := frames(in, 20, piece); !slices.Equal(got, want) {
				t.Errorf("%q in pieces of %d: %q, want %q", in, piece, got, want)
			}
		}
	}
	f("<1>a\r\n<2>b\n", "<1>a", "<2>b")
	f("4 <1>a4 <2>b", "<1>a", "<2>b")
	f("4 <1>a<2>line\n4 <3>c", "<1>a", "<2>line", "<3>c")
	f("7 <1>\n\n\n\n<2>x\n", "<1>\n\n\n\n", "<2>x")
	f("2026 was a year\n", "2026 was a year")
	f("99999999999 <1>x\n<2>y\n", "99999999999 <1>x", "<2>y")
	f("-5 xx\n", "-5 xx")
	f("012 <1>x\n", "012 <1>x")
	f("30 <1>"+strings.Repeat("x", 27)+"<2>y\n", "<1>"+strings.Repeat("x", 17), "<2>y")
	f(strings.Repeat("z", 50)+"\n<2>y\n", strings.Repeat("z", 20), "<2>y")
	f("12", "12")
	f("100 <1>cut short", "<1>cut short")
	if _, n := frames(strings.Repeat("z", 50)+"\n30 <1>"+strings.Repeat("x", 27), 20, 7); !slices.Equal(n, []int{50, 30}) {
		t.Errorf("lengths %v, want 50 and 30", n)
	}
}

// Whatever comes, and in whatever pieces: no panic, no frame over the limit, and the same frames.
func FuzzFraming(f *testing.F) {
	for _, s := range []string{"<1>a\n", "4 <1>a", "9999999 <", "1 ", "\x00\x00", "30 <1>xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, piece int) {
		if piece < 1 {
			piece = 1
		}
		got, lengths := frames(s, 20, piece)
		whole, _ := frames(s, 20, 1)
		for i, g := range got {
			if len(g) > 20 || lengths[i] < len(g) {
				t.Fatalf("frame %q, length %d", g, lengths[i])
			}
		}
		if !slices.Equal(got, whole) {
			t.Fatalf("in pieces of %d: %q, in pieces of 1: %q", piece, got, whole)
		}
	})
}

func TestSplitFunc(t *testing.T) {
	split := rawFormat{max: 100}.GetSplitFunc()
	n, token, err := split([]byte("4 <1>a<2>b\n"), false)
	if n != 6 || !bytes.Equal(token, []byte("<1>a")) || err != nil {
		t.Errorf("%d %q %v", n, token, err)
	}
}

func TestRealLogger(t *testing.T) {
	stack.Need(t, "logger")
	f := func(network, want string, flags ...string) {
		t.Helper()
		in, k := listen(t, network)
		_, port, err := net.SplitHostPort(in.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"-n", "127.0.0.1", "-P", port, "-t", "belltest", "-p", "auth.notice"}, flags...)
		if out, err := exec.Command("logger", append(args, "hello relay")...).CombinedOutput(); err != nil {
			t.Fatalf("logger: %v: %s", err, out)
		}
		got := k.want(t, func(all []string) bool { return len(all) > 0 })
		if len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.HasSuffix(got[0], "hello relay") {
			t.Errorf("%s %v: %q", network, flags, got)
		}
	}
	f("udp", "<37>", "-d", "--rfc3164")
	f("udp", "<37>1 ", "-d", "--rfc5424")
	f("tcp", "<37>", "-T", "--rfc3164")
	f("tcp", "<37>1 ", "-T", "--rfc5424")
	f("tcp", "<37>1 ", "-T", "--rfc5424", "--octet-count")
}
