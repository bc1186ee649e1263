package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
)

// The benchmark starts itself as the senders.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args[1:], "--load") {
		main()
		return
	}
	m.Run()
}

// A short run with the real programs: every count agrees, or it is an error, and the last line has its form.
func TestRun(t *testing.T) {
	stack.Need(t, "taskset")
	stack.NeedSenders(t, theRsyslog, theSyslogNG)
	bin, err := stack.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o := options{Bin: bin.Dir, Rounds: 1, Messages: 5001, Connections: 2, UDPRate: 10_000, UDPFor: 300 * time.Millisecond}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := regexp.MustCompile(`^bench-relay: tcp_vs_rsyslog=\d+\.\d\d tcp_vs_syslog_ng=\d+\.\d\d tls_vs_syslog_ng=\d+\.\d\d ` +
		`udp_sent=3000 udp_received=\d+ udp_counted_drops=\d+$`)
	if !last.MatchString(lines[len(lines)-1]) {
		t.Errorf("last line %q", lines[len(lines)-1])
	}
	for _, transport := range transports {
		for _, who := range receivers {
			if n := len(regexp.MustCompile(`(?m)(^|  )`+transport+` +`+who+` `).FindAllString(out.String(), -1)); n != 2 {
				t.Errorf("%s %s has %d lines, want its round and its median:\n%s", transport, who, n, &out)
			}
		}
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	err := run(t.Context(), options{Bin: t.TempDir(), Rounds: 1, Messages: 1, Connections: 1, UDPRate: 1}, os.Stderr)
	for _, want := range []string{"at least 1", "no agent (make build", "rsyslog, syslog-ng: not there"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

func TestLastLine(t *testing.T) {
	b := bench{turns: make(map[kind][]turn)}
	of := func(transport, who string, sent1, received, dropped, kernelDropped int, cpu time.Duration) {
		b.turns[kind{transport, who}] = append(b.turns[kind{transport, who}], turn{
			sent:  sent{Messages: sent1},
			tally: tally{received: received, dropped: dropped, kernelDropped: kernelDropped},
			Spent: gauge.Spent{CPU: cpu},
		})
	}
	of("tcp", theBelfry, 100, 100, 0, 0, time.Second)
	of("tcp", theRsyslog, 100, 100, 0, 0, 2*time.Second)
	of("tcp", theSyslogNG, 100, 100, 0, 0, 3*time.Second)
	of("tls", theBelfry, 100, 100, 0, 0, 2*time.Second)
	of("tls", theSyslogNG, 100, 100, 0, 0, time.Second)
	of("udp", theBelfry, 100, 90, 7, 3, time.Second)
	of("udp", theBelfry, 100, 100, 0, 0, time.Second)
	of("udp", theRsyslog, 100, 5, 0, 0, time.Second)
	const want = "bench-relay: tcp_vs_rsyslog=2.00 tcp_vs_syslog_ng=3.00 tls_vs_syslog_ng=0.50 " +
		"udp_sent=100 udp_received=90 udp_counted_drops=10"
	if got := b.lastLine(); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if err := b.disagreements(); err != nil {
		t.Error(err)
	}
	of("udp", theBelfry, 100, 99, 0, 0, time.Second)
	of("udp", theBelfry, 100, 101, 0, 0, time.Second) // one too many does not make up for one too few
	if got := b.lastLine(); !strings.HasSuffix(got, "udp_sent=100 udp_received=99 udp_counted_drops=0") {
		t.Errorf("%s hides a fault", got)
	}
	if err := b.disagreements(); err == nil || strings.Count(err.Error(), "of 100") != 2 {
		t.Errorf("two turns disagree: %v", err)
	}
}

// Of TCP and TLS nobody may lose anything; of UDP the others may, and we must know it.
func TestFault(t *testing.T) {
	f := func(transport, who string, got tally, ok bool) {
		t.Helper()
		if err := (turn{sent: sent{Messages: 3}, tally: got}).fault(kind{transport, who}); (err == nil) != ok {
			t.Errorf("%s %s %+v: %v", transport, who, got, err)
		}
	}
	f("tcp", theBelfry, tally{received: 3}, true)
	f("tcp", openRoad, tally{received: 4}, false)
	f("tls", theSyslogNG, tally{received: 2}, false)
	f("tcp", theBelfry, tally{received: 2, dropped: 1}, false)
	f("udp", theRsyslog, tally{received: 1}, true)
	f("udp", theBelfry, tally{received: 1, dropped: 1, kernelDropped: 1}, true)
	f("udp", theBelfry, tally{received: 2}, false)
	f("udp", theBelfry, tally{received: 2, kernelDropped: 2}, false)
}

func TestMessages(t *testing.T) {
	all, err := messages(100)
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^<\d+>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d \S+ \S+: `)
	for _, m := range all {
		if len(m) != size || !form.Match(m) || bytes.ContainsAny(m, "\r\n\x00") {
			t.Errorf("message of %d bytes: %q", len(m), m)
		}
	}
}

func TestStream(t *testing.T) {
	all := [][]byte{[]byte("<1>a"), []byte("<2>bc"), []byte("<3>d")}
	f := func(counted bool, i, n int, want string, wantN int) {
		t.Helper()
		if part, got := frame(all, counted).part(i, n); string(part) != want || got != wantN {
			t.Errorf("%d from %d: %q, %d; want %q", n, i, part, got, want)
		}
	}
	f(false, 0, 2, "<1>a\n<2>bc\n", 2)
	f(false, 2, 5, "<3>d\n", 1)
	f(true, 0, 1, "4 <1>a", 1)
	f(true, 1, 2, "5 <2>bc4 <3>d", 2)
}

// Over several connections, and again and again from the beginning, just as many are sent as were asked for.
func TestOver(t *testing.T) {
	all := [][]byte{[]byte("<1>a"), []byte("<2>b"), []byte("<3>c")}
	var conns []net.Conn
	lines := make(chan int)
	for range 3 {
		here, there := net.Pipe()
		conns = append(conns, here)
		go func() {
			text, _ := io.ReadAll(there)
			lines <- bytes.Count(text, []byte("\n"))
		}()
	}
	if err := frame(all, false).over(conns, 1001); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, c := range conns {
		c.Close()
	}
	for range conns {
		sum += <-lines
	}
	if sum != 1001 {
		t.Errorf("%d messages, want 1001", sum)
	}
}

// What the senders of UDP say that they sent is what arrives.
func TestBurst(t *testing.T) {
	l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// Room for all of them, and an end if one does not come.
	if err := errors.Join(l.SetReadBuffer(1<<20), l.SetReadDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	all, err := messages(50)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBurst(orders{Addr: l.LocalAddr().String(), Messages: 301, Connections: 3, Rate: 1_000_000}, all)
	defer b.close()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan sent, 1)
	go func() {
		s, err := b.send()
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	ports, buf := make(map[string]int), make([]byte, 2*size)
	for range 301 {
		n, peer, err := l.ReadFrom(buf)
		if err != nil || n != size {
			t.Fatalf("%d bytes, %v", n, err)
		}
		ports[peer.String()]++
	}
	if s := <-done; s.Messages != 301 || len(ports) != 3 {
		t.Errorf("%+v from %v", s, ports)
	}
}

// The senders do as they are told, and hang up only when their input ends.
func TestLoad(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := startSender(t.Context(), orders{Transport: "tcp", Addr: l.Addr().String(), Messages: 2, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	done, err := s.send()
	if err != nil || done.Messages != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	in := bufio.NewReader(c)
	for range 2 {
		if line, err := in.ReadString('\n'); err != nil || len(line) != size+1 {
			t.Errorf("%q, %v", line, err)
		}
	}
	if err := s.hangUp(); err != nil {
		t.Error(err)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("more came, or a reset: %v", err)
	}
}

func TestSendersThatCannotConnect(t *testing.T) {
	addr, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if s, err := startSender(ctx, orders{Transport: "tcp", Addr: addr, Messages: 1, Connections: 1}); err == nil {
		t.Error("connected to nobody")
		s.kill()
	}
}
