package stack

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const tailGrace = 5 * time.Second

// Tail is a running `belfry tail`. It is safe for concurrent use.
type Tail struct {
	d    *daemon
	mu   sync.Mutex
	seen []string
}

// Tail follows what arrives from now on and matches a query.
func (a *Aggregator) Tail(query string) (*Tail, error) {
	cmd := exec.Command(a.bin.belfry(), "--config", a.Config, "tail", query)
	r, w := io.Pipe()
	cmd.Stdout = w
	d, err := startDaemon("belfry tail", cmd, filepath.Join(a.Dir, "tail.log"))
	if err != nil {
		return nil, err
	}
	t := &Tail{d: d}
	go func() {
		<-d.done
		w.Close() //nolint:errcheck // a pipe in memory
	}()
	go t.read(r)
	return t, nil
}

func (t *Tail) read(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		t.mu.Lock()
		if len(t.seen) >= maxWritten {
			t.seen = append([]string(nil), t.seen[maxWritten/2:]...)
		}
		t.seen = append(t.seen, line)
		t.mu.Unlock()
	}
}

// Count is how many lines so far hold a text.
func (t *Tail) Count(text string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, line := range t.seen {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// Wait blocks until a line holds a text.
func (t *Tail) Wait(ctx context.Context, text string) error {
	return t.d.ready(ctx, func() error {
		if t.Count(text) > 0 {
			return nil
		}
		return fmt.Errorf("%q not in the tail", text)
	})
}

// End ends the tail, however it takes that.
func (t *Tail) End() error {
	t.d.kill()
	return nil
}

// Stop ends the tail.
func (t *Tail) Stop() error { return t.d.stop(tailGrace) }
