package app

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is exported from one aggregator is in another, once, with what was asked; a second time it is there already.
func TestExportImport(t *testing.T) {
	r := start(t, t.TempDir(), ages)
	r.town()
	file := filepath.Join(t.TempDir(), "out.ndjson")
	if out, _, err := r.belfry("index", "export", "-o", file, "host.name:*"); err != nil || !strings.HasPrefix(out, "4 events are in ") {
		t.Fatalf("%v, %s", err, out)
	}
	if _, _, err := r.belfry("index", "export", "-o", file); err == nil {
		t.Error("a file that is there was written over")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out, _, err := r.belfry("index", "export", "--from", "2026-11-23", "--to", "2026-11-23", "host.name:*"); err != nil || out != string(text) {
		t.Errorf("%v: %s, want %s", err, out, text)
	}
	stats, _, err := r.belfry("index", "stats")
	if err != nil || !strings.Contains(stats, "CLASS") || !strings.Contains(stats, "engine embedded") {
		t.Errorf("%v: %s", err, stats)
	}

	other := start(t, t.TempDir(), ages)
	load := func() string {
		t.Helper()
		var out bytes.Buffer
		c := &CLI{Out: &out, Err: io.Discard, Log: slogTo(io.Discard)}
		if err := runCLI(t, c, "--config", other.path, "index", "import", file, "--class", "auth"); err != nil {
			return err.Error()
		}
		return out.String()
	}
	if got := load(); !strings.Contains(got, "another process works here") {
		t.Errorf("beside an aggregator: %s", got)
	}
	if _, _, err := other.belfry("index", "check"); err == nil || ExitCode(err) != 2 {
		t.Errorf("check beside an aggregator: %v", err)
	}
	other.stop()
	for _, want := range []string{"4 events, 4 new, 0 were there already\n", "4 events, 0 new, 4 were there already\n"} {
		if got := load(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	var elsewhere bytes.Buffer // they are there, of whatever class
	c := &CLI{Out: &elsewhere, Err: io.Discard, Log: slogTo(io.Discard)}
	err = runCLI(t, c, "--config", other.path, "index", "import", file)
	if want := "4 events, 0 new, 4 were there already\n"; err != nil || elsewhere.String() != want {
		t.Errorf("of another class: %v: %s, want %s", err, elsewhere.String(), want)
	}
	if out, _, err := other.belfry("index", "check"); err != nil || !strings.HasPrefix(out, "all is well: ") {
		t.Errorf("%v: %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(other.path), "state", "index", "checkpoint"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, err := other.belfry("index", "check"); ExitCode(err) != ExitNothing || !strings.Contains(out, "checkpoint") {
		t.Errorf("a checkpoint that is cut: %v: %s", err, out)
	}
	if err := os.WriteFile(files[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	other.run()
	if out, _, err := other.belfry("index", "export", "host.name:*"); err != nil || out != string(text) {
		t.Errorf("%v: %s, want %s", err, out, text)
	}
}

// An event of elsewhere keeps its id, whatever that is, and is shown with what is around it.
func TestContextOfImportedEvents(t *testing.T) {
	r := start(t, t.TempDir(), ages)
	r.stop()
	file := filepath.Join(t.TempDir(), "in.ndjson")
	text := ""
	for i := range 3 {
		text += fmt.Sprintf(`{"@timestamp":"2026-11-23T10:00:0%dZ","event.id":"order %d","host.name":"h","log.file.path":"/x","message":"line %d"}`+"\n", i, i, i)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.belfry("index", "import", file); err != nil {
		t.Fatal(err)
	}
	r.run()
	if out, _, err := r.belfry("search", "-C", "1", "--format=json", "--fields=event.id", `event.id:"order 1"`); err != nil || strings.Count(out, "order") != 3 {
		t.Errorf("%v: %s", err, out)
	}
}
