package ops

import (
	"net"
	"os"
)

// The states of sd_notify(3) that a daemon reports.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Watchdog = "WATCHDOG=1"
)

// Notify tells systemd a state (sd_notify(3)). Where no systemd asked for it, it does nothing.
func Notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.Dial("unixgram", path)
	if err != nil {
		return // systemd ends a unit that never says it is ready, and says so
	}
	defer c.Close()
	_, _ = c.Write([]byte(state)) // likewise
}
