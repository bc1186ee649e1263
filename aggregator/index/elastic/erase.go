package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// eraseAtOnce is the number of documents that one request deletes.
const eraseAtOnce = 1000

// Erase deletes the events that a search finds, each by its id in its index, and looks again until there are none. The
// ledger goes on to hold them, so that a repeat is told as such and does not bring them back. What comes again before
// the ledger was written (a batch is in the index first, then in the ledger) is the one case in which it does: who
// erases what is being written at this moment must look again.
func (x *reader) Erase(ctx context.Context, s index.Search, progress func(gone uint64)) (uint64, error) {
	gone := uint64(0)
	tell := func(n int) {
		if gone += uint64(n); n > 0 && progress != nil {
			progress(gone)
		}
	}
	for left := limitOf(s); left != 0; {
		n, err := x.eraseOnce(ctx, s, left, tell)
		if err != nil {
			return gone, fmt.Errorf("erase, of which %d events are gone: %w", gone, err)
		}
		if n == 0 {
			break
		}
		if left > 0 {
			left -= n
		}
	}
	return gone, nil
}

// eraseOnce deletes all that one search finds, and returns how many that were.
func (x *reader) eraseOnce(ctx context.Context, s index.Search, limit int, tell func(n int)) (int, error) {
	var batch []hit
	total := 0
	flush := func() error {
		n, err := x.erase(ctx, batch)
		tell(n)
		total += n
		batch = batch[:0]
		return err
	}
	s.Limit = limit
	err := x.events(ctx, s, func(_ *event.Event, h *hit) error {
		batch = append(batch, hit{Index: h.Index, ID: h.ID})
		if len(batch) < eraseAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return total, err
}

// erase deletes documents, and returns how many were there.
func (x *reader) erase(ctx context.Context, batch []hit) (gone int, err error) {
	if len(batch) == 0 {
		return 0, nil
	}
	lost := false // an answer was, so that what is not there any more is gone by that request
	err = x.patient(ctx, func() error {
		left, n, err := x.eraseBatch(ctx, batch, lost)
		gone += n
		if err != nil {
			lost = true
			return err
		}
		if batch = left; len(left) > 0 {
			return &partial{len(left), len(left), "documents could not be deleted yet"}
		}
		return nil
	})
	return gone, err
}

// eraseBatch sends one request. It returns those that are to be tried again, and how many are gone by it,
// or by the one before it of which the answer was lost.
func (x *reader) eraseBatch(ctx context.Context, batch []hit, lost bool) (left []hit, gone int, err error) {
	var body bytes.Buffer
	for _, h := range batch {
		body.Write(jsonOf(map[string]any{"delete": map[string]string{"_index": h.Index, "_id": h.ID}}))
	}
	var a struct {
		Items []struct {
			Delete struct {
				Result string          `json:"result"`
				Status int             `json:"status"`
				Error  json.RawMessage `json:"error"`
			} `json:"delete"`
		} `json:"items"`
	}
	if err := x.ask(ctx, http.MethodPost, "/_bulk", body.Bytes(), &a); err != nil {
		return nil, 0, err
	}
	if len(a.Items) != len(batch) {
		return nil, 0, fmt.Errorf("%d answers to the deletion of %d documents", len(a.Items), len(batch))
	}
	for i, it := range a.Items {
		switch d := it.Delete; {
		case d.Result == "deleted", d.Status == http.StatusNotFound && lost:
			gone++
		case d.Status == http.StatusNotFound: // it is gone already, or its day is
		case d.Status == http.StatusTooManyRequests, d.Status >= http.StatusInternalServerError:
			left = append(left, batch[i])
		default:
			return nil, gone, fmt.Errorf("document %s of index %s cannot be deleted: %s", batch[i].ID, batch[i].Index, d.Error)
		}
	}
	return left, gone, nil
}
