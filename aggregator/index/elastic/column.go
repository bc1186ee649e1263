package elastic

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// column is where the servers hold the values of a field, if they can tell them as index.Told does; else the path is
// empty, and the events must be read. A column of dates has not all digits; one of words has no values.
type column struct {
	query.Column
	field string
}

// tellable returns the column of a field, if its values can be told.
func (x *reader) tellable(field string) column {
	c := column{x.schema(field), field}
	switch c.Kind {
	case query.ColumnKeyword, query.ColumnLong, query.ColumnFloat, query.ColumnBool, query.ColumnIP:
		return c
	case query.ColumnRest: // a ColumnFlat has no values by key
		if !strings.Contains(c.Path, "*") {
			return c
		}
	}
	return column{field: field}
}

// valueBucket is a value with the number of its documents.
type valueBucket struct {
	Key   json.RawMessage `json:"key"`
	Text  string          `json:"key_as_string"`
	Count uint64          `json:"doc_count"`
}

// told returns the value of a bucket as index.Told does.
func (c column) told(b valueBucket) (string, error) {
	switch c.Kind {
	case query.ColumnBool:
		return b.Text, nil
	case query.ColumnLong:
		return string(b.Key), nil
	case query.ColumnFloat:
		f, err := strconv.ParseFloat(string(b.Key), 64)
		if err != nil {
			return "", fmt.Errorf("a value of %s: %w", c.field, err)
		}
		return index.TellFloat(f), nil
	}
	var text string
	if err := json.Unmarshal(b.Key, &text); err != nil {
		return "", fmt.Errorf("a value of %s: %w", c.field, err)
	}
	return index.Told(c.field, text), nil
}

// include returns the aggregation that counts certain values, as they are told; ok is false where the column can have
// none of them.
func (c column) include(values []string) (aggregation map[string]any, ok bool) {
	if c.Path == "" {
		return nil, false
	}
	t := event.TypeOf(c.field)
	fit := make([]string, 0, len(values))
	for _, v := range values {
		if query.Fits(t, v) {
			fit = append(fit, v)
		}
	}
	if len(fit) == 0 {
		return nil, false
	}
	return map[string]any{"terms": map[string]any{"field": c.Path, "size": len(fit), "include": fit, "min_doc_count": 1}}, true
}
