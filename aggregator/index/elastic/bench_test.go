package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"

	"belfry/aggregator/index"
	"belfry/aggregator/index/suite"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/e2e/stack"
	"belfry/shared/event"
)

var benchDocs = flag.Int("docs", 5_000, "documents of one turn of BenchmarkWrite")

// What both writers of BenchmarkWrite are given.
const (
	benchBatch   = 500
	benchSenders = 4
	benchHeapMB  = 1024
	longBench    = 10_000 // documents of a turn from which on it is not only to see that all of it works
)

// BenchmarkWrite writes the same documents through the engine and by the library's own bulk indexer, by turns: to one
// real node, each time into a fresh index with the same mapping, with as many requests at a time and as large ones. The
// engine is given events, makes documents of them, and keeps its ledger; the bulk indexer is given the documents ready
// made. Either turn ends when the last document is acknowledged. It reports documents a second of each, and the ratio.
func BenchmarkWrite(b *testing.B) {
	stack.NeedElastic(b, 0)
	e, err := stack.StartElastic(b.Context(), stack.ElasticConfig{Dir: b.TempDir(), HeapMB: benchHeapMB, Fast: *benchDocs >= longBench})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Stop(); err != nil {
			b.Error(err)
		}
	})
	turns := 0
	turn := func(write func(t *benchTurn)) time.Duration {
		turns++
		t := &benchTurn{B: b, url: e.URLs[0], prefix: fmt.Sprintf("t%d", turns)}
		write(t)
		t.holds(*benchDocs)
		return t.took
	}
	turn((*benchTurn).behind) // until the server is warm
	turn((*benchTurn).alone)
	var behind, alone time.Duration
	n := 0
	for b.Loop() {
		behind += turn((*benchTurn).behind)
		alone += turn((*benchTurn).alone)
		n += *benchDocs
	}
	b.ReportMetric(float64(n)/behind.Seconds(), "docs/s")
	b.ReportMetric(float64(n)/alone.Seconds(), "bare-docs/s")
	b.ReportMetric(alone.Seconds()/behind.Seconds(), "of-bare")
}

// benchTurn is one turn of a writer; prefix names its indices.
type benchTurn struct {
	*testing.B
	url, prefix string
	took        time.Duration
}

// open makes the templates for the prefix.
func (t *benchTurn) open() *Index {
	t.Helper()
	x, err := Open(t.Context(), Config{Nodes: []string{t.url}, Prefix: t.prefix, Replicas: new(int)}, Hooks{}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// behind writes through the engine.
func (t *benchTurn) behind() {
	t.Helper()
	x := t.open()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	writes := t.writes()
	var senders, answers sync.WaitGroup
	answers.Add(len(writes))
	begin := time.Now()
	for s := range benchSenders {
		senders.Go(func() {
			for n := s; n < len(writes); n += benchSenders {
				x.Write(ctx, writes[n], func(_ index.Result, err error) {
					if err != nil {
						t.Error(err)
					}
					answers.Done()
				})
			}
		})
	}
	senders.Wait()
	answers.Wait()
	t.took = time.Since(begin)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

// alone writes by the bulk indexer.
func (t *benchTurn) alone() {
	t.Helper()
	if err := t.open().Close(); err != nil {
		t.Fatal(err)
	}
	all := t.documents()
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{t.url}})
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().UTC().Format(time.DateOnly)
	in, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: client, Index: names{prefix: t.prefix}.index(index.DefaultClass, day), NumWorkers: defaultWorkers, FlushBytes: defaultBulk,
	})
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int64
	begin := time.Now()
	for _, d := range all {
		if err := in.Add(t.Context(), esutil.BulkIndexerItem{Action: "create", DocumentID: d.id, Body: bytes.NewReader(d.body),
			OnFailure: func(context.Context, esutil.BulkIndexerItem, esutil.BulkIndexerResponseItem, error) { failed.Add(1) },
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.took = time.Since(begin)
	if n := failed.Load(); n > 0 {
		t.Errorf("%d documents were not taken", n)
	}
}

// writes are the events of a turn, in batches.
func (t *benchTurn) writes() (all []index.Write) {
	day := time.Now().UTC().Format(time.DateOnly)
	for from := 0; from < *benchDocs; from += benchBatch {
		end := min(from+benchBatch, *benchDocs)
		pos := ledger.Position{Agent: event.HashKey("agent"), Stream: event.HashKey("stream"), Epoch: 1}
		w := index.Write{Ranges: []index.Range{{Pos: pos, Kind: batch.Data, First: uint64(from), End: uint64(end)}}}
		for i := from; i < end; i++ {
			w.Items = append(w.Items, index.Item{Event: benchEvent(i), Pos: pos, Offset: uint64(i), Ranged: true, Day: day})
		}
		all = append(all, w)
	}
	return all
}

func benchEvent(i int) *event.Event {
	return suite.Everyday(i, time.Now().Add(-time.Hour+time.Duration(i)*time.Millisecond/10))
}

type benchDocument struct {
	id   string
	body []byte
}

// documents are those that the engine makes of these events.
func (t *benchTurn) documents() (all []benchDocument) {
	m := newMaker()
	for i := range *benchDocs {
		e := benchEvent(i)
		all = append(all, benchDocument{idOf(e), m.appendDocument(nil, e, uint64(i))})
	}
	return all
}

// holds sees to it that all documents are there, once.
func (t *benchTurn) holds(want int) {
	t.Helper()
	ask := func(method, path string) []byte {
		req, err := http.NewRequestWithContext(t.Context(), method, t.url+"/"+t.prefix+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s %v: %s", method, path, resp.Status, err, body)
		}
		return body
	}
	ask(http.MethodPost, "/_refresh")
	var got struct{ Count int }
	if body := ask(http.MethodGet, "/_count"); json.Unmarshal(body, &got) != nil || got.Count != want {
		t.Errorf("%s holds %d documents, want %d", t.prefix, got.Count, want)
	}
}
