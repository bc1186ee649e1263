package syslog

import (
	"net"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A buffer that systemd has made larger than an agent without CAP_NET_ADMIN could is not made smaller.
func TestLargeBufferStays(t *testing.T) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	size, most := 0, mostBuffer()
	err = raw.Control(func(fd uintptr) {
		if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 2*most); err == nil {
			size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		}
	})
	if err != nil || size == 0 {
		t.Skipf("not allowed to make what systemd makes: %v", err)
	}
	done := make(chan int)
	go func() { // its thread ends with it, and without the capability
		runtime.LockOSThread()
		if err := drop(unix.CAP_NET_ADMIN); err != nil {
			t.Error(err)
		}
		done <- growBuffer(c, 4*most)
	}()
	if got := <-done; got != size {
		t.Errorf("a buffer of %d bytes has become one of %d", size, got)
	}
}

// drop takes a capability from the thread.
func drop(capability int) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return err
	}
	data[capability/32].Effective &^= 1 << (capability % 32)
	return unix.Capset(&hdr, &data[0])
}
