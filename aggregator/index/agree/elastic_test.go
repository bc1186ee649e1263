package agree

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// TestDocuments holds the queries for Elasticsearch alone to Match, on documents as query.Schema wants them.
func TestDocuments(t *testing.T) {
	s := &documents{url: server.Open(t).URLs[0], index: "agree"}
	s.create(t)
	rapid.Check(t, func(rt *rapid.T) {
		g := newGenerator(rt)
		events := drawEvents(rt, g)
		s.write(rt, events)
		queries := make([]*query.Expr, 40)
		var filters []json.RawMessage
		for i := range queries {
			queries[i] = g.query(rt)
			least, _ := queries[i].Elastic(schema)
			filters = append(filters, least, queries[i].ElasticMost(schema))
		}
		found := s.find(rt, filters)
		for i, x := range queries {
			_, exact := x.Elastic(schema)
			bounds(rt, x, events, exact, found[2*i], found[2*i+1], string(filters[2*i])+"\n"+string(filters[2*i+1]))
		}
	})
}

// schema is where the documents of this test hold their fields.
func schema(field string) query.Column {
	kinds := map[event.Type]query.ColumnKind{event.Keyword: query.ColumnKeyword, event.Text: query.ColumnWords,
		event.Long: query.ColumnLong, event.Float: query.ColumnFloat, event.Bool: query.ColumnBool,
		event.Date: query.ColumnDate, event.IP: query.ColumnIP}
	kind := kinds[event.TypeOf(field)]
	switch {
	case field == "@timestamp":
		return query.Column{Kind: query.ColumnDateNanos, Path: field}
	case strings.HasPrefix(field, "labels."), strings.HasPrefix(field, "details."), field == "user.name.full":
		return query.Column{Kind: query.ColumnRest, Path: "belfry.rest." + field}
	case kind == query.ColumnWords:
		return query.Column{Kind: kind, Path: "belfry.words." + field}
	}
	return query.Column{Kind: kind, Path: field}
}

// property is the mapping of a column.
func property(k query.ColumnKind) map[string]any {
	switch k {
	case query.ColumnKeyword:
		return map[string]any{"type": "keyword", "ignore_above": query.MaxKeyword}
	case query.ColumnWords:
		return map[string]any{"type": "text", "analyzer": "whitespace"}
	case query.ColumnLong:
		return map[string]any{"type": "long", "coerce": false, "ignore_malformed": true}
	case query.ColumnFloat:
		return map[string]any{"type": "double", "coerce": false, "ignore_malformed": true}
	case query.ColumnBool:
		return map[string]any{"type": "boolean", "ignore_malformed": true}
	case query.ColumnDate:
		return map[string]any{"type": "date", "format": query.DateFormat, "ignore_malformed": true}
	case query.ColumnDateNanos:
		return map[string]any{"type": "date_nanos", "format": query.DateFormat}
	}
	return map[string]any{"type": "ip", "ignore_malformed": true}
}

// documents is an index with the events of a test, one document each. The events of an earlier try stay in it, and are
// not looked at.
type documents struct {
	url, index string
	try        int
	events     int
}

func (s *documents) create(t *testing.T) {
	properties := map[string]any{
		"try": map[string]any{"type": "long"}, "row": map[string]any{"type": "long"},
		query.OddField: map[string]any{"type": "keyword"},
		"belfry.rest":  map[string]any{"type": "flattened", "ignore_above": query.MaxKeyword},
	}
	for _, n := range append([]string{"@timestamp"}, names...) {
		if c := schema(n); c.Kind != query.ColumnRest {
			properties[c.Path] = property(c.Kind)
		}
	}
	s.ask(t, http.MethodPut, "/"+s.index, map[string]any{
		"settings": map[string]any{"number_of_replicas": 0, "refresh_interval": -1},
		"mappings": map[string]any{"dynamic": false, "properties": properties},
	})
}

// document makes a document as the contract of query.Schema says.
func (s *documents) document(t fataler, e *event.Event, row int) map[string]any {
	known := e.Clone() // a name within one that is mapped would be refused
	for _, n := range names {
		if schema(n).Kind == query.ColumnRest {
			known.Delete(n)
		}
	}
	doc := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(known.AppendJSON(nil)))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatalf("%v", err)
	}
	odd, words, rest := []string{}, map[string][]string{}, map[string][]string{}
	for _, f := range e.Fields {
		c := schema(f.Name)
		if !c.Kind.Holds(f.Value) && !slices.Contains(odd, f.Name) {
			odd = append(odd, f.Name)
		}
		switch c.Kind {
		case query.ColumnWords:
			words[f.Name] = append(words[f.Name], query.Words(f.Value))
		case query.ColumnRest:
			if c.Kind.Holds(f.Value) {
				rest[f.Name] = append(rest[f.Name], f.Value)
			}
		}
	}
	doc["try"], doc["row"] = s.try, row
	doc["belfry"] = map[string]any{"odd": odd, "words": words, "rest": rest}
	return doc
}

func (s *documents) write(t fataler, events []*event.Event) {
	s.try++
	s.events = len(events)
	var body []any
	for i, e := range events {
		body = append(body, map[string]any{"index": map[string]any{}}, s.document(t, e, i))
	}
	answer := s.ask(t, http.MethodPost, "/"+s.index+"/_bulk?refresh=true", body...)
	if bytes.Contains(answer, []byte(`"errors":true`)) {
		t.Fatalf("bulk: %.2000s", answer)
	}
}

// find returns for each query which events it finds.
func (s *documents) find(t fataler, filters []json.RawMessage) []map[int]bool {
	var body []any
	for _, f := range filters {
		body = append(body, map[string]any{}, map[string]any{
			"size": s.events, "_source": false, "docvalue_fields": []string{"row"},
			"query": map[string]any{"bool": map[string]any{"filter": []any{f, map[string]any{"term": map[string]any{"try": s.try}}}}},
		})
	}
	var answer struct {
		Responses []struct {
			Error json.RawMessage
			Hits  struct {
				Hits []struct {
					Fields struct{ Row []int }
				}
			}
		}
	}
	if err := json.Unmarshal(s.ask(t, http.MethodPost, "/"+s.index+"/_msearch", body...), &answer); err != nil {
		t.Fatalf("%v", err)
	}
	all := make([]map[int]bool, len(filters))
	for i, r := range answer.Responses {
		if r.Error != nil {
			t.Fatalf("%s: %s", filters[i], r.Error)
		}
		all[i] = map[int]bool{}
		for _, h := range r.Hits.Hits {
			all[i][h.Fields.Row[0]] = true
		}
	}
	return all
}

type fataler interface{ Fatalf(string, ...any) }

// ask sends a request, of several values as NDJSON, and returns the answer.
func (s *documents) ask(t fataler, method, path string, values ...any) []byte {
	var body bytes.Buffer
	for _, v := range values {
		if err := json.NewEncoder(&body).Encode(v); err != nil {
			t.Fatalf("%v", err)
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+path, &body)
	if err != nil {
		t.Fatalf("%v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %v %s %.3000s", method, path, err, resp.Status, answer)
	}
	return answer
}
