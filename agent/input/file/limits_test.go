package file

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

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
