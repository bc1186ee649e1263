package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"belfry/shared/batch"
	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
	"belfry/shared/event"
)

// A short run with the real agent of all but the benchmarks of other packages: every count agrees, or it is an error.
func TestRun(t *testing.T) {
	stack.Need(t, "taskset", "gzip")
	bin, err := stack.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o := options{
		Bin: bin.Dir, Rounds: 1, MB: 1, ResumeMB: 40, Idle: 20, Many: 40, Busy: 3, Rate: 300,
		Measure: time.Second, Park: time.Second, Only: []string{"read", "resume", "idle", "many"},
	}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := regexp.MustCompile(`^bench-agent: read_mb_per_s=\? allocs_per_line=\? rss_1000_idle_mib=[1-9]\d* ` +
		`rss_10000_mib=[1-9]\d* idle_cpu_percent=\d+\.\d\d gz_vs_bare=\? gz_resume_s=\d+\.\d\d$`)
	if !last.MatchString(lines[len(lines)-1]) {
		t.Errorf("last line of\n%s", &out)
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	err := run(t.Context(), options{Bin: t.TempDir()}, os.Stderr)
	for _, want := range []string{"at least 1", "no agent (make build"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

func TestLastLine(t *testing.T) {
	var b bench
	for i, n := range names {
		b.set(n.name, float64(i)+0.126)
	}
	const want = "bench-agent: read_mb_per_s=0 allocs_per_line=1 rss_1000_idle_mib=2 rss_10000_mib=3 " +
		"idle_cpu_percent=4.13 gz_vs_bare=5.13 gz_resume_s=6.13"
	if got := b.lastLine(); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

const printed = `goos: linux
cpu: any
BenchmarkReadPath/plain-2   	 1000	      512.5 ns/op	 201.00 MB/s	      16 B/op	       0 allocs/op
BenchmarkReadPath/joined-2  	 1000	      612.5 ns/op	 180.00 MB/s	      99 B/op	       2 allocs/op
BenchmarkReadPathOther      	 1000	      1 ns/op	       7 allocs/op
BenchmarkBroken-2 	--- FAIL: BenchmarkBroken-2
PASS
`

func TestParseBench(t *testing.T) {
	all := gauge.ParseBench(printed)
	if len(all) != 3 || all[0].Name != "BenchmarkReadPath/plain" || all[0].Values["MB/s"] != 201 || all[2].Name != "BenchmarkReadPathOther" {
		t.Errorf("%+v", all)
	}
	f := func(name, unit string, want float64, ok bool) {
		t.Helper()
		if got, err := largest(all, name, unit); got != want || (err == nil) != ok {
			t.Errorf("%s of %s: %v, %v; want %v", unit, name, got, err, want)
		}
	}
	f(readPath, "allocs/op", 2, true)
	f("BenchmarkReadPathOther", "allocs/op", 7, true)
	f("BenchmarkReadPathOther", "MB/s", 0, false)
	f("BenchmarkBroken", "ns/op", 0, false)
}

func TestRatio(t *testing.T) {
	f := func(text string, want float64, ok bool) {
		t.Helper()
		if got, err := ratioOf(gauge.ParseBench(text)); got != want || (err == nil) != ok {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	const ours, bare = "BenchmarkGunzip-2 5 9 ns/op 80 MB/s\n", "BenchmarkBareGunzip-2 5 9 ns/op 100 MB/s\n"
	f(ours+bare, 0.8, true)
	f(ours+bare+"BenchmarkGunzip-2 5 9 ns/op 90 MB/s\nBenchmarkBareGunzip-2 5 9 ns/op 60 MB/s\n", 0.9, true)
	f(ours, 0, false)
	f("BenchmarkGunzip 5 9 ns/op\n"+bare, 0, false)
}

// What comes twice is counted once, what is missing between is a fault, and other classes are not looked at.
func TestReceiver(t *testing.T) {
	f := func(want tally, faulty bool, streams ...batch.Stream) {
		t.Helper()
		r := &receiver{changed: make(chan struct{})}
		r.reset(0)
		for _, s := range streams {
			r.note(&batch.Manifest{Streams: []batch.Stream{s}}, nil)
		}
		r.got.at = time.Time{}
		if (r.got.fault != nil) != faulty {
			t.Errorf("fault %v", r.got.fault)
		}
		if r.got.fault = nil; r.got != want {
			t.Errorf("%+v, want %+v", r.got, want)
		}
	}
	part := func(class string, events int, first, end uint64) batch.Stream {
		return batch.Stream{ID: event.HashKey("a"), Epoch: 1, Class: class, Events: events, Ranges: []batch.Range{{Kind: batch.Data, First: first, End: end}}}
	}
	f(tally{events: 3, bytes: 30}, false, part(class, 2, 0, 20), part(class, 1, 20, 30))
	f(tally{events: 2, bytes: 20, repeats: 1}, false, part(class, 2, 0, 20), part(class, 2, 0, 20))
	f(tally{events: 3, bytes: 20}, true, part(class, 2, 0, 10), part(class, 1, 20, 30))
	f(tally{}, false, part("default", 2, 0, 20))
}

func TestHold(t *testing.T) {
	r := &receiver{changed: make(chan struct{})}
	r.reset(20)
	at := func(end uint64) *batch.Manifest {
		return &batch.Manifest{Streams: []batch.Stream{{Class: class, Ranges: []batch.Range{{Kind: batch.Data, First: 0, End: end}}}}}
	}
	if r.note(at(19), nil) || !r.note(at(20), nil) {
		t.Error("19 of 20 are held, or 20 are not")
	}
	if r.goOn(); r.note(at(20), nil) {
		t.Error("held after all may go on")
	}
	if r.note(&batch.Manifest{}, errors.New("x")); r.got.fault == nil {
		t.Error("a broken manifest is no fault")
	}
}

func TestFill(t *testing.T) {
	dir := t.TempDir()
	size, err := fill(dir, perFolder+1)
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(dir, "*", "*.log"))
	if err != nil || len(all) != perFolder+1 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	sum := uint64(0)
	for _, name := range all {
		n, err := sizeOf(name)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if sum != size {
		t.Errorf("%d bytes, said to be %d", sum, size)
	}
	if n, err := openUnder(os.Getpid(), dir); n != 0 || err != nil {
		t.Errorf("%d open, %v", n, err)
	}
	held, err := os.Open(all[0])
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if n, err := openUnder(os.Getpid(), dir); n != 1 || err != nil {
		t.Errorf("%d open, %v; want 1", n, err)
	}
}
