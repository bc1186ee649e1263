package syslog

import (
	"crypto/tls"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// readiness waits until a connection has something to read, so that a silent one needs no buffer. Of a connection that hides
// its socket, as TLS does, everything is always ready.
type readiness struct {
	raw  syscall.RawConn
	peek func(fd uintptr) bool
	one  [1]byte
}

func newReadiness(conn net.Conn) *readiness {
	r := new(readiness)
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			r.raw = raw
		}
	}
	r.peek = func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), r.one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return err != unix.EAGAIN // whatever else it is, the read that follows says so
	}
	return r
}

// always reports whether waiting would be in vain.
func (r *readiness) always() bool { return r.raw == nil }

// wait returns when a read would not block, or at the deadline of the connection, with its error.
func (r *readiness) wait() error {
	if r.raw == nil {
		return nil
	}
	return r.raw.Read(r.peek)
}

// unread reports whether a connection has something that was not read.
func unread(conn net.Conn) bool {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // 0 if it is not known
	return err == nil && n > 0
}
