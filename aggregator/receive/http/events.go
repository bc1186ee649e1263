package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/receive"
	"belfry/shared/event"
)

const (
	bodyTimeout = time.Minute      // for a sender to bring a body
	sinkTimeout = 15 * time.Second // for its events to be taken: a broker that is away takes nothing
)

// takeEvents answers POST /events.
func (d *Doors) takeEvents(w http.ResponseWriter, r *http.Request, from peer) {
	taken, n, err := d.readEvents(w, r, from)
	if err != nil {
		d.refuseAs(w, err, d.refuse)
		return
	}
	answer(w, taken.Queued, map[string]any{"events": n, "repeats": len(taken.Known)})
}

func (d *Doors) readEvents(w http.ResponseWriter, r *http.Request, from peer) (Taken, int, error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return Taken{}, 0, err
	}
	body, leave, err := d.text(w, r, from)
	if err != nil {
		return Taken{}, 0, err
	}
	defer leave()
	events, err := receive.Foreign(body, receive.Origin{Sender: from.name, Key: key, Now: time.Now()})
	if err != nil {
		return Taken{}, 0, err
	}
	taken, err := d.take(r.Context(), events)
	return taken, len(events), err
}

// take hands events on, and waits until they are safe.
func (d *Doors) take(ctx context.Context, events []*event.Event) (Taken, error) {
	ctx, cancel := context.WithTimeout(ctx, sinkTimeout)
	defer cancel()
	taken, err := d.sink.Events(ctx, events)
	if err != nil {
		return taken, &sinkError{err}
	}
	d.events.Add(len(events) - len(taken.Known))
	d.repeats.Add(len(taken.Known))
	return taken, nil
}

// sinkError is why events were not taken.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return "not taken: " + e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

// headerError is a header that cannot be used.
type headerError struct{ error }

// idempotencyKey returns the name that a sender gave to a request, with or without the quotes of a structured header.
func idempotencyKey(r *http.Request) (string, error) {
	all := r.Header.Values("Idempotency-Key")
	if len(all) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(all[0])
	if s, err := strconv.Unquote(key); err == nil {
		key = s
	}
	if len(all) > 1 || key == "" || len(key) > receive.MaxName {
		return "", headerError{fmt.Errorf("header Idempotency-Key: one is wanted, of 1 to %d bytes", receive.MaxName)}
	}
	return key, nil
}

// text reads a body: decompressed, bounded, and counted as under way until leave is called.
func (d *Doors) text(w http.ResponseWriter, r *http.Request, from peer) (body []byte, leave func(), err error) {
	t, err := d.inflight.enter(from.at)
	if err != nil {
		return nil, nil, err
	}
	defer d.hurry(w)()
	if body, err = readText(w, r, t); err != nil {
		t.leave()
		return nil, nil, err
	}
	return body, t.leave, nil
}

func readText(w http.ResponseWriter, r *http.Request, t *ticket) ([]byte, error) {
	encoding, most := r.Header.Get("Content-Encoding"), int64(receive.MaxText)
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		most = MaxBody
	}
	wire := http.MaxBytesReader(w, r.Body, most)
	in, err := receive.Decompress(wire, encoding)
	if err != nil {
		return nil, bodyError(encoding, err)
	}
	defer in.Close()
	body, err := receive.ReadText(in, t.grow)
	return body, bodyError(encoding, err)
}

// badBody is a body that is not what it says.
type badBody struct{ error }

func (e badBody) Unwrap() error { return e.error }

// errSlow says that the time for a body was over. Its sender may have better luck, and must not give up.
var errSlow = errors.New("the body did not arrive in time")

// bodyError says what is wrong with a body.
func bodyError(encoding string, err error) error {
	var large *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &large), errors.Is(err, errBusy), errors.Is(err, receive.ErrEncoding), errors.Is(err, receive.ErrTooLarge):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	case encoding == "" || errors.Is(err, io.ErrUnexpectedEOF):
		return badBody{fmt.Errorf("body ends too early: %w", err)}
	}
	return badBody{fmt.Errorf("body is no valid %s: %w", encoding, err)}
}

// statusOf returns the status for an error; later says that the same request may succeed then.
func statusOf(err error) (code int, later bool) {
	var large *http.MaxBytesError
	var sink *sinkError
	switch {
	case errors.Is(err, receive.ErrEncoding):
		return http.StatusUnsupportedMediaType, false
	case errors.Is(err, receive.ErrTooLarge), errors.Is(err, receive.ErrTooMany), errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, false
	case errors.Is(err, errBusy):
		return http.StatusTooManyRequests, true
	case errors.As(err, &sink) && !errors.Is(err, ErrPoison):
		return http.StatusServiceUnavailable, true
	case errors.Is(err, errSlow):
		return http.StatusRequestTimeout, true
	}
	return http.StatusBadRequest, false
}

// refuseAs answers with the status of an error.
func (d *Doors) refuseAs(w http.ResponseWriter, err error, refuse refuser) {
	code, later := statusOf(err)
	if later {
		w.Header().Set("Retry-After", "1")
	}
	switch code {
	case http.StatusTooManyRequests:
		d.busy.Inc()
	case http.StatusServiceUnavailable:
		d.outages.note(err.Error(), time.Now())
	case http.StatusRequestEntityTooLarge:
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			err = fmt.Errorf("body is larger than %d bytes", large.Limit)
		}
	}
	refuse(w, code, err)
}
