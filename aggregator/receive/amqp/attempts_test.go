package amqp

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestAttempts(t *testing.T) {
	dir := t.TempDir()
	m := Message{MessageID: "x", UserID: "agent-h", Queue: "q"}
	begin := func(m Message, want int) {
		t.Helper()
		// Each time as a process of its own: nothing is remembered but what is on the disk.
		if got, err := (attempts{dir + "/attempts"}).begin(&m); err != nil || got != want {
			t.Errorf("%+v: %d, %v; want %d", m, got, err, want)
		}
	}
	end := func(m Message) {
		t.Helper()
		if err := (attempts{dir + "/attempts"}).end(&m); err != nil {
			t.Error(err)
		}
	}
	begin(m, 0)
	begin(m, 1)
	end(m) // it came back
	for n := range maxAttempts + 2 {
		begin(m, min(n, maxAttempts))
	}
	begin(Message{MessageID: "x", UserID: "agent-other", Queue: "q"}, 0)
	begin(Message{MessageID: "x", UserID: "agent-h", Queue: "other"}, 0)
	begin(Message{Body: []byte("x"), Manifest: []byte("m")}, 0)
	begin(Message{Body: []byte("xm")}, 0)
	begin(Message{Body: []byte("x"), Manifest: []byte("m")}, 1)
	end(m)
	end(m)
	begin(m, 0)

	// A torn or foreign file counts as one attempt: it was made for this message.
	if err := os.WriteFile(attempts{dir + "/attempts"}.path(&m), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin(m, 1)
}

func TestAttemptsAreBounded(t *testing.T) {
	a := attempts{t.TempDir()}
	id := func(n int) *Message { return &Message{MessageID: fmt.Sprint(n)} }
	for n := range maxAttemptFiles + 10 {
		if _, err := a.begin(id(n)); err != nil {
			t.Fatal(err)
		}
		when := time.Unix(1e9+int64(n), 0)
		if err := os.Chtimes(a.path(id(n)), when, when); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(a.dir)
	if err != nil || len(files) != maxAttemptFiles {
		t.Errorf("%d files, %v", len(files), err)
	}
	for n := range 10 {
		if _, err := os.Stat(a.path(id(n))); err == nil {
			t.Errorf("the %d-th is there, and later ones went", n)
		}
	}
}
