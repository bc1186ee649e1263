package syslog

import (
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From the kernel's linux/sock_diag.h.
const (
	memInfoSize    = 9 // SK_MEMINFO_VARS
	memInfoDropped = 8 // SK_MEMINFO_DROPS
)

// kernelDrops returns how many datagrams the kernel dropped at the socket, since it was opened. SO_RXQ_OVFL would only
// tell of drops before a datagram that was received.
func kernelDrops(c syscall.Conn) (dropped uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info [memInfoSize]uint32
	size := uint32(unsafe.Sizeof(info))
	err = raw.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0 && size == uint32(unsafe.Sizeof(info))
	})
	return info[memInfoDropped], ok && err == nil
}

// growBuffer asks for a receive buffer of n bytes, beyond the system's bound if the process may (CAP_NET_ADMIN), and
// returns what it got. The kernel counts its own bookkeeping in: what it grants is twice what fits. A buffer that is larger
// than what it would get, as one that systemd has made (ReceiveBuffer=), stays.
func growBuffer(c syscall.Conn, n int) (got int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	err = raw.Control(func(fd uintptr) {
		s := int(fd)
		if got, _ = unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF); got >= 2*n {
			return
		}
		if unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n) != nil && got < 2*mostBuffer() {
			_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF, n) // takes as much as it may
		}
		got, _ = unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF) // 0 if not known
	})
	if err != nil {
		return 0
	}
	return got
}

// mostBuffer is the largest buffer that any process may ask for (socket(7), rmem_max).
func mostBuffer() int {
	text, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		return math.MaxInt / 2 // ask, and see
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return math.MaxInt / 2
	}
	return n
}
