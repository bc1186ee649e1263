package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// CursorTrailer is the trailer of an answer with the place of its last event; "" if there was none.
const CursorTrailer = "Belfry-Cursor"

func (a *API) search(w http.ResponseWriter, r *http.Request, by Asker) {
	q, err := readQuestion(r)
	var s index.Search
	if err == nil {
		s, err = readSearch(r, q)
	}
	a.ask(w, r, by, q, err, func(ctx context.Context) Asked {
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("Trailer", CursorTrailer)
		out := &lines{w: bufio.NewWriter(w), flush: http.NewResponseController(w).Flush, begin: time.Now(),
			wanted: FieldsOf(r.Form.Get("fields")), progress: r.Form.Get("progress") == "1"}
		stop := out.beat(ctx)
		err = a.index.Search(ctx, s, out.event)
		stop()
		if err != nil && !out.written {
			w.Header().Del("Trailer")
			refuse(w, err)
		} else {
			a.finish(out.end(err, s.Limit))
			w.Header().Set(CursorTrailer, out.cursor())
		}
		return Asked{What: "search", Found: uint64(out.found), Err: err}
	})
}

// FieldsOf reads a list of names. nil is all.
func FieldsOf(text string) (names []string) {
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Pick leaves the wanted fields of an event, all if none is named; "user.*" are all that begin with "user.".
func Pick(e *event.Event, wanted []string) *event.Event {
	if len(wanted) == 0 {
		return e
	}
	var p event.Event
	for _, f := range e.Fields {
		for _, name := range wanted {
			prefix, many := strings.CutSuffix(name, "*")
			if f.Name == name || many && strings.HasSuffix(prefix, ".") && strings.HasPrefix(f.Name, prefix) {
				p.Append(f.Name, f.Value)
				break
			}
		}
	}
	return &p
}

// beatEvery is how often what was found so far is sent, and told of.
const beatEvery = time.Second

// lines is an answer line by line. Events come from one goroutine while another one sends what waits.
type lines struct {
	flush    func() error
	begin    time.Time
	wanted   []string
	progress bool

	mu      sync.Mutex
	w       *bufio.Writer
	line    []byte
	found   int
	at      index.Cursor // of the last event
	written bool
}

func (l *lines) event(e *event.Event, at index.Cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found++
	l.at, l.written = at, true
	l.line = append(Pick(e, l.wanted).AppendJSON(l.line[:0]), '\n')
	_, err := l.w.Write(l.line)
	return err
}

// beat sends, again and again, what was found so far, until stop is called. It tells the index of no error: that one
// notices by itself.
func (l *lines) beat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if l.tell() != nil {
					return
				}
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func (l *lines) tell() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.progress {
		l.written = true
		p := map[string]any{"found": l.found, "seconds": time.Since(l.begin).Round(time.Millisecond).Seconds()}
		if !l.at.IsZero() {
			p["at"] = time.Unix(0, l.at.Time).UTC().Format(time.RFC3339Nano)
		}
		if err := json.NewEncoder(l.w).Encode(map[string]any{"progress": p}); err != nil {
			return err
		}
	}
	if !l.written {
		return nil // so that an error may still be answered as one
	}
	if err := l.w.Flush(); err != nil {
		return err
	}
	return l.flush()
}

func (l *lines) cursor() string {
	if l.found == 0 {
		return ""
	}
	return l.at.String()
}

// end writes the last line.
func (l *lines) end(failed error, limit int) error {
	var last any
	switch {
	case failed != nil:
		last = problem(failed)
	case l.progress:
		last = map[string]any{"end": map[string]any{"found": l.found, "cursor": l.cursor(), "more": l.found == limit}}
	}
	if last != nil {
		if err := json.NewEncoder(l.w).Encode(last); err != nil {
			return err
		}
	}
	return l.w.Flush()
}
