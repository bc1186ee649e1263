//go:build !linux || 386 || s390x

package syslog

import "net"

// kernelDrops is not known here.
func kernelDrops(*net.UDPConn) (dropped uint32, ok bool) { return 0, false }

// growBuffer asks for a receive buffer of n bytes. What was granted is not known here.
func growBuffer(c *net.UDPConn, n int) (got int) {
	_ = c.SetReadBuffer(n) // the system's default stays
	return 0
}
