package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
)

// class is that of what is measured; what the agent says of itself has another one.
const class = "bench"

// receiver takes batches as an aggregator without a broker does: 200 to each POST /v1/batches, as soon as its body is
// there. It believes the manifest, and opens no body.
type receiver struct {
	addr   string // host:port
	server *http.Server

	mu      sync.Mutex
	got     tally
	reach   map[stream]uint64
	hold    uint64        // at so many bytes of content the answers stop; 0 for never
	changed chan struct{} // closed and made anew with each batch
}

type stream struct {
	id    event.Key
	epoch uint64
}

// tally is what arrived of the class that is measured, since the last reset.
type tally struct {
	events  int       // that came for the first time
	bytes   uint64    // of content, without a hole
	repeats int       // batches of which a part had been there
	at      time.Time // when the last of the bytes came
	fault   error     // what was wrong with what came
}

func startReceiver(files certs.Files) (*receiver, error) {
	settings, err := files.Server()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{addr: l.Addr().String(), changed: make(chan struct{})}
	r.reset(0)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/batches", r.take)
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // who is killed ends its connection badly
	r.server = &http.Server{Handler: mux, TLSConfig: settings, ErrorLog: quiet}
	go r.server.ServeTLS(l, "", "") //nolint:errcheck // it ends with close
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// reset forgets what came, and answers until there are hold bytes, if it is not 0.
func (r *receiver) reset(hold uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.reach, r.hold = tally{}, make(map[stream]uint64), hold
}

// goOn answers again, and keeps what came.
func (r *receiver) goOn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = 0
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return // the agent was killed
	}
	text, err := base64.StdEncoding.DecodeString(req.Header.Get(batch.ManifestHeader))
	var m *batch.Manifest
	if err == nil {
		m, err = batch.ParseManifest(text)
	}
	if err != nil {
		m = &batch.Manifest{}
	}
	if r.note(m, err) {
		<-req.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"indexed"}`+"\n") // if it does not arrive, the batch comes again, and that shows
}

// note counts a batch. held is true if it gets no answer.
func (r *receiver) note(m *batch.Manifest, err error) (held bool) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got.fault = errors.Join(r.got.fault, err)
	for _, s := range m.Streams {
		if s.Class == class {
			r.noteStream(s, now)
		}
	}
	close(r.changed)
	r.changed = make(chan struct{})
	return r.hold > 0 && r.got.bytes >= r.hold
}

func (r *receiver) noteStream(s batch.Stream, now time.Time) {
	key := stream{s.ID, s.Epoch}
	reach, fresh := r.reach[key], false
	for _, g := range s.Ranges {
		if g.First > reach {
			r.got.fault = errors.Join(r.got.fault, fmt.Errorf("bytes [%d,%d) of a stream did not come", reach, g.First))
		}
		if g.End > reach {
			r.got.bytes += g.End - max(reach, g.First)
			r.got.at, reach, fresh = now, g.End, true
		}
	}
	r.reach[key] = reach
	if fresh {
		r.got.events += s.Events
	} else if s.Events > 0 {
		r.got.repeats++
	}
}

// wait returns when so many events or bytes have come, whichever is not 0.
func (r *receiver) wait(ctx context.Context, events int, bytes uint64) (tally, error) {
	for {
		r.mu.Lock()
		got, changed := r.got, r.changed
		r.mu.Unlock()
		if got.fault != nil {
			return got, got.fault
		}
		if got.events >= events && got.bytes >= bytes {
			return got, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return got, fmt.Errorf("%d events and %d bytes arrived, want %d and %d: %w", got.events, got.bytes, events, bytes, ctx.Err())
		}
	}
}

// expect fails if what came is not what was written: no more, and nothing twice.
func (t tally) expect(events int, bytes uint64) error {
	if t.events != events || t.bytes != bytes || t.repeats > 0 {
		return fmt.Errorf("%d events and %d bytes arrived, %d batches twice; want %d and %d", t.events, t.bytes, t.repeats, events, bytes)
	}
	return nil
}
