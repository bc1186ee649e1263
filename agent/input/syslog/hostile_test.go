package syslog

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"belfry/shared/conf"
)

// neighbour is an honest sender beside whatever goes on.
type neighbour struct {
	r    *rig
	conn net.Conn
	sent int
}

func (n *neighbour) speaks() {
	n.r.t.Helper()
	n.sent++
	n.r.write(n.conn, fmt.Sprintf("<13>neighbour %d\n", n.sent))
}

// isHeard checks that all that the neighbour said has come, once and in order.
func (n *neighbour) isHeard() {
	n.r.t.Helper()
	var heard []string
	n.r.until("the neighbour", func() bool {
		heard = heard[:0]
		for _, m := range texts(n.r.sink.messages()) {
			if strings.HasPrefix(m, "<13>neighbour ") {
				heard = append(heard, m)
			}
		}
		return len(heard) >= n.sent
	})
	for i, m := range heard {
		if m != fmt.Sprintf("<13>neighbour %d", i+1) {
			n.r.t.Fatalf("message %d of the neighbour is %q", i+1, m)
		}
	}
}

// What nobody would send harms neither the process nor who sends beside it, and each datagram is accounted for.
func TestRandomDatagrams(t *testing.T) {
	count := 1_000_000
	if testing.Short() {
		count = 50_000
	}
	s := &sink{}
	tcp := start(t, Config{Listen: "tcp://127.0.0.1:0"}, s)
	udp := start(t, Config{Listen: "udp://127.0.0.1:0"}, &sink{fail: func(Message) error { return nil }, forget: true})
	n := &neighbour{r: tcp, conn: tcp.dial()}
	c := udp.dial()
	rnd := rand.New(rand.NewPCG(20261128, 6))
	buf := make([]byte, 2048)
	for i := range count {
		size := rnd.IntN(64)
		if i%1000 == 0 {
			size = rnd.IntN(len(buf))
			n.speaks()
		}
		for k := range size {
			buf[k] = byte(rnd.Uint32())
		}
		switch i % 4 { // nearly right is worse than noise
		case 0:
			copy(buf, "<34>")
		case 1:
			copy(buf, crashers[rnd.IntN(len(crashers))])
		}
		if _, err := c.Write(buf[:size]); err != nil {
			t.Fatal(err)
		}
	}
	udp.until("all datagrams", func() bool {
		kernel := 0
		for _, s := range udp.sockets {
			d, _ := kernelDrops(s.conn)
			kernel += int(d)
		}
		return int(udp.count.messages.Get()+udp.count.empty.Get())+kernel == count
	})
	udp.counts(`dropped_messages_total{transport="udp",reason="panic"} 0`)
	n.isHeard()
}

// Who sends a byte now and then, or a frame that never ends, holds up nobody.
func TestSlowLoris(t *testing.T) {
	for _, scheme := range []string{"tcp", "relp"} {
		r := start(t, Config{Listen: scheme + "://127.0.0.1:0", MaxPerAddress: 1000}, &sink{})
		var slow []net.Conn
		for i := range 200 {
			c := r.dial()
			r.write(c, []string{"<", "9", "65000 <13>", "1 ", "1 open 70000 ", "<13>never"}[i%6])
			slow = append(slow, c)
		}
		r.counts(`connections_total{transport="` + scheme + `"} 200`)
		if scheme == "tcp" {
			n := &neighbour{r: r, conn: r.dial()}
			for range 50 {
				n.speaks()
			}
			n.isHeard()
			continue
		}
		c := r.dial()
		r.write(c, relpOpen+"2 syslog 5 <13>a\n")
		r.answers(c, relpOpened+"2 rsp 6 200 OK\n")
		for _, s := range slow {
			_ = s.Close() // some were closed for what they sent
		}
	}
}

// Frames that are too long, of all kinds, are cut, and the stream is in step again behind them.
func TestLongAndMixedFrames(t *testing.T) {
	r := start(t, Config{Listen: "tcp://127.0.0.1:0"}, &sink{})
	c := r.dial()
	long := "<13>" + strings.Repeat("x", 70<<10)
	n := &neighbour{r: r, conn: r.dial()}
	for range 20 {
		n.speaks()
		r.write(c, fmt.Sprintf("%d %s", len(long), long)) // counted
		r.write(c, long+"\n")
		r.write(c, long+"\x00")
		r.write(c, "9 <13>after7 <13>two<13>line\n<13>nul\x00")
		r.write(c, "99999999999 <13>no count\n") // a line
	}
	n.isHeard()
	cut := long[:defaultMessage]
	want := []string{cut, cut, cut, "<13>after", "<13>two", "<13>line", "<13>nul", "99999999999 <13>no count"}
	r.until("all frames", func() bool { return len(r.sink.messages()) == n.sent*(len(want)+1) })
	i := 0
	for _, m := range r.sink.messages() {
		if strings.HasPrefix(string(m.Raw), "<13>neighbour") {
			continue
		}
		if string(m.Raw) != want[i%len(want)] || len(m.Raw) == len(cut) && m.OriginalLength != len(long) {
			t.Fatalf("message %d: %.40q of %d, original length %d", i, m.Raw, len(m.Raw), m.OriginalLength)
		}
		i++
	}
}

// Only the networks of the list may send; nobody else costs more than a look.
func TestAllow(t *testing.T) {
	f := func(scheme, count string, allow ...string) {
		t.Helper()
		r := start(t, Config{Listen: scheme + "://127.0.0.1:0", Allow: allow}, &sink{})
		dial := func(from string) net.Conn {
			var local net.Addr = &net.TCPAddr{IP: net.ParseIP(from)}
			if scheme == "udp" {
				local = &net.UDPAddr{IP: net.ParseIP(from)}
			}
			d := net.Dialer{LocalAddr: local}
			c, err := d.Dial(r.Addr().Network(), r.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() }) // it may be closed
			return c
		}
		_, _ = io.WriteString(dial("127.0.0.9"), "<13>no\n") // it may be refused before
		r.counts(count)
		r.write(dial("127.0.0.2"), "<13>yes\n")
		r.takes("<13>yes")
	}
	f("udp", `refused_messages_total{transport="udp",reason="not_allowed"} 1`, "127.0.0.0/29")
	f("tcp", `refused_connections_total{transport="tcp",reason="not_allowed"} 1`, "10.0.0.0/8", "::ffff:127.0.0.2")
}

// A connection that sends on is never idle; one that stops is closed, of RELP too.
func TestIdleRELP(t *testing.T) {
	r := start(t, Config{Listen: "relp://127.0.0.1:0", Idle: conf.Duration(time.Second)}, &sink{})
	c := r.dial()
	r.write(c, relpOpen)
	r.answers(c, relpOpened+"0 serverclose 0\n")
	if !refused(c) {
		t.Error("still open")
	}
}
