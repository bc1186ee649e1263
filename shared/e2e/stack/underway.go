package stack

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// Underway is how many bytes that were written to a TCP connection between two programs of this machine the kernel still
// has, at most: those that the other side has not acknowledged, and those that it has not read. Nobody may write meanwhile.
func Underway(conn net.Conn) (int, error) {
	sender, reader := conn.LocalAddr().(*net.TCPAddr).Port, conn.RemoteAddr().(*net.TCPAddr).Port
	unsent, _, err := kernelQueues(sender, reader)
	if err != nil {
		return 0, err
	}
	_, unread, err := kernelQueues(reader, sender) // later: what has moved on meanwhile counts twice, and not never
	return unsent + unread, err
}

// kernelQueues reads the bytes that wait at one side of a connection over 127.0.0.1 (proc(5), /proc/net/tcp).
func kernelQueues(local, remote int) (unsent, unread int, err error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, 0, err
	}
	row := fmt.Sprintf(": 0100007F:%04X 0100007F:%04X ", local, remote) // addresses are in the host's byte order
	state := 0
	_, rest, ok := strings.Cut(string(table), row)
	if !ok {
		return 0, 0, fmt.Errorf("the kernel knows no connection from port %d to %d", local, remote)
	}
	if _, err := fmt.Sscanf(rest, "%x %x:%x", &state, &unsent, &unread); err != nil {
		return 0, 0, fmt.Errorf("read /proc/net/tcp: %w: %.80s", err, rest)
	}
	return unsent, unread, nil
}
