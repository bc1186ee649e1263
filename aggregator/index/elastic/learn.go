package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"belfry/aggregator/index"
	"belfry/shared/backoff"
)

// facts are what the servers are, and can.
type facts struct {
	Product string // "elasticsearch" or "opensearch"
	Version string // "" where they do not say
	message string // the type of a text that is searched for words by others: match_only_text or text
	rest    string // the type of an object of any names: flattened or flat_object
}

const (
	elasticsearchName = "elasticsearch"
	opensearchName    = "opensearch"
)

// await calls fn until the servers answer it. It ends with the context's error, or when they refuse.
func (c *client) await(ctx context.Context, fn func(context.Context) error) error {
	wait := backoff.Backoff{Min: 500 * time.Millisecond, Max: 15 * time.Second}
	for told := false; ; {
		err := fn(ctx)
		if err == nil || !errors.Is(err, index.ErrAway) {
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if !told {
			told = true
			c.log.Warn("waiting for the servers of the index", "nodes", strings.Join(c.cfg.Nodes, " "), "err", err)
		}
		wait.Wait(ctx)
	}
}

// learn finds out what the servers are.
func (c *client) learn(ctx context.Context) error {
	f, err := c.greet(ctx)
	if err != nil {
		return err
	}
	f.message, f.rest = "match_only_text", "flattened" // until install knows better
	if f.Product == opensearchName {
		f.rest = "flat_object"
	}
	c.facts = f
	c.log.Info("connected to the servers of the index", "product", f.Product, "version", f.Version)
	return nil
}

// greet asks the servers who they are. Elasticsearch says so in a header of every answer, even where it does not answer
// this question; OpenSearch in the answer.
func (c *client) greet(ctx context.Context) (f facts, err error) {
	var named bool
	var answer struct {
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
		} `json:"version"`
	}
	body, err := c.fetch(ctx, func(ctx context.Context) (*esapi.Response, error) {
		resp, err := c.es.Info(c.es.Info.WithContext(ctx))
		if err == nil {
			named = resp.Header.Get(productHeader) == "Elasticsearch"
		}
		return resp, err
	}, nil)
	switch {
	case err == nil:
		_ = json.Unmarshal(body, &answer) // what it is not, shows below
	case !named || !isStatus(err, http.StatusMethodNotAllowed):
		return f, fmt.Errorf("ask the servers who they are: %w", err)
	}
	f.Version = answer.Version.Number
	switch {
	case named:
		f.Product = elasticsearchName
	case answer.Version.Distribution == opensearchName:
		f.Product = opensearchName
	default:
		return f, errors.New("what answers at the nodes is neither Elasticsearch nor OpenSearch")
	}
	return f, nil
}
