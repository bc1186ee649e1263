package gauge

import (
	"strconv"
	"strings"
)

// Result is one line of `go test -bench`: each value by its unit, as "ns/op", "MB/s", "allocs/op".
type Result struct {
	Name   string // without the number of CPUs, as BenchmarkReadPath/plain
	Values map[string]float64
}

// ParseBench reads what `go test -bench` prints (Go's benchmark data format): a name, the number of rounds, and pairs of
// value and unit. Other lines are passed over.
func ParseBench(out string) (all []Result) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		r := Result{plainName(fields[0]), make(map[string]float64)}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				r.Values[fields[i+1]] = v
			}
		}
		all = append(all, r)
	}
	return all
}

// plainName takes the number of CPUs off a name.
func plainName(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name
	}
	if _, err := strconv.Atoi(name[i+1:]); err != nil {
		return name
	}
	return name[:i]
}
