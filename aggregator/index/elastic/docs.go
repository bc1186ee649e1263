package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// docs keeps documents of our own in one index: index.Docs. Each is {"id":ID,"updated":N,"body":{…}}, of which only the
// first two can be searched for; updated is in nanoseconds since 1970.
type docs struct {
	c    *client
	name string // of the index
	now  func() time.Time
}

var _ index.Docs = (*docs)(nil)

// docsVersion is that of the mapping of such an index.
const docsVersion = 1

// openDocs makes the index of a name, unless it is there.
func openDocs(ctx context.Context, c *client, name string) (*docs, error) {
	if !batch.ValidClass(name) {
		return nil, fmt.Errorf("%w: documents %q", index.ErrQuestion, name)
	}
	d := &docs{c: c, name: c.names.state(name), now: time.Now}
	body := encode(object{
		"settings": object{"index": object{
			"number_of_shards": 1, "number_of_replicas": *c.cfg.Replicas, "hidden": true, "refresh_interval": "1s",
		}},
		"mappings": object{"dynamic": false, "_meta": object{"made_by": "belfry", "version": docsVersion}, "properties": object{
			"id": object{"type": "keyword"}, "updated": object{"type": "long"}, "body": object{"type": "object", "enabled": false},
		}},
	})
	err := c.insist(ctx, nil, func(ctx context.Context) (*esapi.Response, error) {
		make := c.es.Indices.Create
		return make(d.name, make.WithContext(ctx), make.WithBody(bytes.NewReader(body)))
	})
	var refusal *statusError
	if errors.As(err, &refusal) && refusal.Type == "resource_already_exists_exception" {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("make index %s: %w", d.name, err)
	}
	return d, nil
}

// doc is a document as the servers give it.
type doc struct {
	Seq    uint64   `json:"_seq_no"`
	Term   uint64   `json:"_primary_term"`
	Source docState `json:"_source"`
}

type docState struct {
	ID      string          `json:"id"`
	Updated int64           `json:"updated"`
	Body    json.RawMessage `json:"body"`
}

func (d *doc) version() ledger.Version { return ledger.Version{Seq: d.Seq, Term: d.Term} }

// keyOf returns the document's id at the servers: one that can stand in a path as it is.
func keyOf(id string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-'
	}
	if len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
		return "_" + event.HashKey("document", id).String()
	}
	return id
}

// Load is Docs's.
func (d *docs) Load(ctx context.Context, id string) (body []byte, v ledger.Version, err error) {
	var found doc
	err = d.c.ask(ctx, &found, func(ctx context.Context) (*esapi.Response, error) {
		return d.c.es.Get(d.name, keyOf(id), d.c.es.Get.WithContext(ctx), d.c.es.Get.WithRealtime(true))
	})
	var refusal *statusError
	switch {
	case errors.As(err, &refusal) && refusal.Status == http.StatusNotFound && refusal.Type == "":
		return nil, v, nil
	case err != nil:
		return nil, v, fmt.Errorf("load %s of index %s: %w", id, d.name, err)
	}
	return found.Source.Body, found.version(), nil
}

// Save is Docs's. Where an answer does not come, it is not tried again: the next try would meet what this one wrote.
func (d *docs) Save(ctx context.Context, id string, body []byte, v ledger.Version) error {
	_, err := d.save(ctx, id, body, v)
	return err
}

// save is Save, and returns the version in which the document is then.
func (d *docs) save(ctx context.Context, id string, body []byte, v ledger.Version) (next ledger.Version, err error) {
	source, err := json.Marshal(docState{ID: id, Updated: d.now().UnixNano(), Body: body})
	if err != nil {
		return next, fmt.Errorf("save %s in index %s: %w", id, d.name, err)
	}
	var saved doc
	err = d.c.once(ctx, &saved, func(ctx context.Context) (*esapi.Response, error) {
		put := d.c.es.Index
		options := []func(*esapi.IndexRequest){put.WithContext(ctx), put.WithDocumentID(keyOf(id))}
		if v == (ledger.Version{}) {
			options = append(options, put.WithOpType("create"))
		} else {
			options = append(options, put.WithIfSeqNo(int(v.Seq)), put.WithIfPrimaryTerm(int(v.Term)))
		}
		return put(d.name, bytes.NewReader(source), options...)
	})
	return saved.version(), d.written("save", id, err)
}

// Remove is Docs's.
func (d *docs) Remove(ctx context.Context, id string, v ledger.Version) error {
	err := d.c.once(ctx, nil, func(ctx context.Context) (*esapi.Response, error) {
		drop := d.c.es.Delete
		return drop(d.name, keyOf(id), drop.WithContext(ctx), drop.WithIfSeqNo(int(v.Seq)), drop.WithIfPrimaryTerm(int(v.Term)))
	})
	if isStatus(err, http.StatusNotFound) {
		return ledger.ErrConflict // somebody else has removed it
	}
	return d.written("remove", id, err)
}

// written tells a conflict from other errors.
func (d *docs) written(what, id string, err error) error {
	switch {
	case err == nil:
		return nil
	case isStatus(err, http.StatusConflict):
		return ledger.ErrConflict
	}
	return fmt.Errorf("%s %s in index %s: %w", what, id, d.name, err)
}

// docsPage is how many documents come in one answer.
const docsPage = 500

// Each is Docs's. A document that is saved meanwhile may come twice: it moves ahead.
func (d *docs) Each(ctx context.Context, since time.Time, fn func(id string, body []byte, v ledger.Version) error) error {
	question := object{
		"size": docsPage, "seq_no_primary_term": true, "track_total_hits": false,
		"query": object{"match_all": object{}},
		"sort":  []object{{"updated": "asc"}, {"id": "asc"}},
	}
	if !since.IsZero() {
		question["query"] = object{"range": object{"updated": object{"gte": since.UnixNano()}}}
	}
	for {
		page, err := d.page(ctx, encode(question))
		if err != nil {
			return fmt.Errorf("list index %s: %w", d.name, err)
		}
		for i := range page {
			if err := fn(page[i].Source.ID, page[i].Source.Body, page[i].version()); err != nil {
				return err
			}
		}
		if len(page) < docsPage {
			return nil
		}
		last := page[len(page)-1]
		question["search_after"] = []any{last.Source.Updated, last.Source.ID}
	}
}

func (d *docs) page(ctx context.Context, body []byte) ([]doc, error) {
	var answer struct {
		Shards struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
		Hits struct {
			Hits []doc `json:"hits"`
		} `json:"hits"`
	}
	err := d.c.ask(ctx, &answer, func(ctx context.Context) (*esapi.Response, error) {
		find := d.c.es.Search
		return find(find.WithContext(ctx), find.WithIndex(d.name), find.WithBody(bytes.NewReader(body)),
			find.WithAllowPartialSearchResults(false))
	})
	if err == nil && answer.Shards.Failed > 0 {
		err = away(fmt.Errorf("%d shards do not answer", answer.Shards.Failed))
	}
	return answer.Hits.Hits, err
}

// refresh lets Each see all that was saved.
func (d *docs) refresh(ctx context.Context) error {
	return d.c.ask(ctx, nil, func(ctx context.Context) (*esapi.Response, error) {
		return d.c.es.Indices.Refresh(d.c.es.Indices.Refresh.WithContext(ctx), d.c.es.Indices.Refresh.WithIndex(d.name))
	})
}
