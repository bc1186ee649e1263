package parse

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// update takes the files of the corpus by PROGRAM/NAME: go test ./aggregator/parse -run Corpus -update sudo/accepted
var update = flag.String("update", "",
	"write the fields that are found in a file of the corpus into it; read every line of the difference")

// TestCorpus compares every field of every line with what a person found in it.
func TestCorpus(t *testing.T) {
	files, err := corpus.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := f.Program + "/" + f.Name
		t.Run(name, func(t *testing.T) {
			got := found(t, f)
			if *update == name {
				writeGolden(t, f, got)
				return
			}
			compareAll(t, f, got)
		})
	}
}

// found is what the parser makes of the lines of a file.
func found(t *testing.T, f corpus.File) []*event.Event {
	t.Helper()
	var out bytes.Buffer
	in := strings.NewReader(strings.Join(f.Lines, "\n") + "\n")
	if err := Lines(in, &out, Options{Host: f.Host, TZ: f.TZ, Received: f.Received}); err != nil {
		t.Fatal(err)
	}
	var all []*event.Event
	for text := range strings.Lines(out.String()) {
		e := decode(t, text)
		for _, name := range corpus.Given {
			e.Delete(name)
		}
		all = append(all, e)
	}
	return all
}

func decode(t *testing.T, text string) *event.Event {
	t.Helper()
	var d event.Decoder
	e, err := d.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return e
}

func compareAll(t *testing.T, f corpus.File, got []*event.Event) {
	t.Helper()
	if len(f.Fields) != len(got) {
		t.Errorf("%d events, fields for %d", len(got), len(f.Fields))
	}
	fields, right := 0, 0
	for i := range min(len(f.Fields), len(got)) {
		line := "at the end"
		if i < len(f.Lines) {
			line = f.Lines[i]
		}
		n, ok := compare(t, i, line, got[i], decode(t, f.Fields[i]))
		fields, right = fields+n, right+ok
	}
	t.Logf("right: %d of %d fields", right, fields)
}

// compare reports the differences of one line, and counts the fields that either has.
func compare(t *testing.T, i int, line string, got, want *event.Event) (fields, right int) {
	t.Helper()
	var names []string
	for _, f := range slices.Concat(want.Fields, got.Fields) {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		fields++
		if g, w := got.All(name), want.All(name); slices.Equal(g, w) {
			right++
		} else {
			t.Errorf("line %d: %.300s\n%s is %q, want %q", i+1, line, name, g, w)
		}
	}
	return fields, right
}

func writeGolden(t *testing.T, f corpus.File, events []*event.Event) {
	t.Helper()
	first, err := json.Marshal(f.Reading)
	if err != nil {
		t.Fatal(err)
	}
	out := append(first, '\n')
	for _, e := range events {
		out = append(e.AppendJSON(out), '\n')
	}
	name := filepath.Join("../../shared/corpus", f.Program, f.Name+".ndjson")
	if err := os.WriteFile(name, out, 0o644); err != nil {
		t.Fatal(err)
	}
}
