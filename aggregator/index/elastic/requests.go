package elastic

import (
	"bytes"
	"context"
	"fmt"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// bulkFilter leaves of the answer to a bulk request what is read of it.
var bulkFilter = []string{"errors", "items.*.status", "items.*.error.type", "items.*.error.reason", "items.*.error.caused_by.reason"}

func (c *client) bulk(body []byte) request {
	return func(ctx context.Context) (*esapi.Response, error) {
		return c.es.Bulk(bytes.NewReader(body), c.es.Bulk.WithContext(ctx), c.es.Bulk.WithFilterPath(bulkFilter...))
	}
}

// look settles the ops whose documents may be in the index of their day, or in that of the day before, if they are.
func (w *worker) look(ctx context.Context) error {
	var body []byte
	var asked []int
	for i := range w.todo {
		o := &w.todo[i]
		if !o.part.p.states[o.item].look {
			continue
		}
		it := o.of()
		for _, day := range [...]string{it.Day, dayBefore(it.Day)} {
			body = append(body, `,{"_source":false,"_index":"`...)
			body = w.x.c.names.appendIndex(body, it.Class, day)
			body = append(event.AppendString(append(body, `","_id":`...), idOf(it.Event)), '}')
		}
		asked = append(asked, i)
	}
	if len(asked) == 0 {
		return nil
	}
	there, err := w.x.c.there(ctx, body, 2*len(asked))
	if err != nil {
		return fmt.Errorf("look for events by name: %w", err)
	}
	known := make(map[int]bool)
	for k, i := range asked {
		known[i] = there[2*k] || there[2*k+1]
	}
	kept := w.todo[:0]
	for i := range w.todo {
		if known[i] {
			w.todo[i].settle(repeat)
		} else {
			kept = append(kept, w.todo[i])
		}
	}
	w.todo = kept
	return nil
}

// there asks which of n documents are there; docs names them, each behind a comma.
func (c *client) there(ctx context.Context, docs []byte, n int) ([]bool, error) {
	var answer struct {
		Docs []struct {
			Found bool `json:"found"`
			Error struct {
				Type   string `json:"type"`
				Reason string `json:"reason"`
			} `json:"error"`
		} `json:"docs"`
	}
	body := append(append([]byte(`{"docs":[`), docs[1:]...), "]}"...)
	err := c.ask(ctx, &answer, func(ctx context.Context) (*esapi.Response, error) {
		return c.es.Mget(bytes.NewReader(body), c.es.Mget.WithContext(ctx), c.es.Mget.WithRealtime(true))
	})
	if err != nil {
		return nil, err
	}
	if len(answer.Docs) != n {
		return nil, fmt.Errorf("%w: an answer for %d documents of %d", index.ErrAway, len(answer.Docs), n)
	}
	found := make([]bool, n)
	for i := range answer.Docs {
		d := &answer.Docs[i]
		if t := d.Error.Type; t != "" && t != "index_not_found_exception" {
			return nil, fmt.Errorf("%w: %s: %s", index.ErrAway, t, d.Error.Reason)
		}
		found[i] = d.Found
	}
	return found, nil
}

// close lets go of the connections.
func (c *client) close() error {
	if err := c.http.Close(context.Background()); err != nil {
		return fmt.Errorf("close the client: %w", err)
	}
	c.transport.http.CloseIdleConnections()
	return nil
}
