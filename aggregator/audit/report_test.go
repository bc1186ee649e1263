package audit

import (
	"math"
	"testing"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// What one agent claims to be missing does not make the sum begin at 0 again: nothing would be missing then.
func TestSumsDoNotWrap(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer w.fleet.Close()
	for _, name := range []string{"a", "b"} {
		w.deliver(ledger.Position{Agent: watched.Agent, Stream: event.HashKey(name)}, data(1<<63, 1<<63+1))
	}
	w.goOn(3 * grace)
	for _, host := range []string{"", "agent-web01"} {
		var total *Total
		if err := w.gaps.Report(t.Context(), host, false, w.now, func(l Line) error {
			total = l.Total
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if total.Missing != math.MaxUint64 {
			t.Errorf("%d bytes are missing", total.Missing)
		}
	}
	if n, bytes := w.gaps.missing(); n != 2 || bytes != math.MaxUint64 {
		t.Errorf("%d gaps of %d bytes", n, bytes)
	}
}
