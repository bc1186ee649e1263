package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	f := func(in, wantLast, wantErr string) {
		t.Helper()
		var out strings.Builder
		all, err := read(strings.NewReader(in))
		if err == nil {
			err = report(&out, all)
		}
		if wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), wantErr) {
				t.Errorf("%v, want %s", err, wantErr)
			}
			return
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; err != nil || last != wantLast {
			t.Errorf("%v: %s, want %s", err, last, wantLast)
		}
	}
	f(`goos: linux
BenchmarkParse/sudo-2   1000  812 ns/op  120.00 MB/s  64 B/op  2 allocs/op
BenchmarkMixed  1000  500 ns/op  120.00 MB/s  64 B/op  2 allocs/op
BenchmarkMixed  1000  1000 ns/op  120.00 MB/s  70 B/op  3 allocs/op
BenchmarkMixed  1000  1500 ns/op  120.00 MB/s  66 B/op  2 allocs/op
BenchmarkJSON  1000  7500 ns/op  120.00 MB/s  66 B/op  2 allocs/op
PASS`, "bench-parse: mixed_lines_per_s=1000000 bytes_per_op=66 allocs_per_op=2 vs_json_unmarshal=7.50", "")
	f("FAIL\tbelfry/x", "", "a benchmark failed")
	f("BenchmarkMixed 1 5 ns/op", "", "no benchmark is called")
}
