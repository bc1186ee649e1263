package query

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"pgregory.net/rapid"

	"belfry/shared/event"
)

// TestFoundByStorage holds LogsQL to its promise over a real storage: what Match takes, the storage finds.
func TestFoundByStorage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newGenerator(rt)
		// Columns of up to 8 values are dictionaries, whatever their kind.
		n := rapid.SampledFrom([]int{1, 3, 12, 40}).Draw(rt, "n")
		events := rapid.SliceOfN(rapid.Custom(g.event), n, n).Draw(rt, "events")
		s := openStorage(rt, events)
		defer s.close()
		for i := range 6 {
			text := g.query(rt, i, events)
			x, err := Parse(text)
			if err != nil {
				rt.Fatalf("Parse(%q): %v", text, err)
			}
			found := s.find(rt, x)
			for n, e := range events {
				if x.Match(e) && !found[n] {
					rt.Errorf("%s\nbecame %s\nand does not find event %d: %s",
						text, x.LogsQL(), n, e.AppendJSON(nil))
				}
			}
		}
	})
}

// generator makes events whose columns are each of one kind, because logstorage stores kinds of columns differently.
type generator struct {
	kinds map[string]func(*rapid.T) string
}

var names = []string{"message", "event.original", "error.message", "user.name", "tags", "source.ip", "process.pid",
	"labels.x y", "@timestamp", "_time", "_msg", "a*"}

var kinds = []func(t *rapid.T) string{
	func(t *rapid.T) string { return strconv.Itoa(rapid.IntRange(0, 300).Draw(t, "uint")) },
	func(t *rapid.T) string { return strconv.Itoa(rapid.IntRange(-200, 200).Draw(t, "int")) },
	func(t *rapid.T) string {
		return strconv.FormatFloat(float64(rapid.IntRange(-9999, 9999).Draw(t, "float"))/100, 'f', -1, 64)
	},
	func(t *rapid.T) string {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 10, 101, 255}), 4, 4).Draw(t, "ip")
		return net.IP(b).String()
	},
	func(t *rapid.T) string {
		s := rapid.Int64Range(0, 1<<31).Draw(t, "time")
		return time.Unix(s, 0).UTC().Format("2006-01-02T15:04:05.000Z")
	},
	func(t *rapid.T) string { return rapid.SampledFrom([]string{"sudo", "SSHD", "sú_1"}).Draw(t, "dict") },
	func(t *rapid.T) string {
		return rapid.StringMatching(`[aAiİſKk0-1_ .:/"\\\n\t<\[\]-]{1,12}`).Draw(t, "odd")
	},
	func(t *rapid.T) string {
		return rapid.StringOfN(rapid.RuneFrom([]rune("aIi0�\n é\u0085\u2028")), 1, 8, -1).Draw(t, "uni")
	},
	func(t *rapid.T) string {
		word := rapid.SampledFrom([]string{"session", "Opened", "for", "1.05", "root", "[x]"})
		w := rapid.SliceOfN(word, 1, 5).Draw(t, "w")
		return strings.Join(w, rapid.SampledFrom([]string{" ", "\n", "=", ": "}).Draw(t, "by"))
	},
}

func newGenerator(t *rapid.T) *generator {
	g := &generator{kinds: map[string]func(*rapid.T) string{}}
	for _, n := range names {
		g.kinds[n] = kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind of "+n)]
	}
	return g
}

func (g *generator) event(t *rapid.T) *event.Event {
	e := &event.Event{}
	for _, n := range names {
		for range rapid.SampledFrom([]int{0, 1, 1, 1, 1, 2, 3}).Draw(t, "values of "+n) {
			e.Append(n, g.kinds[n](t))
		}
	}
	return e
}

func (g *generator) query(t *rapid.T, i int, events []*event.Event) string {
	label := fmt.Sprintf("query %d", i)
	text := ""
	for range rapid.IntRange(1, 3).Draw(t, label+" terms") {
		op := rapid.SampledFrom([]string{" ", " AND ", " OR ", " NOT ", " OR NOT "}).Draw(t, "op")
		if text == "" {
			op = rapid.SampledFrom([]string{"", "NOT "}).Draw(t, "first")
		}
		term := g.term(t, events)
		if rapid.Bool().Draw(t, "group") {
			text = "(" + text + op + term + ")"
		} else {
			text += op + term
		}
	}
	return text
}

func (g *generator) term(t *rapid.T, events []*event.Event) string {
	name := rapid.SampledFrom(names).Draw(t, "name")
	value := g.kinds[name](t)
	all := rapid.SampledFrom(events).Draw(t, "of").All(name)
	if len(all) > 0 && rapid.IntRange(0, 4).Draw(t, "own") > 0 {
		value = rapid.SampledFrom(all).Draw(t, "value")
	}
	if rapid.IntRange(0, 2).Draw(t, "cut") == 0 {
		r := []rune(value)
		from := rapid.IntRange(0, len(r)-1).Draw(t, "from")
		value = string(r[from:rapid.IntRange(from+1, len(r)).Draw(t, "to")])
	}
	if rapid.IntRange(0, 3).Draw(t, "case") == 0 {
		value = strings.ToUpper(value)
	}
	field := strings.NewReplacer(" ", `\ `, "*", `\*`).Replace(name) + ":"
	if event.TypeOf(name) == event.Text {
		if len(wordsOf(pattern(value))) == 0 {
			return field + "*"
		}
		if rapid.Bool().Draw(t, "bare") {
			field = ""
		}
	}
	if rapid.Bool().Draw(t, "quoted") {
		return field + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return field + g.wild(t, value)
}

// wild escapes all of a value, and puts wildcards in the place of some of it.
func (g *generator) wild(t *rapid.T, value string) string {
	var b strings.Builder
	for _, r := range value {
		switch rapid.IntRange(0, 9).Draw(t, "wild") {
		case 0:
			b.WriteByte('?')
		case 1:
			b.WriteByte('*')
		case 2:
			b.WriteString("*\\" + string(r))
		default:
			b.WriteString("\\" + string(r))
		}
	}
	return b.String()
}

// storage is a logstorage with the events of a test, one row each.
type storage struct {
	*logstorage.Storage
	dir string
}

func (s *storage) close() {
	s.MustClose()
	_ = os.RemoveAll(s.dir)
}

func openStorage(t *rapid.T, events []*event.Event) *storage {
	dir, err := os.MkdirTemp("", "query")
	if err != nil {
		t.Fatal(err)
	}
	s := logstorage.MustOpenStorage(dir, &logstorage.StorageConfig{Retention: 24 * time.Hour, FlushInterval: time.Hour})
	rows := logstorage.GetLogRows(nil, nil, nil, nil, "")
	for i, e := range events {
		rows.MustAdd(logstorage.TenantID{}, time.Now().UnixNano(), rowOf(t, i, e), -1)
	}
	s.MustAddRows(rows)
	logstorage.PutLogRows(rows)
	s.DebugFlush()
	return &storage{s, dir}
}

// rowOf stores an event as the contract of LogsQL says.
func rowOf(t *rapid.T, i int, e *event.Event) []logstorage.Field {
	row := []logstorage.Field{{Name: "row", Value: strconv.Itoa(i)}}
	seen := map[string]bool{"@timestamp": true, "_time": true, "_msg": true}
	for _, f := range e.Fields {
		if seen[f.Name] {
			continue
		}
		seen[f.Name] = true
		all := e.All(f.Name)
		value := all[0]
		if len(all) > 1 || rapid.IntRange(0, 5).Draw(t, "as list") == 0 {
			value = list(t, all)
		}
		row = append(row, logstorage.Field{Name: f.Name, Value: value})
	}
	return row
}

func list(t *rapid.T, values []string) string {
	if rapid.Bool().Draw(t, "encoder") {
		b, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
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
func (s *storage) find(t *rapid.T, x *Expr) map[int]bool {
	q, err := logstorage.ParseQuery(x.LogsQL())
	if err != nil {
		t.Fatalf("%s became %s: %v", x, x.LogsQL(), err)
	}
	qctx := logstorage.NewQueryContext(context.Background(), &logstorage.QueryStats{},
		[]logstorage.TenantID{{}}, q, false, nil)
	found := map[int]bool{}
	var mu sync.Mutex
	err = s.RunQuery(qctx, func(_ uint, db *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range db.GetColumns(false) {
			if c.Name == "row" {
				for _, v := range c.Values {
					n, _ := strconv.Atoi(v)
					found[n] = true
				}
			}
		}
	})
	if err != nil {
		t.Fatalf("%s: %v", x.LogsQL(), err)
	}
	return found
}
