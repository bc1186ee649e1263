package file

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

func TestDescriptors(t *testing.T) {
	t.Parallel()
	if n := descriptors(); n < leastFiles || n > mostDescriptors {
		t.Errorf("%d files may be open", n)
	}
}

// With few descriptors files are read in turns: all of each comes, and no more are open at once.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	const files, atOnce = 12, 3
	var all []string
	for i := range files {
		lines := numbered(1000*i, 1000*i+50)
		all = append(all, lines...)
		write(t, filepath.Join(filepath.Dir(log), fmt.Sprint("f", i, ".log")), text(lines))
	}
	in := r.open(state, cfg)
	in.maxOpen = atOnce
	in.sink = early{r, func() {
		if len(in.open) > atOnce {
			t.Errorf("%d files are open", len(in.open))
		}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	r.want(all...)
	for i := range files { // those that were closed are opened again
		lines := numbered(1000*i+50, 1000*i+60)
		all = append(all, lines...)
		write(t, filepath.Join(filepath.Dir(log), fmt.Sprint("f", i, ".log")), text(lines))
	}
	r.want(all...)
	cancel()
	must(t, <-done)
	must(t, in.Close())
	if r.sent() != len(all) {
		t.Errorf("%d lines were sent for %d", r.sent(), len(all))
	}
}
