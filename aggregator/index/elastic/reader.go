package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/backoff"
)

// reader answers questions: it is the index.Searcher of an Index. It is safe for concurrent use.
type reader struct {
	c         *client
	log       *slog.Logger
	closed    func() error // why nothing is answered any more, or nil
	rows      int          // of the first page of a search
	patience  time.Duration
	terms     int // values of one answer to Top, and of one shard
	walked    int // values of a walk through all of them
	refresher refresher
}

func newReader(c *client, log *slog.Logger, closed func() error) *reader {
	x := &reader{
		c: c, log: log, closed: closed,
		rows: firstPage, patience: readPatience, terms: mostTerms, walked: mostWalked,
	}
	x.refresher.do = x.refreshAll
	return x
}

// schema is Schema for the servers at hand.
func (x *reader) schema(field string) query.Column {
	c := Schema(field)
	if c.Kind == query.ColumnRest && x.isOpenSearch() {
		c.Kind = query.ColumnFlat
	}
	return c
}

func (x *reader) isOpenSearch() bool { return x.c.facts.Product == opensearchName }

// where names the indices of a class, or all of them.
func (x *reader) where(class string) string {
	if class == "" {
		return x.c.names.alias()
	}
	return x.c.names.of(class)
}

// raw makes a request once, and returns no more than bytesOver+1 bytes of the answer.
func (x *reader) raw(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	return x.c.fetch(ctx, func(ctx context.Context) (*esapi.Response, error) {
		req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("make a request: %w", err)
		}
		if len(body) > 0 {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := x.c.http.Perform(req) //nolint:bodyclose // fetch closes it, by cut
		if err != nil {
			return nil, err
		}
		part := cut{io.LimitReader(resp.Body, bytesOver+1), resp.Body}
		return &esapi.Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: part}, nil
	}, nil)
}

// cut is an answer of which only so much is read.
type cut struct {
	io.Reader
	io.Closer
}

// ask makes a request once, and decodes the answer.
func (x *reader) ask(ctx context.Context, method, path string, body []byte, into any) error {
	answer, err := x.raw(ctx, method, path, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the answer of the servers: %w", err)
	}
	return nil
}

// readPatience is how long a question is asked again while nodes are away or busy: a cluster needs some seconds to put
// another node in the place of one that died.
const readPatience = 30 * time.Second

// patient calls fn again, for a while, as long as what keeps it may pass. The last error is index.ErrAway then.
func (x *reader) patient(ctx context.Context, fn func() error) error {
	wait := backoff.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second}
	until := time.Now().Add(x.patience)
	for {
		err := fn()
		switch {
		case err == nil, ctx.Err() != nil:
			return errors.Join(ctx.Err(), err)
		case !mayPass(err):
			return err
		case time.Now().After(until) && !errors.Is(err, index.ErrAway):
			return away(err)
		case time.Now().After(until):
			return err
		}
		wait.Wait(ctx)
	}
}

// mayPass reports whether it makes sense to ask again: a node is away, a shard on its way to another one.
func mayPass(err error) bool {
	var part *partial
	return errors.Is(err, index.ErrAway) || errors.As(err, &part) || isStatus(err, http.StatusInternalServerError)
}

// isNoIndex reports whether there is no index at all: nothing was written yet.
func isNoIndex(err error) bool {
	var refusal *statusError
	return errors.As(err, &refusal) && refusal.Type == "index_not_found_exception"
}
