package ops

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The states of sd_notify(3) that a daemon reports.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Watchdog = "WATCHDOG=1"
)

// Reloading is the state that begins a reload, as of now; Ready ends it, whatever came of it.
func Reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // every kernel has this clock
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/int64(time.Microsecond))
}

// Saying is the state that tells people in a line how the daemon is, as systemctl status shows it.
func Saying(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return "STATUS=" + text
}

// Notify tells systemd one or more states (sd_notify(3)). Where no systemd asked for it, it does nothing.
func Notify(states ...string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.Dial("unixgram", path)
	if err != nil {
		return // systemd ends a unit that never says it is ready, and says so
	}
	defer c.Close()
	_, _ = c.Write([]byte(strings.Join(states, "\n"))) // likewise
}

// Beat tells systemd that the process lives, twice in each period that the unit's WatchdogSec asks for, until ctx is
// done; not while alive returns an error. Where no systemd asked for it, it only waits.
func Beat(ctx context.Context, alive func() error) error {
	period := watchdog()
	if period == 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(period / 2)
	defer t.Stop()
	for {
		if alive() == nil {
			Notify(Watchdog)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// watchdog reads sd_watchdog_enabled(3)'s variables: the period, or 0 if this process is not to beat.
func watchdog() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us < 2 || us > int64(24*time.Hour/time.Microsecond) {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}
