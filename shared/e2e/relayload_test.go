package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

const (
	numberedLine = 1024 // bytes of a numbered message with its line end
	linesAtOnce  = 32   // that are written together
)

// numberedText is the numbered message of a word, without its priority and its line end: all are of one length.
func numberedText(word string, n int) string {
	text := fmt.Sprintf("Nov 28 16:20:00 host01 %s[1]: number %08d ", word, n)
	return text + strings.Repeat("x", numberedLine-len("<13>\n")-len(text))
}

// appendNumbered appends count messages, as they go over the wire.
func appendNumbered(b []byte, word string, first, count int) []byte {
	for n := first; n < first+count; n++ {
		b = append(append(append(b, "<13>"...), numberedText(word, n)...), '\n')
	}
	return b
}

// lineSender writes numbered lines over plain TCP, as every such sender does: when its connection breaks, it connects anew
// and goes on with the next line. It writes a line each millisecond, or, under an order, as many as are taken.
type lineSender struct {
	word, addr string
	begun      atomic.Int64 // lines of which at least a part was written

	mu    sync.Mutex // is held while it writes
	conn  net.Conn
	runs  []lineRun
	order *order

	ctx  context.Context
	stop func()
	done chan error
}

// lineRun is what was written over one connection: lines from first up to end. The relay was killed at the end of it; what
// the kernel and the relay then had and could lose is bound, in bytes; 0 if it was not killed.
type lineRun struct{ first, end, bound int }

// order is to write lines without a pause up to a number, and to do something then, while nothing is written.
type order struct {
	upto int
	do   func()
	done chan struct{}
}

// sendLines starts a sender to addr. It ends with the test.
func sendLines(t *testing.T, word, addr string) *lineSender {
	s := &lineSender{word: word, addr: addr, done: make(chan error, 1)}
	s.ctx, s.stop = context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.done <- s.run()
	}()
	t.Cleanup(func() {
		s.stop()
		<-ended
	})
	return s
}

func (s *lineSender) run() error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.ctx.Err() == nil {
		if s.step() {
			continue
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
		}
	}
	return s.end()
}

// step writes some lines. It returns true if there is no time to rest.
func (s *lineSender) step() (hurry bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 1
	if s.order != nil {
		count = min(s.order.upto-s.next(), linesAtOnce)
	}
	if err := s.write(count); err != nil { // the relay is gone
		s.conn = nil
		return false
	}
	if o := s.order; o != nil && s.next() >= o.upto {
		s.order = nil
		o.do()
		close(o.done)
	}
	return s.order != nil
}

func (s *lineSender) next() int { return int(s.begun.Load()) + 1 }

// endWithin bounds the last write of a sender that is to end, and the wait for a relay that has not read all.
const endWithin = 20 * time.Second

// write writes lines, over a new connection if there is none.
func (s *lineSender) write(count int) error {
	if s.conn == nil {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			return err
		}
		s.conn = conn
		context.AfterFunc(s.ctx, func() { _ = conn.SetDeadline(time.Now().Add(endWithin)) }) // fails only if it is closed
		if err := conn.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
			return err
		}
		s.runs = append(s.runs, lineRun{first: s.next()})
	}
	n, err := s.conn.Write(appendNumbered(nil, s.word, s.next(), count))
	s.begun.Add(int64(n+numberedLine-1) / numberedLine)
	s.runs[len(s.runs)-1].end = s.next()
	if err != nil {
		s.conn.Close()
	}
	return err
}

// end closes the connection when the relay has read it to its end.
func (s *lineSender) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return fmt.Errorf("sender %s: no connection at the end", s.word)
	}
	defer s.conn.Close()
	if err := s.conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, s.conn)
	return err
}

// finish ends the sender, and returns what it wrote.
func (s *lineSender) finish(t *testing.T) []lineRun {
	t.Helper()
	s.stop()
	if err := <-s.done; err != nil {
		t.Fatal(err)
	}
	return s.runs
}

// flood orders count more lines. What it returns is closed when they are written and do has returned.
func (s *lineSender) flood(count int, do func()) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = &order{s.next() + count, do, make(chan struct{})}
	return s.order.done
}

// lastLines are written between the look at what the kernel has and the kill: the look takes so long that the relay comes to
// rest.
const lastLines = 16 * linesAtOnce

// killing has the relay killed while it takes lines, and bounds what is lost by that: what the kernel has of the connection,
// what is written behind that, what the relay has in its memory, and what the kernel takes before it sees the connection end.
func (s *lineSender) killing(inRelay int, kill func()) error {
	held, err := stack.Underway(s.conn)
	for n := 0; n < lastLines && err == nil; n += linesAtOnce {
		err = s.write(linesAtOnce)
	}
	kill()
	s.runs[len(s.runs)-1].bound = held + lastLines*numberedLine + inRelay + linesAtOnce*numberedLine
	return err
}

// daemonLoad is an rsyslog that sends by RELP what the test gives to it, message by message.
type daemonLoad struct {
	word   string
	peer   *stack.Peer
	socket net.Conn
	given  int
	bursts chan int // so many messages at once, besides

	stop func()
	done chan error
}

// loadByRsyslog starts one that has rsyslog send to a port of 127.0.0.1: rate messages each hundredth of a second, until
// there are most of them or the load is stopped. It keeps what was not acknowledged, and tries for ever.
func loadByRsyslog(t *testing.T, word, port string, rate, most int) *daemonLoad {
	t.Helper()
	dir := t.TempDir()
	way := stack.Forward{Socket: filepath.Join(dir, "in"), Old: true, Send: fmt.Sprintf(`action(type="omrelp" target="127.0.0.1"
	port=%q template="RSYSLOG_TraditionalForwardFormat" action.resumeRetryCount="-1" action.resumeInterval="1"
	queue.type="linkedList" queue.size="1000000")`, port)}
	l := &daemonLoad{word: word, bursts: make(chan int), done: make(chan error, 1)}
	var err error
	if l.peer, err = stack.ForwardByRsyslog(t.Context(), dir, way); err != nil {
		t.Fatal(err)
	}
	if l.socket, err = net.Dial("unix", way.Socket); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	go func() { l.done <- l.run(ctx, rate, most) }()
	t.Cleanup(func() {
		stop()
		l.socket.Close()
		_ = l.peer.Stop() // who wants to know has ended it before
	})
	return l
}

func (l *daemonLoad) run(ctx context.Context, rate, most int) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for count := rate; l.given < most; {
		if _, err := l.socket.Write(appendNumbered(nil, l.word, l.given+1, count)); err != nil {
			return err
		}
		l.given += count
		select {
		case <-tick.C:
			count = rate
		case count = <-l.bursts:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// burst gives so many messages at once, while the load runs.
func (l *daemonLoad) burst(count int) { l.bursts <- count }

// finish ends the giving, and returns how many messages there are.
func (l *daemonLoad) finish(t *testing.T) int {
	t.Helper()
	l.stop()
	if err := <-l.done; err != nil {
		t.Fatal(err)
	}
	return l.given
}

// numbersFound counts how often each number of a word up to last is in the index. Each must be as it was sent.
func numbersFound(t *testing.T, a *stack.Aggregator, word string, last int) []int {
	t.Helper()
	times := make([]int, last+1)
	err := a.Export(t.Context(), "process.name:"+word, func(line []byte) error {
		_, rest, _ := bytes.Cut(line, []byte(word+"[1]: number "))
		n := 0
		if _, err := fmt.Sscanf(string(rest[:min(len(rest), 8)]), "%d", &n); err != nil || n < 1 || n > last ||
			!bytes.Contains(line, []byte(numberedText(word, n))) {
			t.Errorf("not sent: %.300s", line)
			return nil
		}
		times[n]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return times
}
