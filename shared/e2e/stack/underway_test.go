package stack

import (
	"io"
	"net"
	"testing"
)

// What was written and not read is with the kernel, on whichever side.
func TestUnderway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sender, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	reader, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, n := range []int{0, 1000, 5000} {
		if _, err := sender.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if held, err := Underway(sender); err != nil || held < n || held > 2*n { // what has just moved on counts twice
			t.Errorf("%d bytes are under way, err %v, want %d", held, err, n)
		}
		if _, err := io.ReadFull(reader, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
}
