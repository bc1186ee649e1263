package gauge

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCPU(t *testing.T) {
	const rest = " S 1 1 1 0 -1 4194304 1 0 0 0 %u %s 0 0 20 0 1 0 5 6 7"
	f := func(name, user, system string, want time.Duration, ok bool) {
		t.Helper()
		text := "7 (" + name + ")" + strings.NewReplacer("%u", user, "%s", system).Replace(rest)
		if got, err := cpuOf(text); got != want || (err == nil) != ok {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	f("agent", "150", "50", 2*time.Second, true)
	f("a) R 1 (b", "1", "0", 10*time.Millisecond, true) // a name may hold anything
	f("agent", "x", "1", 10*time.Millisecond, false)
	if _, err := cpuOf("7 (agent) S 1"); err == nil {
		t.Error("a cut line is taken")
	}
	if own, err := CPU(os.Getpid()); err != nil || own > time.Hour {
		t.Errorf("of this process: %v, %v", own, err)
	}
}

func TestBusy(t *testing.T) {
	const text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 100 1 50 7000 800 20 30 4 0 0\ncpu11 1 1 1 1 1 1 1 1 0 0\nintr 5\n"
	f := func(cpu string, want time.Duration, ok bool) {
		t.Helper()
		if got, err := busyOf(text, cpu); got != want || (err == nil) != ok {
			t.Errorf("cpu%s: %v, %v; want %v", cpu, got, err, want)
		}
	}
	f("1", 2050*time.Millisecond, true)
	f("11", 60*time.Millisecond, true)
	f("2", 0, false)
}

// What is freed leaves the peak where it was, until that is reset.
func TestPeak(t *testing.T) {
	now, err := Resident(os.Getpid())
	if err != nil || now < 1 {
		t.Fatalf("resident %v MiB, %v", now, err)
	}
	if peak, err := Peak(os.Getpid()); err != nil || peak < now/2 {
		t.Errorf("peak %v MiB, %v, with %v now", peak, err, now)
	}
	if err := ResetPeak(os.Getpid()); err != nil {
		t.Error(err)
	}
	if got, err := fieldOf("VmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n", "VmRSS:"); got != "1024 kB" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := fieldOf("VmHWM:\t  2048 kB\n", "VmRSS:"); err == nil {
		t.Error("what is not there is read")
	}
}

func TestLines(t *testing.T) {
	start := time.Now()
	f := func(n int) string {
		t.Helper()
		name := filepath.Join(t.TempDir(), "lines")
		if err := WriteLines(name, n, start); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	all := f(1000)
	if part := f(100); !strings.HasPrefix(all, part) {
		t.Error("the first part is not the beginning of the file")
	}
	if strings.Count(all, "\n") != 1000 {
		t.Errorf("%d lines, want 1000", strings.Count(all, "\n"))
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(all) {
		seen[line[stampLength:]] = true
	}
	if len(seen) < 700 {
		t.Errorf("of 1000 lines only %d differ", len(seen))
	}
}

// The process that starts has the CPU and the threads that it was given, and the arguments.
func TestPin(t *testing.T) {
	cpu, _, err := Cores()
	if err != nil {
		t.Fatal(err)
	}
	real, dir := t.TempDir(), t.TempDir()
	program := filepath.Join(real, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho $1 $GOMAXPROCS; exec taskset -cp $$\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Pin(dir, program, cpu, 1); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(dir, "program"), "a b").Output()
	if err != nil || !strings.HasPrefix(string(out), "a b 1\n") || !strings.HasSuffix(string(out), ": "+cpu+"\n") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestMedian(t *testing.T) {
	f := func(want float64, values ...float64) {
		t.Helper()
		if m := Median(values); m != want {
			t.Errorf("median of %v is %v, want %v", values, m, want)
		}
	}
	f(5, 9, 1, 5)
	f(5, 9, 1)
	f(0)
}

// What is measured of this process from within and from without is of one kind; an error of the work is its own.
func TestClock(t *testing.T) {
	cpu, _, err := Cores()
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	f := func(name string, peak bool, clock func(work func() error) (Spent, error)) {
		t.Helper()
		s, err := clock(func() error {
			begin, err := OwnCPU()
			for now := begin; err == nil && now-begin < 50*time.Millisecond; { // some of the kernel's ticks
				now, err = OwnCPU()
			}
			return err
		})
		if err != nil || s.Took <= 0 || s.CPU <= 0 || s.Others < 0 || (s.Peak > 0) != peak {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if _, err := clock(func() error { return broken }); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("by its id", true, func(work func() error) (Spent, error) { return Clock(os.Getpid(), cpu, work) })
	f("of its own", false, func(work func() error) (Spent, error) { return ClockOwn(cpu, work) })
}
