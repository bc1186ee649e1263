package parse

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

var update = flag.Bool("update", false,
	"write the fields that are found into the corpus; read every line of the difference")

// golden is where corpus.AuthMixedFields comes from.
const golden = "../../shared/corpus/auth-mixed.ndjson"

// given are the fields that are not the parser's to find, and those that repeat others.
var given = strings.Fields(`event.original event.created event.id event.timezone event.kind agent.id host.name message
	log.syslog.appname log.syslog.procid sudo.continues`)

// found is what the parser made of the lines of the corpus.
func found() []*event.Event {
	var all []*event.Event
	r := newReader()
	for _, line := range corpus.AuthMixed() {
		e := r.line(line)
		for _, name := range given {
			e.Delete(name)
		}
		all = append(all, e)
	}
	return all
}

// TestCorpus compares every field of every line with what a person found in it.
func TestCorpus(t *testing.T) {
	got := found()
	if *update {
		writeGolden(t, got)
		return
	}
	want := corpus.AuthMixedFields()
	if len(want) != len(got) {
		t.Fatalf("%d lines, fields for %d", len(got), len(want))
	}
	var d event.Decoder
	lines, fields, rightLines, rightFields := 0, 0, 0, 0
	for i, text := range want {
		e, err := d.Decode([]byte(text))
		if err != nil {
			t.Fatalf("%s:%d: %v", golden, i+1, err)
		}
		n, right := compare(t, i, got[i], e)
		lines, fields, rightFields = lines+1, fields+n, rightFields+right
		if n == right {
			rightLines++
		}
	}
	t.Logf("right: %d of %d lines, %d of %d fields", rightLines, lines, rightFields, fields)
}

// compare reports the differences of one line, and counts the fields that either has.
func compare(t *testing.T, i int, got, want *event.Event) (fields, right int) {
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
			t.Errorf("line %d: %.300s\n%s is %q, want %q", i+1, corpus.AuthMixed()[i], name, g, w)
		}
	}
	return fields, right
}

func writeGolden(t *testing.T, events []*event.Event) {
	t.Helper()
	var out bytes.Buffer
	for _, e := range events {
		out.Write(append(e.AppendJSON(nil), '\n'))
	}
	if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
