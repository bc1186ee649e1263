package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// around asks for the lines around each of some, of several files on several hosts, close together and far apart.
func around(t T, x index.Index) {
	w := &world{t: t, x: x}
	var events []*event.Event
	at := base()
	for i := range 400 {
		if at = at.Add(time.Duration(i%3) * time.Second); i%50 == 0 {
			at = at.Add(13 * time.Hour)
		}
		e := plain(i, at)
		e.Set("agent.id", event.HashKey("agent", fmt.Sprint(i%2)).String())
		e.Set("host.name", fmt.Sprintf("web%02d", i%2))
		switch i % 5 {
		case 0:
			e.Append("process.name", "sshd") // of the journal
			e.Append("process.pid", fmt.Sprint(i%4))
		default:
			e.Append("log.file.path", fmt.Sprintf("/var/log/%d.log", i%3))
		}
		events = append(events, e)
	}
	w.put(events...)
	for i, e := range events {
		if i%11 == 0 || i > 390 {
			w.checkAround(e, i%7, (i+3)%9)
		}
	}
	w.checkAround(events[200], 0, 0)
	w.checkAround(events[200], 1000, 1000)

	strange := plain(1000, at)
	_, _, err := index.Around(t.Context(), x, strange, 1, 1)
	refused(t, err, "neither a file nor a process")
	strange.Append("log.file.path", "/var/log/0.log")
	if _, _, err = index.Around(t.Context(), x, strange, 1, 1); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("around an event that is not there: %v", err)
	}
	_, _, err = index.Around(t.Context(), x, strange, -1, index.MaxAround+1)
	refused(t, err, "10000")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = index.Around(ctx, x, events[0], 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func (w *world) checkAround(e *event.Event, before, after int) {
	w.t.Helper()
	earlier, later, err := index.Around(w.t.Context(), w.x, e, before, after)
	if err != nil {
		w.t.Errorf("around %s: %v", e.Get("labels.number"), err)
		return
	}
	var same []*event.Event
	for _, o := range w.asked(index.Span{}) {
		if streamOf(o) == streamOf(e) {
			same = append(same, o)
		}
	}
	at := slices.Index(same, e)
	w.same("in front of "+e.Get("labels.number"), earlier, same[max(0, at-before):at])
	w.same("behind "+e.Get("labels.number"), later, same[at+1:min(len(same), at+1+after)])
}

func streamOf(e *event.Event) string {
	if path := e.Get("log.file.path"); path != "" {
		return e.Get("agent.id") + path
	}
	return e.Get("host.name") + " " + e.Get("process.name") + " " + e.Get("process.pid")
}
