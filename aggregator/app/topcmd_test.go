package app

import (
	"strings"
	"testing"
)

func TestTop(t *testing.T) {
	r := start(t, t.TempDir(), ages)
	c := &CLI{Socket: r.agg.cfg.Serve.Socket}
	way, err := c.road()
	if err != nil {
		t.Fatal(err)
	}
	view := &top{c: c, way: way}
	view.look(t.Context())()
	r.town()
	view.look(t.Context())()
	for _, counter := range []string{"belfry_index_rows_total", "belfry_receive_events_total"} {
		if r := view.rate(counter); r == "0" || r == "-" {
			t.Errorf("%s: %s\n%s", counter, r, strings.Join(view.draw(0, 0), "\n"))
		}
	}
	out, aside, err := r.belfry("top", "--once", "--interval", "100ms")
	for _, want := range []string{"belfry    ", "  ready ok\n", "received  0 events/s; 0 messages/s of queues, 0 batches/s over HTTP\n",
		"indexed   0 events/s, 0 repeats/s; 0 bytes wait\n", "alerts    ", "; 0 dead letters, 0 gaps\n", "hosts     0, 0 of them silent\n", "process   cpu ", " of disk free\n"} {
		if err != nil || aside != "" || !strings.Contains(out, want) {
			t.Errorf("%v %s: no %q in\n%s", err, aside, want, out)
		}
	}
	if _, _, err := r.belfry("top", "--interval", "1ms"); err == nil || !strings.Contains(err.Error(), "--interval: 1ms is less than 100ms") {
		t.Error(err)
	}
	if out, _, err := belfry(t, "--socket", "/nowhere/api.sock", "top", "--interval", "100ms"); out != "" || ExitCode(err) != exitFailure || !strings.Contains(err.Error(), "is it running?") {
		t.Errorf("%s%v", out, err)
	}
}
