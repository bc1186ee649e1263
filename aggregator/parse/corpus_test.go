package parse

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
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
			r, err := f.Check(got)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range r.Faults {
				t.Error(fault)
			}
			t.Logf("right: %d of %d fields", r.Right, r.Fields)
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
		var d event.Decoder
		e, err := d.Decode([]byte(text))
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		all = append(all, e)
	}
	return all
}

func writeGolden(t *testing.T, f corpus.File, events []*event.Event) {
	t.Helper()
	first, err := json.Marshal(f.Reading)
	if err != nil {
		t.Fatal(err)
	}
	out := append(first, '\n')
	for _, e := range events {
		for _, name := range corpus.Given {
			e.Delete(name)
		}
		out = append(e.AppendJSON(out), '\n')
	}
	name := filepath.Join("../../shared/corpus", f.Program, f.Name+".ndjson")
	if err := os.WriteFile(name, out, 0o644); err != nil {
		t.Fatal(err)
	}
}
