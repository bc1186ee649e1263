package fleet

import (
	"fmt"
	"testing"

	"belfry/shared/batch"
)

// Who has too many streams, under however many ids, leaves room for others, and it shows.
func TestStreamsOfOneLeaveRoom(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	speak := func(name, certificate string, streams int) {
		for first := 0; first < streams; first += batch.MaxStreams {
			m := &batch.Manifest{Agent: id(name), Boot: id("boot " + name), Sealed: w.now}
			for i := first; i < min(streams, first+batch.MaxStreams); i++ {
				m.Streams = append(m.Streams, batch.Stream{ID: id(fmt.Sprint("s", i)), Ranges: []batch.Range{{Kind: batch.Data, End: 1}}})
			}
			w.Batch(m, certificate, "q", w.now)
		}
	}
	speak("a", "agent-a", maxStreams-10)
	speak("a2", "agent-a", 20)
	speak("b", "agent-b", 1)
	want := func(a2 int) {
		t.Helper()
		for _, a := range w.Agents("") {
			want := map[string]int{"a": maxStreams - 10, "a2": a2, "b": 1}
			for name, n := range want {
				if got := len(w.Streams(a.ID, w.now)); a.ID == id(name) && (got != n || a.Over != (name == "a2")) {
					t.Errorf("%s has %d streams of which all are known: %v; want %d", name, got, !a.Over, n)
				}
			}
		}
	}
	want(10)
	w.must(w.Save(w.now))
	w.kill()
	want(10)
	speak("a2", "agent-a", 20)
	want(10)
	if _, _, err := w.Forget(t.Context(), "agent-a", w.now); err != nil || len(w.named) != 1 {
		t.Errorf("%v, streams of %v", err, w.named)
	}
}
