package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of times in /proc/PID/stat: the kernel's USER_HZ, 100 on every Linux.
const ticksPerSecond = 100

// cpuOf is the user and system time of a process so far.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name may hold anything; utime and stime are the 12th and 13th field behind it (proc(5)).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("read /proc/%d/stat: %q", pid, text)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

// busy is how long a CPU did something so far, for whomever: all but idle and iowait of its line in /proc/stat (proc(5)).
func busy(cpu string) (time.Duration, error) {
	for line := range strings.Lines(readAll("/proc/stat")) {
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

// peakOf is the largest resident size that a process had so far, in MiB.
func peakOf(pid int) (float64, error) {
	kib, err := statusField(strconv.Itoa(pid), "VmHWM:")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(kib, " kB"))
	return float64(n) / 1024, err
}

func statusField(pid, name string) (string, error) {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("no %s in /proc/%s/status", name, pid)
}

// cores are two CPUs that this process may run on: one for a sender, one for all else. A machine with one only has to
// share it.
func cores() (sender, rest string, err error) {
	list, err := statusField("self", "Cpus_allowed_list:")
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

// stay keeps all threads of this process, and all that it will start, on one CPU.
func stay(cpu string) error {
	out, err := exec.Command("taskset", "-acp", cpu, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}

// readAll is the text of a file, "" if it cannot be read.
func readAll(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text)
}

// median is the middle value, or the mean of the two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
