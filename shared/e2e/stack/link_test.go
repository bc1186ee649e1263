package stack

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// echo answers each line with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestLinkHolds(t *testing.T) {
	k, err := NewLink(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", k.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := bufio.NewReader(c)
	say := func(line string, want bool) {
		t.Helper()
		fmt.Fprintln(c, line)
		wait := 10 * time.Second
		if !want {
			wait = 100 * time.Millisecond
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		if got, err := answer.ReadString('\n'); (err == nil && got == line+"\n") != want {
			t.Errorf("said %q, heard %q, %v; want an answer: %v", line, got, err, want)
		}
	}
	say("one", true)
	k.Hold(Server)
	say("two", false)
	k.Free(Server)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got, err := answer.ReadString('\n'); got != "two\n" {
		t.Errorf("after the hold: %q, %v", got, err)
	}
	k.Hold(Server)
	say("three", false)
	k.Cut()
	k.Free(Server)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got, err := answer.ReadString('\n'); err == nil {
		t.Errorf("after the cut: %q, %v; want the end", got, err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
}
