package embedded

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/valyala/fastjson"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// A row of the storage has one column for each field of an event, by the field's name, except @timestamp: that is the
// row's time, and is not kept beside it. A text field has a column of its folded words too (query.FoldedColumn). A field
// that is a list (event.IsList) is kept as the text of a JSON array of strings, even with one value; so is any other field
// that has several values, or one that the storage would give back in another form (query.Verbatim), and then columnLists
// names it.
const (
	columnPosition = "_wal"   // where the row is in the log: the record's lsn << rowBits | the row's index in it
	columnLists    = "_lists" // names of the fields that are kept as lists and are none by their name; JSON array
	columnSetID    = "_set"   // which rows it may share a block with: see columnSets
	columnTime     = "_time"
)

// rowBits is the part of a row's position that counts within a record.
const rowBits = 16

// MaxItems is the largest number of items of one Write.
const MaxItems = 1 << rowBits

func rowPosition(lsn uint64, row int) uint64 { return lsn<<rowBits | uint64(row) }

// perField is what the storage counts for a field beside its name and its value.
const perField = len(`,"":""`)

// maxHost bounds the names of hosts by which rows are kept together. A longer one is no host's.
const maxHost = 255

// rowWriter makes columns of events. It keeps its memory between them, and is not safe for concurrent use.
type rowWriter struct {
	fields []logstorage.Field
	texts  []byte // of the columns that are not a value of the event, one behind the other
	ends   []int  // where each of them ends
	count  []int
}

// columns returns the columns of an event: first columnSetID, without a value, then the host's name if the row may be
// kept with others of that host; then host is true. The fields are the writer's, their values share the event's memory.
func (w *rowWriter) columns(e *event.Event, position uint64) (fields []logstorage.Field, host bool) {
	w.fields, w.texts, w.ends = w.fields[:0], w.texts[:0], w.ends[:0]
	w.add(columnSetID, "")
	w.count = countValues(w.count[:0], e.Fields)
	at := -1
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Name == "host.name" && w.alone(i, f) && len(f.Value) <= maxHost {
			w.add(f.Name, f.Value)
			at, host = i, true
		}
	}
	lists := []byte(nil)
	for i := range e.Fields {
		f := &e.Fields[i]
		switch {
		case w.count[i] == 0, i == at, f.Name == "@timestamp", w.count[i] == 1 && f.Value == "":
		case event.IsList(f.Name):
			w.list(e.Fields[i:], w.count[i])
		case w.alone(i, f):
			w.add(f.Name, f.Value)
		default:
			w.list(e.Fields[i:], w.count[i])
			lists = event.AppendString(append(lists, ','), f.Name)
		}
	}
	if lists != nil {
		lists[0] = '['
		w.text(columnLists, append(append(w.texts, lists...), ']'))
	}
	w.folded(e.Fields)
	w.text(columnPosition, strconv.AppendUint(w.texts, position, 10))
	w.setTexts()
	return w.fields, host
}

// alone reports whether the value of field i is all of its column, as it is written.
func (w *rowWriter) alone(i int, f *event.Field) bool {
	return w.count[i] == 1 && query.Verbatim(f.Value)
}

func (w *rowWriter) add(name, value string) {
	w.fields = append(w.fields, logstorage.Field{Name: name, Value: value})
}

// text adds a column whose text is what texts is longer than w.texts.
func (w *rowWriter) text(name string, texts []byte) {
	w.texts = texts
	w.ends = append(w.ends, len(texts))
	w.add(name, "")
}

// setTexts gives the columns that text has added their values, all out of one string.
func (w *rowWriter) setTexts() {
	all, from, next := string(w.texts), 0, 0
	for i := 1; i < len(w.fields); i++ {
		if w.fields[i].Value == "" {
			w.fields[i].Value = all[from:w.ends[next]]
			from = w.ends[next]
			next++
		}
	}
}

// list adds the first field's values, of which there are n, as a JSON array.
func (w *rowWriter) list(fields []event.Field, n int) {
	name, b := fields[0].Name, append(w.texts, '[')
	for i := 0; n > 0; i++ {
		if fields[i].Name != name {
			continue
		}
		if b = event.AppendString(b, fields[i].Value); n > 1 {
			b = append(b, ',')
		}
		n--
	}
	w.text(name, append(b, ']'))
}

// idOf returns the column event.id of an event.
func (w *rowWriter) idOf(e *event.Event) string {
	switch ids := e.All("event.id"); {
	case len(ids) == 0:
		return ""
	case len(ids) == 1 && query.Verbatim(ids[0]):
		return ids[0]
	}
	fields, _ := w.columns(e, 0)
	for i := range fields {
		if fields[i].Name == "event.id" {
			return fields[i].Value
		}
	}
	return ""
}

// rowSize returns the size of a row as the storage counts it, or more if that is little.
func rowSize(e *event.Event) int {
	const little, escaped = maxRow / 8, len(`\u001f`)
	n := 0
	for i := range e.Fields {
		n += len(e.Fields[i].Name) + len(e.Fields[i].Value) + perField
	}
	if n < little && n*escaped < maxRow {
		return n
	}
	fields, _ := new(rowWriter).columns(e, math.MaxUint64)
	return logstorage.EstimatedJSONRowLen(fields)
}

// few is the number of fields up to which comparing each with each is cheaper than a map.
const few = 64

// countValues appends to dst, for each field, how many there are of its name; 0 for all but the first of a name.
func countValues(dst []int, fields []event.Field) []int {
	if len(fields) > few {
		return countMany(dst, fields)
	}
	seen := uint64(0) // a bit for each pair of length and last character
	for i := range fields {
		name := fields[i].Name
		bit := uint64(1) << ((len(name)*7 + int(lastByte(name))) & 63)
		first := -1
		if seen&bit != 0 {
			first = indexName(fields[:i], name)
		}
		seen |= bit
		if first >= 0 {
			dst[first]++
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
	}
	return dst
}

func lastByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}

func indexName(fields []event.Field, name string) int {
	for i := range fields {
		if fields[i].Name == name {
			return i
		}
	}
	return -1
}

func countMany(dst []int, fields []event.Field) []int {
	first := make(map[string]int, len(fields))
	for i := range fields {
		j, ok := first[fields[i].Name]
		dst = append(dst, 0)
		if !ok {
			j = i
			first[fields[i].Name] = i
		}
		dst[j]++
	}
	return dst
}

// rowReader makes events of the rows of a block. It is not safe for concurrent use.
type rowReader struct {
	names  map[string]string // names that outlive a block
	parser fastjson.Parser
	event  event.Event // of the last row; its values are the block's
	lists  []string
}

// maxKnown bounds the names that a reader keeps: senders choose them.
const maxKnown = 4096

func (r *rowReader) name(s string) string {
	if n, ok := r.names[s]; ok {
		return n
	}
	if r.names == nil || len(r.names) >= maxKnown {
		r.names = make(map[string]string)
	}
	s = strings.Clone(s)
	r.names[s] = s
	return s
}

// read returns the event of one row. The event and its values are the reader's: keep copies what must stay.
func (r *rowReader) read(all []logstorage.BlockColumn, row int) *event.Event {
	e := &r.event
	e.Fields = e.Fields[:0]
	r.lists = r.lists[:0]
	for i := range all {
		if all[i].Name == columnLists && all[i].Values[row] != "" {
			r.lists = r.values(r.lists, all[i].Values[row])
		}
	}
	for i := range all {
		c := &all[i]
		value := c.Values[row]
		switch {
		case value == "":
		case c.Name == columnTime:
			e.Append("@timestamp", value)
		case isReserved(c.Name):
		case event.IsList(c.Name) || len(r.lists) > 0 && slices.Contains(r.lists, c.Name):
			r.list(e, r.name(c.Name), value)
		default:
			e.Append(r.name(c.Name), value)
		}
	}
	return e
}

func (r *rowReader) list(e *event.Event, name, text string) {
	v, err := r.parser.Parse(text)
	if err != nil || v.Type() != fastjson.TypeArray {
		e.Append(name, text) // not of our making
		return
	}
	for _, item := range v.GetArray() {
		e.Append(name, string(item.GetStringBytes()))
	}
}

// values appends the strings of a JSON array.
func (r *rowReader) values(dst []string, text string) []string {
	v, err := r.parser.Parse(text)
	if err != nil {
		return dst
	}
	for _, item := range v.GetArray() {
		dst = append(dst, string(item.GetStringBytes()))
	}
	return dst
}

// keep returns a copy of an event that shares no memory with a block, and its size.
func keep(e *event.Event) (*event.Event, int) {
	n := 0
	for i := range e.Fields {
		n += len(e.Fields[i].Value)
	}
	var b strings.Builder
	b.Grow(n)
	kept := &event.Event{Fields: make([]event.Field, len(e.Fields))}
	for i, f := range e.Fields {
		from := b.Len()
		b.WriteString(f.Value)
		kept.Fields[i] = event.Field{Name: f.Name, Value: b.String()[from:]}
	}
	return kept, n + len(e.Fields)*32 + 64
}

func column(all []logstorage.BlockColumn, name string) []string {
	for i := range all {
		if all[i].Name == name {
			return all[i].Values
		}
	}
	return nil
}

func parsePosition(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// timeOf returns the time of an event that a guard has seen.
func timeOf(e *event.Event) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, e.Get("@timestamp"))
	if err != nil {
		return 0, fmt.Errorf("time of an event: %w", err)
	}
	return t.UnixNano(), nil
}
