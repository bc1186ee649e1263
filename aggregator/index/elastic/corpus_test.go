package elastic

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// The servers take what is in the corpus as it is: nothing is refused, and no value is left out of its column but where
// the document says so.
func TestCorpus(t *testing.T) { corpusFits(t, elasticsearchNode.Open(t).URLs, 3) }

// corpusFits looks at each step-th line of the corpus.
func corpusFits(t *testing.T, urls []string, step int) {
	o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
	var w index.Write
	for n, e := range corpusEvents(t) {
		if n%step != 0 {
			continue
		}
		e.Set("event.id", event.HashKey("corpus", fmt.Sprint(n)).String())
		e.Default("message", e.Get("event.action"))
		e.Set("@timestamp", time.Now().UTC().Format(time.RFC3339Nano))
		w.Items = append(w.Items, index.Item{Event: e})
	}
	want := len(w.Items)
	if r := o.must(t, w); r.New != want || want == 0 {
		t.Errorf("%d of %d are new", r.New, want)
	}
	if n := o.measures.reduced.Get(); n != 0 {
		t.Errorf("%d documents were refused", n)
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				Ignored []string `json:"_ignored"`
				Source  struct {
					Belfry struct {
						Odd []string `json:"odd"`
					} `json:"belfry"`
				} `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	alias := urls[0] + "/" + o.c.names.alias()
	if _, err := ask(t.Context(), http.MethodPost, alias+"/_refresh", "", nil); err != nil {
		t.Fatal(err)
	}
	_, err := ask(t.Context(), http.MethodPost, alias+"/_search",
		`{"size":1000,"query":{"exists":{"field":"_ignored"}},"_source":["belfry.odd"]}`, &answer)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range answer.Hits.Hits {
		odd := make(map[string]bool)
		for _, name := range h.Source.Belfry.Odd {
			odd[name] = true
		}
		for _, name := range h.Ignored {
			if !odd[name] {
				t.Errorf("%s is not in its column, and is not odd", name)
			}
		}
	}
}

// OpenSearch takes the same.
func TestOpenSearch(t *testing.T) {
	urls := opensearchNode.Open(t).URLs
	t.Run("corpus", func(t *testing.T) { corpusFits(t, urls, 40) })
	t.Run("write", func(t *testing.T) {
		o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
		s := newStream("os")
		o.must(t, s.write(0, 100))
		w := s.write(50, 110)
		w.Items[55].Event.Append("tls.established", "maybe")
		if r := o.must(t, w); r.New != 10 || r.Repeats != 50 {
			t.Errorf("%+v", r)
		}
		once(t, o.ids(t), s, 110)
		if o.c.facts.Product != opensearchName || o.c.facts.rest != "flat_object" {
			t.Errorf("%+v", o.c.facts)
		}
	})
}

// A later version puts its template in the place of an earlier one; an earlier leaves a later one alone.
func TestTemplate(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	cfg := Config{Nodes: urls, Prefix: prefix(t, urls[0])}
	o := open(t, cfg, Hooks{})
	installed := func(version int, shape string) {
		t.Helper()
		v, s, err := o.c.installed(t.Context())
		if err != nil || v != version || s != shape {
			t.Errorf("version %d of shape %q, %v; want %d of %q", v, s, err, version, shape)
		}
	}
	put := func(version int, shape string) {
		t.Helper()
		body := o.c.template()
		body["version"], body["_meta"] = version, object{"shape": shape}
		if err := o.c.ask(t.Context(), nil, o.c.putTemplate(encode(body))); err != nil {
			t.Fatal(err)
		}
		if err := o.c.install(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	shape := o.c.shape()
	installed(templateVersion, shape)
	s := newStream("old")
	o.must(t, s.write(0, 1))
	put(templateVersion-1, shape)
	installed(templateVersion, shape)
	put(templateVersion, "shards=9")
	installed(templateVersion, shape)
	put(templateVersion+1, shape)
	installed(templateVersion+1, shape)
	o.must(t, s.write(1, 2))
	once(t, o.ids(t), s, 2)
}
