package enrich

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"go4.org/netipx"

	"belfry/shared/event"
)

var quiet = slog.New(slog.DiscardHandler)

// now is the time at which tests enrich.
var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// file writes a file into a folder of the test's.
func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, text)
	return path
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open opens an Enricher whose configuration must be valid.
func open(t testing.TB, cfg Config) *Enricher {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	en, err := Open(cfg, quiet, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(en.Close)
	return en
}

// eventOf makes an event of "name=value" pairs.
func eventOf(pairs ...string) *event.Event {
	e := &event.Event{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		e.Append(name, value)
	}
	return e
}

// added returns what Enrich adds to an event, sorted, and fails where it changes what was there.
func added(t testing.TB, en *Enricher, pairs ...string) []string {
	t.Helper()
	e := eventOf(pairs...)
	en.Enrich(e, now)
	var all []string
	for i, f := range e.Fields {
		text := f.Name + "=" + f.Value
		if i < len(pairs) {
			if text != pairs[i] {
				t.Errorf("field %d is %s, was %s", i, text, pairs[i])
			}
			continue
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// want checks that an event gets exactly these fields.
func want(t testing.TB, en *Enricher, pairs []string, fields ...string) {
	t.Helper()
	slices.Sort(fields)
	if got := added(t, en, pairs...); !slices.Equal(got, fields) {
		t.Errorf("%v:\n got %s\nwant %s", pairs, strings.Join(got, "\n     "), strings.Join(fields, "\n     "))
	}
}

// on makes the fields of an event.
func on(pairs ...string) []string { return pairs }

type fields = map[string]any

// mmdb writes a database with a record for each network.
func mmdb(t testing.TB, name, kind string, records map[string]fields) string {
	t.Helper()
	return file(t, name, string(mmdbBytes(t, kind, 6, records)))
}

func mmdbBytes(t testing.TB, kind string, version int, records map[string]fields) []byte {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IPVersion: version, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, r := range records {
		if err := w.Insert(netipx.PrefixIPNet(netip.MustParsePrefix(network)), typed(r)); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func typed(v any) mmdbtype.DataType {
	switch x := v.(type) {
	case fields:
		m := mmdbtype.Map{}
		for k, v := range x {
			m[mmdbtype.String(k)] = typed(v)
		}
		return m
	case []any:
		var s mmdbtype.Slice
		for _, v := range x {
			s = append(s, typed(v))
		}
		return s
	case string:
		return mmdbtype.String(x)
	case int:
		return mmdbtype.Uint32(x)
	case float64:
		return mmdbtype.Float64(x)
	case float32:
		return mmdbtype.Float32(x)
	}
	panic("no such type")
}

// count reads a metric.
func count(t testing.TB, set *metrics.Set, name string) string {
	t.Helper()
	var b bytes.Buffer
	set.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no metric %s in\n%s", name, b.String())
	return ""
}

// faultsOf runs a loader that must fail, and returns its lines without the folder.
func faultsOf(t testing.TB, path string, err error) []string {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error", path)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", ""), "\n")
}
