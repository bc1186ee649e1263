package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/elastic"
	"belfry/shared/e2e/stack"
)

// TestChaosShort is `make chaos-short`, with an embedded index and with two aggregators on an Elasticsearch: a minute of
// faults, every kind of them, by a new seed each time. What a failure prints names the seed, and the folder with all logs.
func TestChaosShort(t *testing.T) {
	stack.Need(t, "rabbitmq-server", "gzip")
	bin, err := stack.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := func(t *testing.T, o options, sent string) {
		t.Helper()
		o.For, o.Seed, o.Bin = time.Minute, drawSeed(), bin.Dir
		if err := o.Validate(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 14*time.Minute)
		defer cancel()
		var printed strings.Builder
		if err := run(ctx, o, io.MultiWriter(&printed, t.Output())); err != nil {
			t.Errorf("%v", err)
		}
		lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
		last := lines[len(lines)-1]
		form := regexp.MustCompile(`^chaos: sent=` + sent + ` indexed=\d+ lost=0 repeated=0 declared_gaps=\d+ doubt=\d+ kills=[1-9]\d* seed=\d+$`)
		if !form.MatchString(last) {
			t.Errorf("the last line is %q", last)
		}
		t.Logf("measured: %s", last)
	}
	t.Run("embedded", func(t *testing.T) {
		f(t, options{Index: "embedded", Aggregators: 1, Nodes: 1}, `[1-9]\d{6,}`)
	})
	t.Run("elastic", func(t *testing.T) {
		stack.NeedElastic(t, elastic.Elasticsearch)
		f(t, options{Index: "elastic", Aggregators: 2, Nodes: 1, Rate: 2_000}, `[1-9]\d{5,}`)
	})
}

// Several aggregators cannot share what is one's alone.
func TestOptions(t *testing.T) {
	f := func(o options, want string) {
		t.Helper()
		if err := o.Validate(); fmt.Sprint(err) != want && (want == "" || err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
	f(options{For: time.Minute, Index: "embedded", Aggregators: 1, Nodes: 1}, "<nil>")
	f(options{For: time.Minute, Index: "elastic", Aggregators: 2, Nodes: 3}, "<nil>")
	f(options{For: time.Minute, Index: "embedded", Aggregators: 2, Nodes: 1}, "INDEX=elastic")
	f(options{For: time.Minute, Index: "elastic", Aggregators: 0, Nodes: 1}, "at least one")
	f(options{Index: "elastic", Aggregators: 1, Nodes: 1}, "nothing would be written")
}

// What aggregators tell must be the same, and what was written.
func TestTold(t *testing.T) {
	const hosts = `{"hosts":[{"name":"agent-web01","state":"%s"}]}`
	file := `{"type":"file","host":"web01","path":"/log/app.log","held":%d,"missing":%d}` + "\n" + `{"type":"file","host":"web01","held":77}`
	c := &chaos{hosts: []*host{{name: "web01", files: []*logFile{{total: 70}}, quiet: &logFile{total: 30}}}, tally: newTally(nil)}
	f := func(state string, held, missing, doubts int, want string) {
		t.Helper()
		c.tally.doubts = doubts
		told, err := readTold(fmt.Sprintf(hosts, state), "{}", fmt.Sprintf(file, held, missing), "/log/")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.isTrue(told); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s, %d held, %d missing, %d doubts: %v, want %q", state, held, missing, doubts, err, want)
		}
	}
	f("ok", 100, 0, 0, "")
	f("silent", 100, 0, 0, `agent-web01 is "silent"`)
	f("ok", 99, 0, 0, "99 bytes are held")
	f("ok", 101, 0, 0, "101 bytes are held")
	f("ok", 101, 0, 1, "")
	f("ok", 99, 0, 1, "99 bytes are held")
	f("ok", 100, 1, 0, "1 are missing")
	one := told{hosts: map[string]string{"a": "ok"}, gaps: "{}", files: []string{"x"}}
	g := func(other told, want string) {
		t.Helper()
		if got := one.differs(other); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%+v: %q, want %q", other, got, want)
		}
	}
	g(one, "")
	g(told{hosts: map[string]string{"a": "ok", "b": "ok"}, gaps: "{}", files: []string{"x"}}, "hosts: ")
	g(told{hosts: one.hosts, gaps: "{1}", files: []string{"x"}}, "gaps: ")
	g(told{hosts: one.hosts, gaps: "{}"}, "audit: 0 files")
	g(told{hosts: one.hosts, gaps: "{}", files: []string{"y"}}, "audit: y")
}

// gunzipped is what a file holds, decompressed if it is an archive.
func gunzipped(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
