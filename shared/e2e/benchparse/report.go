package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// The benchmarks that the last line is about.
const (
	mixed  = "Mixed"
	asJSON = "JSON"
)

// measures are the figures of a benchmark, one of each round.
type measures struct{ nanoseconds, bytes, allocs []float64 }

// table holds the benchmarks by their names, in the order of the output.
type table struct {
	names  []string
	byName map[string]*measures
}

// read takes the lines of benchmarks, as "BenchmarkParse/sudo-2  1000  812 ns/op  120 MB/s  64 B/op  2 allocs/op".
func read(r io.Reader) (*table, error) {
	t := &table{byName: make(map[string]*measures)}
	in := bufio.NewScanner(r)
	for in.Scan() {
		words := strings.Fields(in.Text())
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			if strings.HasPrefix(in.Text(), "FAIL") {
				return nil, errors.New("a benchmark failed")
			}
			continue
		}
		m := t.of(name(words[0]))
		for i := 2; i+1 < len(words); i += 2 {
			v, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", in.Text(), err)
			}
			switch words[i+1] {
			case "ns/op":
				m.nanoseconds = append(m.nanoseconds, v)
			case "B/op":
				m.bytes = append(m.bytes, v)
			case "allocs/op":
				m.allocs = append(m.allocs, v)
			}
		}
	}
	return t, in.Err()
}

// name returns "sudo" of "BenchmarkParse/sudo-2".
func name(s string) string {
	s = strings.TrimPrefix(s, "Benchmark")
	if i := strings.LastIndexByte(s, '-'); i > 0 {
		if _, err := strconv.Atoi(s[i+1:]); err == nil {
			s = s[:i]
		}
	}
	return strings.TrimPrefix(s, "Parse/")
}

func (t *table) of(name string) *measures {
	m, ok := t.byName[name]
	if !ok {
		m = new(measures)
		t.byName[name] = m
		t.names = append(t.names, name)
	}
	return m
}

func report(out io.Writer, t *table) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "lines of\tlines/s\tns/line\tB/line\tallocs/line\t")
	for _, name := range t.names {
		m := t.byName[name]
		ns := median(m.nanoseconds)
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t\n", name, 1e9/ns, ns, median(m.bytes), median(m.allocs))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	m, j := t.byName[mixed], t.byName[asJSON]
	if m == nil || j == nil {
		return fmt.Errorf("no benchmark is called %s, or none %s", mixed, asJSON)
	}
	ns := median(m.nanoseconds)
	_, err := fmt.Fprintf(out, "bench-parse: mixed_lines_per_s=%.0f bytes_per_op=%.0f allocs_per_op=%.0f vs_json_unmarshal=%.2f\n",
		1e9/ns, median(m.bytes), median(m.allocs), median(j.nanoseconds)/ns)
	return err
}

// median of no figures is 0.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
