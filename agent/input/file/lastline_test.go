package file

import (
	"os"
	"testing"
	"time"
)

// Progress is shown by writing over the last line, again and again, before it ends. That is one line, of the text that it had in
// the end, whether the agent looks all the time or is started anew meanwhile.
func TestLastLineWrittenOver(t *testing.T) {
	t.Parallel()
	f := func(before []string) {
		t.Helper()
		log, state, cfg := host(t)
		r := newReceiver(t)
		if len(before) > 0 {
			write(t, log, text(before))
		}
		stop := r.start(state, cfg)
		defer func() { stop() }()
		r.want(before...)
		st, _ := os.Stat(log)
		at := int64(0)
		if st != nil {
			at = st.Size()
		}
		w, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE, 0o644)
		must(t, err)
		defer w.Close()
		for _, done := range []string{" 10 %", " 40 %", " 70 %", " 90 %"} {
			_, err := w.WriteAt([]byte("at work:"+done), at)
			must(t, err)
			untilRead(t, r, uint64(at)+13)
			if done == " 70 %" {
				stop()
				_, err := w.WriteAt([]byte("at work: 80 %"), at)
				must(t, err)
				stop = r.start(state, cfg)
			}
		}
		write(t, log, "\nthe end\n")
		want := append(before[:len(before):len(before)], "at work: 90 %", "the end")
		r.want(want...)
		r.stays(want...)
		all, _, err := r.in.Status()
		must(t, err)
		if len(all) != 1 || all[0].Lost > 0 || len(r.in.store.contents) != 1 {
			t.Errorf("after %d lines: %d contents, status %+v", len(before), len(r.in.store.contents), all)
		}
	}
	f(numbered(0, 1))
	f(numbered(0, 5))
	f(numbered(0, 1000))
}

// untilRead waits until the one file that is followed is read up to an offset.
func untilRead(t *testing.T, r *receiver, to uint64) {
	t.Helper()
	for range 2000 {
		if all, _, err := r.in.Status(); err == nil && len(all) == 1 && all[0].Read == to {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("not read up to %d", to)
}
