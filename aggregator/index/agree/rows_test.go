package agree

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"pgregory.net/rapid"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// TestRows holds the filters for logstorage alone to Match, on rows as query.Expr.LogsQL wants them.
func TestRows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newGenerator(rt)
		// Columns of up to 8 values are dictionaries, whatever their kind.
		events := drawEvents(rt, g)
		s := openRows(rt, events)
		defer s.close()
		for range 12 {
			x := g.query(rt)
			least, exact := x.LogsQL()
			bounds(rt, x, events, exact, s.find(rt, least), s.find(rt, x.LogsQLMost()), least+"\n"+x.LogsQLMost())
		}
	})
}

func drawEvents(t *rapid.T, g *generator) []*event.Event {
	events := make([]*event.Event, rapid.SampledFrom([]int{1, 3, 12, 40}).Draw(t, "events"))
	for i := range events {
		events[i] = g.event(t, i)
	}
	return events
}

// bounds checks that least finds what Match finds, that most finds nothing else, and that both are the same if exact.
func bounds(t *rapid.T, x *query.Expr, events []*event.Event, exact bool, least, most map[int]bool, filters string) {
	for i, e := range events {
		match := x.Match(e)
		switch {
		case match && !least[i]:
			t.Errorf("%s\nbecame %s\nand does not find event %d: %s", x, filters, i, text(e))
		case !match && most[i]:
			t.Errorf("%s\nbecame at most %s\nand finds event %d: %s", x, filters, i, text(e))
		case exact && match != least[i]:
			t.Errorf("%s\nbecame exactly %s\nand finds event %d: %v, which is wrong: %s", x, filters, i, least[i], text(e))
		}
	}
}

// rows is a logstorage with the events of a test, one row each.
type rows struct {
	*logstorage.Storage
	dir string
}

func (s *rows) close() {
	s.MustClose()
	_ = os.RemoveAll(s.dir)
}

func openRows(t *rapid.T, events []*event.Event) *rows {
	dir, err := os.MkdirTemp("", "agree")
	if err != nil {
		t.Fatal(err)
	}
	s := logstorage.MustOpenStorage(dir, &logstorage.StorageConfig{Retention: 240 * time.Hour, FlushInterval: time.Hour})
	lr := logstorage.GetLogRows(nil, nil, nil, nil, "")
	for _, e := range events {
		at, err := time.Parse(time.RFC3339Nano, e.Get("@timestamp"))
		if err != nil {
			t.Fatal(err)
		}
		lr.MustAdd(logstorage.TenantID{}, at.UnixNano(), rowOf(e), -1)
	}
	s.MustAddRows(lr)
	logstorage.PutLogRows(lr)
	s.DebugFlush()
	return &rows{s, dir}
}

// rowOf makes a row as the contract of query.Expr.LogsQL says.
func rowOf(e *event.Event) (row []logstorage.Field) {
	seen := map[string]bool{"@timestamp": true}
	var lists []string
	for _, f := range e.Fields {
		if seen[f.Name] {
			continue
		}
		seen[f.Name] = true
		values := e.All(f.Name)
		value := values[0]
		listed := len(values) > 1 || !query.Verbatim(value)
		if listed || event.IsList(f.Name) {
			value = array(values)
		}
		if listed && !event.IsList(f.Name) {
			lists = append(lists, f.Name)
		}
		if event.TypeOf(f.Name) == event.Text {
			if folded := foldedOf(e, f.Name, values); folded != "" {
				row = append(row, logstorage.Field{Name: query.FoldedColumn(f.Name), Value: folded})
			}
		}
		row = append(row, logstorage.Field{Name: f.Name, Value: value})
	}
	if lists != nil {
		row = append(row, logstorage.Field{Name: "_lists", Value: array(lists)})
	}
	return row
}

// foldedOf makes the column of a text field's folded words.
func foldedOf(e *event.Event, field string, values []string) string {
	listed := len(values) > 1 || !query.Verbatim(values[0])
	if message := e.All("message"); field == "event.original" && !listed && len(message) == 1 && query.Verbatim(message[0]) {
		values = []string{query.FoldedHead(values[0], message[0])}
	}
	var words []byte
	for _, v := range values {
		words = query.AppendFolded(words, v, listed)
	}
	return string(words)
}

func array(values []string) string {
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = event.AppendString(b, v)
	}
	return string(append(b, ']'))
}

// find returns which rows the storage finds.
func (s *rows) find(t *rapid.T, filter string) map[int]bool {
	q, err := logstorage.ParseQuery(filter)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	qctx := logstorage.NewQueryContext(context.Background(), &logstorage.QueryStats{},
		[]logstorage.TenantID{{}}, q, false, nil)
	found := map[int]bool{}
	var mu sync.Mutex
	err = s.RunQuery(qctx, func(_ uint, db *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range db.GetColumns(false) {
			if c.Name == "labels.row" {
				for _, v := range c.Values {
					n, _ := strconv.Atoi(v)
					found[n] = true
				}
			}
		}
	})
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return found
}
