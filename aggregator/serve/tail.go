package serve

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// keepAlive is how often a silent tail says that it lives.
const keepAlive = 15 * time.Second

func (a *API) tail(w http.ResponseWriter, r *http.Request, by Asker) {
	q, err := readQuestion(r)
	if err != nil {
		refuse(w, err)
		return
	}
	begin := time.Now()
	if err := a.limits.spend(by, begin); err != nil {
		refuse(w, err)
		return
	}
	t := a.hub.subscribe(q.span.Query)
	if t == nil {
		refuse(w, fmt.Errorf("%w: %d readers follow already, and no more may", ErrBusy, maxTails))
		return
	}
	defer a.hub.unsubscribe(t)
	a.noted(q, by, begin, Asked{What: "tail"}) // as it begins: it may last for weeks
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	ctx, cancel := q.context(r)
	defer cancel()
	a.finish(follow(ctx, w, t))
}

func follow(ctx context.Context, w http.ResponseWriter, t *tail) error {
	flush := http.NewResponseController(w).Flush
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	if _, err := fmt.Fprint(w, ": following\n\n"); err != nil {
		return err
	}
	var line []byte
	for err := flush(); err == nil; err = flush() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_, err = fmt.Fprint(w, ": alive\n\n")
		case e := <-t.events:
			line = append(e.AppendJSON(append(line[:0], "data: "...)), "\n\n"...)
			_, err = w.Write(line)
		}
		if n := t.takeMissed(); n > 0 && err == nil {
			_, err = fmt.Fprintf(w, "event: missed\ndata: %d\n\n", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
