package main

import (
	"regexp"
	"strings"
	"testing"

	servers "belfry/shared/e2e/elastic"
	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
)

// A short run of the embedded half.
func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), options{Events: 20_000, Docs: 1, Rounds: 1, Only: []string{"search"}}, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := regexp.MustCompile(`^bench-index: rows_per_s=\? vs_logstorage=\? bytes_per_event=[1-9]\d* ` +
		`search_p50_ms=\d+ search_worst_ms=\d+ elastic_docs_per_s=\? vs_bare_bulk=\?$`)
	if !last.MatchString(lines[len(lines)-1]) {
		t.Errorf("last line of\n%s", &out)
	}
	for _, kind := range []string{"word", "phrase", "keyword", "prefix", "cidr", "range", "not", "exists", "count over time", "top values"} {
		if !strings.Contains(out.String(), "\n"+kind+"  ") {
			t.Errorf("%s is not in the table:\n%s", kind, &out)
		}
	}
}

// A short run of the other half, on a real node.
func TestElastic(t *testing.T) {
	stack.NeedElastic(t, servers.Elasticsearch)
	var out strings.Builder
	if err := run(t.Context(), options{Events: 1, Docs: 1000, Rounds: 1, Only: []string{"elastic"}}, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if last := regexp.MustCompile(` elastic_docs_per_s=[1-9]\d* vs_bare_bulk=\d+\.\d\d\n$`); !last.MatchString(out.String()) {
		t.Errorf("last line of\n%s", &out)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), options{}, &out); err == nil || !strings.Contains(err.Error(), "at least 1") {
		t.Errorf("%v", err)
	}
}

// The rates are those of the one benchmark, not of its neighbours.
func TestCompare(t *testing.T) {
	f := func(printed, want string, ok bool) {
		t.Helper()
		b := bench{figures: make(map[string]string)}
		err := b.compare(gauge.ParseBench(printed), "rows_per_s", "rows/s", "vs_logstorage")
		if got := b.lastLine(); !strings.HasPrefix(got, "bench-index: "+want+" bytes") || (err == nil) != ok {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	const one, other = "BenchmarkWrite-2 1 5 ns/op 100 rows/s 0.90 of-bare\n", "BenchmarkWrite-2 1 5 ns/op 300 rows/s 1.10 of-bare\n"
	f(one+other+"BenchmarkWriteMore-2 1 5 ns/op 900 rows/s\n", "rows_per_s=200 vs_logstorage=1.00", true)
	f(one, "rows_per_s=100 vs_logstorage=0.90", true)
	f("BenchmarkWrite-2 1 5 ns/op 100 rows/s\n", "rows_per_s=? vs_logstorage=?", false)
}
