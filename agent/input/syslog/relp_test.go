package syslog

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// frameOf is a frame of RELP.
func frameOf(txnr int, command, data string) string {
	if data == "" {
		return fmt.Sprintf("%d %s 0\n", txnr, command)
	}
	return fmt.Sprintf("%d %s %d %s\n", txnr, command, len(data), data)
}

// What librelp sends first, and what it is answered.
var (
	relpOpen   = frameOf(1, "open", "relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog\n")
	relpOpened = frameOf(1, "rsp", "200 OK\nrelp_version=0\nrelp_software=belfry\ncommands=syslog")
)

// answers reads from a connection what it says until it has said all that is wanted.
func (r *rig) answers(c net.Conn, want string) {
	r.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	in := bufio.NewReader(c)
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		b, err := in.ReadByte()
		if err != nil {
			r.t.Fatalf("%v behind the answers %q", err, got)
		}
		if got = append(got, b); !strings.HasPrefix(want, string(got)) {
			r.t.Fatalf("answers %q, want %q", got, want)
		}
	}
}

func TestRELP(t *testing.T) {
	r := start(t, Config{Listen: "relp://127.0.0.1:0", MaxMessage: 480}, &sink{})
	c := r.dial()
	r.write(c, relpOpen)
	r.answers(c, relpOpened)
	long := "<13>" + strings.Repeat("é", 1000)
	frames := "2 syslog 6 <13>a\n\n3 syslog 5 <13>b\n" + fmt.Sprintf("4 syslog %d %s\n", len(long), long) + "5 syslog 0\n999999999 syslog 7 <13>\nno\n"
	for i := range len(frames) { // a byte at a time
		r.write(c, frames[i:i+1])
	}
	r.answers(c, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n5 rsp 6 200 OK\n999999999 rsp 6 200 OK\n")
	r.takes("<13>a", "<13>b", "<13>"+strings.Repeat("é", 238), "<13>\nno")
	if m := r.sink.messages()[2]; m.OriginalLength != len(long) || m.Priority != 13 || m.Transport != "tcp" {
		t.Errorf("original length %d, priority %d, by %s", m.OriginalLength, m.Priority, m.Transport)
	}
	r.write(c, "1 close 0\n")
	r.answers(c, "1 rsp 0\n0 serverclose 0\n")
	if !refused(c) {
		t.Error("still open")
	}
}

// Nothing is answered that is not on the disk, and what could not be kept ends the connection: its sender sends again.
func TestRELPAnswersWhatIsKept(t *testing.T) {
	s := &sink{unkept: errors.New("disk full")}
	r := start(t, Config{Listen: "relp://127.0.0.1:0"}, s)
	c := r.dial()
	r.write(c, relpOpen+"2 syslog 5 <13>a\n")
	r.answers(c, "0 serverclose 0\n")
	if !refused(c) {
		t.Error("it was answered, or the connection is still open")
	}
	s = &sink{}
	r = start(t, Config{Listen: "relp://127.0.0.1:0"}, s)
	c = r.dial()
	var all strings.Builder
	all.WriteString(relpOpen)
	want := relpOpened
	for i := 2; i < 102; i++ {
		fmt.Fprintf(&all, "%d syslog 5 <13>a\n", i)
		want += fmt.Sprintf("%d rsp 6 200 OK\n", i)
	}
	r.write(c, all.String())
	r.answers(c, want)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.syncs == 0 || s.syncs > 50 {
		t.Errorf("%d syncs for 100 messages that came together", s.syncs)
	}
}

// What the sink does not take is not answered; it comes again, and so is not lost.
func TestRELPNotTaken(t *testing.T) {
	s := &sink{fail: func(m Message) error { return errors.New("no") }}
	r := start(t, Config{Listen: "relp://127.0.0.1:0"}, s)
	c := r.dial()
	r.write(c, relpOpen)
	r.answers(c, relpOpened)
	r.write(c, "2 syslog 5 <13>a\n")
	r.answers(c, "0 serverclose 0\n")
	if n := Dropped([]*Input{r.Input}); n != 0 {
		t.Errorf("%d messages are said to be lost", n)
	}
}

// A peer that does not read its answers holds up no stop.
func TestRELPDeafPeer(t *testing.T) {
	r := start(t, Config{Listen: "relp://127.0.0.1:0"}, &sink{forget: true})
	c := r.dial()
	r.write(c, relpOpen)
	frames := strings.Repeat("2 syslog 5 <13>a\n", 1000)
	for { // until its answers fill the buffers of both kernels
		if err := c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(frames)); err != nil {
			break
		}
	}
	r.stop()
	r.wait() // fails after its own 30 s, which is what a peer has
}

func TestRELPRefuses(t *testing.T) {
	f := func(sent, want string) {
		t.Helper()
		r := start(t, Config{Listen: "relp://127.0.0.1:0"}, &sink{})
		c := r.dial()
		r.write(c, sent)
		r.answers(c, want+"0 serverclose 0\n")
		if !refused(c) {
			t.Errorf("%q: still open", sent)
		}
		if len(r.sink.messages()) > 0 {
			t.Errorf("%q: a message was taken", sent)
		}
		r.counts(`refused_connections_total{transport="relp",reason="protocol"} 1`)
	}
	f("<13>syslog over the wrong port\n", "")
	f("1 syslog 5 <13>a\n", "")
	f("1 open 14 relp_version=9\n", frameOf(1, "rsp", "500 relp_version 9 is not known"))
	f("1 open 14 relp_version=0\n", frameOf(1, "rsp", "500 the command syslog is not offered"))
	f(relpOpen+"2 starttls 0\n", relpOpened+frameOf(2, "rsp", `500 command "starttls" is not known`))
	f(relpOpen+"2 syslog 999999999 x", relpOpened)
	f(relpOpen+"2 syslog 3 abcd\n", relpOpened)
	f("1234567890 open 0\n", "")
	f("1 "+strings.Repeat("x", 40)+" 0\n", "")
	f("1  0\n", "")
}

// However a stream is cut into pieces, the same frames come of it.
func FuzzRELPFrames(f *testing.F) {
	for _, s := range []string{relpOpen + "2 syslog 6 <13>a\n\n3 syslog 0\n", "1 close 0\n", "999999999 a 1 b\n", "1 a 5 x\n", "x", "0 0 " + strings.Repeat("0", 60) + "\n"} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		whole, wholeErr := framesOf(in, max(len(in), 1))
		cut, cutErr := framesOf(in, int(step)+1)
		if !slices.Equal(whole, cut) || (wholeErr == nil) != (cutErr == nil) {
			t.Errorf("%q: %q, %v at once; %q, %v in steps of %d", in, whole, wholeErr, cut, cutErr, step+1)
		}
	})
}

func framesOf(in []byte, step int) (all []string, err error) {
	var f relpFrame
	var body, left []byte
	for len(in) > 0 {
		n := min(step, len(in))
		left = append(left, in[:n]...)
		in = in[n:]
		for {
			used, done, err := f.next(left, func(p []byte) { body = append(body, p...) })
			if used < 0 || used > len(left) {
				return all, fmt.Errorf("used %d of %d", used, len(left))
			}
			left = left[used:]
			if err != nil {
				return all, err
			}
			if !done {
				break
			}
			all = append(all, fmt.Sprintf("%d %s %s", f.txnr, f.command, body))
			body = body[:0]
		}
		if len(left) > 64 {
			return all, errors.New("a header is never done")
		}
	}
	return all, nil
}
