package file

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// run runs an input that was opened until the returned function is called.
func (r *receiver) run(in *Input) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		if r.unpriv {
			dropOverride(r.t)
		}
		done <- in.Run(ctx)
	}()
	return func() {
		r.t.Helper()
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
		if err := in.Close(); err != nil {
			r.t.Error(err)
		}
	}
}

// becomes waits until what is asked of a running input is so.
func becomes(t *testing.T, in *Input, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ok := false
		if err := in.do(func() { ok = is() }); err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// When the files that were short of descriptors are read, the hurry is over.
func TestHungerEnds(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	var all []string
	for i := range 6 {
		lines := numbered(10*i, 10*i+10)
		all = append(all, lines...)
		write(t, filepath.Join(filepath.Dir(log), fmt.Sprintf("f%c.log", 'a'+i)), text(lines))
	}
	in := r.open(state, cfg)
	quick(in)
	in.maxOpen = 2
	defer r.run(in)()
	r.want(all...)
	becomes(t, in, "no file waits for a descriptor", func() bool { return !in.hungry })
}
