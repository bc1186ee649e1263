package gauge

import (
	"errors"
	"time"
)

// Spent is what a process needed for a piece of work.
type Spent struct {
	Took, CPU time.Duration
	Others    time.Duration // what somebody else had of its CPU meanwhile
	Peak      float64       // the largest resident size, in MiB; 0 if it was not measured
}

// Clock measures what a process needs for a piece of work, and what others had of its CPU meanwhile.
func Clock(pid int, cpu string, work func() error) (Spent, error) {
	s, err := clock(func() (time.Duration, error) { return CPU(pid) }, cpu, work)
	if err != nil {
		return s, err
	}
	s.Peak, err = Peak(pid)
	return s, err
}

// ClockOwn measures this process, but for its size.
func ClockOwn(cpu string, work func() error) (Spent, error) { return clock(OwnCPU, cpu, work) }

func clock(used func() (time.Duration, error), cpu string, work func() error) (s Spent, err error) {
	before, err1 := used()
	busyBefore, err2 := Busy(cpu)
	if err := errors.Join(err1, err2); err != nil {
		return s, err
	}
	begin := time.Now()
	if err := work(); err != nil {
		return s, err
	}
	s.Took = time.Since(begin)
	after, err1 := used()
	busyAfter, err2 := Busy(cpu)
	s.CPU = after - before
	s.Others = max(0, busyAfter-busyBefore-s.CPU)
	return s, errors.Join(err1, err2)
}
