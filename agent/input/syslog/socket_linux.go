//go:build linux && !386 && !s390x

package syslog

import (
	"net"
	"syscall"
	"unsafe"
)

// From the kernel's asm-generic/socket.h and linux/sock_diag.h; package syscall does not have them.
const (
	soMemInfo      = 55
	memInfoSize    = 9 // SK_MEMINFO_VARS
	memInfoDropped = 8 // SK_MEMINFO_DROPS
)

// kernelDrops returns how many datagrams the kernel dropped at the socket, since it was opened. SO_RXQ_OVFL would only
// tell of drops before a datagram that was received.
func kernelDrops(c *net.UDPConn) (dropped uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info [memInfoSize]uint32
	size := uint32(unsafe.Sizeof(info))
	err = raw.Control(func(fd uintptr) {
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soMemInfo,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0 && size == uint32(unsafe.Sizeof(info))
	})
	return info[memInfoDropped], ok && err == nil
}

// growBuffer asks for a receive buffer of n bytes, beyond the system's bound if the process may (CAP_NET_ADMIN), and
// returns what it got. The kernel counts its own bookkeeping in: what it grants is twice what fits.
func growBuffer(c *net.UDPConn, n int) (got int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	err = raw.Control(func(fd uintptr) {
		s := int(fd)
		if syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, n) != nil {
			_ = syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RCVBUF, n) // takes as much as it may
		}
		got, _ = syscall.GetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RCVBUF) // 0 if not known
	})
	if err != nil {
		return 0
	}
	return got
}
