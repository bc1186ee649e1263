// Package gauge is what benchmarks and torture share: the lines that are read, what the kernel says that a process needed for
// them, and which CPU is whose. Times of CPU are in the kernel's ticks of 10 ms. Nothing here keeps state.
package gauge

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of times in /proc/PID/stat: the kernel's USER_HZ, 100 on every Linux.
const ticksPerSecond = 100

// CPU is the user and system time of a process so far.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return cpuOf(string(text))
}

// cpuOf reads a /proc/PID/stat.
func cpuOf(text string) (time.Duration, error) {
	// The name may hold anything; utime and stime are the 12th and 13th field behind it (proc(5)).
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read /proc/PID/stat: %q", text)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

// OwnCPU is the user and system time of this process so far.
func OwnCPU() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// Busy is how long a CPU did something so far, for whomever.
func Busy(cpu string) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return busyOf(string(text), cpu)
}

// busyOf reads a /proc/stat: all but idle and iowait of the CPU's line (proc(5)).
func busyOf(text, cpu string) (time.Duration, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[0] != "cpu"+cpu {
			continue
		}
		ticks := 0
		for _, i := range []int{1, 2, 3, 6, 7, 8} {
			n, err := strconv.Atoi(fields[i])
			if err != nil {
				return 0, fmt.Errorf("read /proc/stat: %w", err)
			}
			ticks += n
		}
		return time.Duration(ticks) * time.Second / ticksPerSecond, nil
	}
	return 0, fmt.Errorf("no cpu%s in /proc/stat", cpu)
}

// Resident is how much memory of a process is resident now, in MiB: VmRSS, what it allocated and what it has mapped of
// its program.
func Resident(pid int) (float64, error) { return mebibytes(pid, "VmRSS:") }

// Allocated is the part of it that the process allocated.
func Allocated(pid int) (float64, error) { return mebibytes(pid, "RssAnon:") }

// Threads is how many a process has.
func Threads(pid int) (int, error) {
	value, err := status(pid, "Threads:")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(value)
}

// Peak is the largest resident size that a process had since its start, or since ResetPeak, in MiB.
func Peak(pid int) (float64, error) { return mebibytes(pid, "VmHWM:") }

// ResetPeak has Peak begin anew with the present size (proc(5), clear_refs).
func ResetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200)
}

func mebibytes(pid int, name string) (float64, error) {
	kib, err := status(pid, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(kib, " kB"))
	return float64(n) / 1024, err
}

// status is a field of /proc/PID/status.
func status(pid int, name string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", err
	}
	return fieldOf(string(text), name)
}

// fieldOf reads a /proc/PID/status.
func fieldOf(text, name string) (string, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("no %s in /proc/PID/status", name)
}

// Cores are two CPUs that this process may run on: one for who is measured, one for all else. A machine with one only
// has to share it.
func Cores() (measured, rest string, err error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", "", err
	}
	list, err := fieldOf(string(text), "Cpus_allowed_list:")
	if err != nil {
		return "", "", err
	}
	var all []string
	for _, part := range strings.Split(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		all = append(all, first)
		if isRange {
			all = append(all, last)
		}
	}
	return all[0], all[len(all)-1], nil
}

// Stay keeps all threads of this process, and all that it will start, on one CPU.
func Stay(cpu string) error {
	out, err := exec.Command("taskset", "-acp", cpu, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}

// Median is the middle value, or the mean of the two. Of none it is 0.
func Median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}
