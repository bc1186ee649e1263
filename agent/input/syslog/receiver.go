package syslog

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver reads several datagrams by one call (recvmmsg(2)). Its memory is used again by each.
type receiver struct {
	n int // datagrams of the last read

	raw     syscall.RawConn
	try     func(fd uintptr) bool
	headers [atOnce]mmsghdr
	names   [atOnce]unix.RawSockaddrInet6 // room for either family
	iovecs  [atOnce]unix.Iovec
	memory  []byte
	slot    int
	errno   syscall.Errno
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

func newReceiver(conn datagramConn, slot int) (*receiver, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &receiver{raw: raw, slot: slot, memory: make([]byte, atOnce*slot)}
	for i := range r.headers {
		r.iovecs[i].Base = &r.memory[i*slot]
		r.iovecs[i].SetLen(slot)
		h := &r.headers[i].header
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Iov = &r.iovecs[i]
		h.SetIovlen(1)
	}
	r.try = r.receive
	return r, nil
}

// read waits for datagrams until the deadline of the socket, and takes those that are there.
func (r *receiver) read() error {
	r.n, r.errno = 0, 0
	if err := r.raw.Read(r.try); err != nil {
		return err
	}
	if r.errno != 0 {
		return r.errno
	}
	return nil
}

// receive takes what is there, and returns false if that is nothing. MSG_TRUNC makes the kernel tell the whole length of a
// datagram that does not fit.
func (r *receiver) receive(fd uintptr) bool {
	for i := range r.headers {
		r.headers[i].header.Namelen = uint32(unsafe.Sizeof(r.names[i]))
		r.names[i].Family = unix.AF_UNSPEC
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers)), atOnce,
			unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
		switch errno {
		case 0:
			r.n = int(n)
			return true
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		}
		r.errno = errno
		return true
	}
}

// at returns a datagram of the last read, as far as it was read, its whole length, and where it came from.
func (r *receiver) at(i int) (data []byte, length int, peer netip.AddrPort) {
	length = int(r.headers[i].length)
	data = r.memory[i*r.slot:][:min(length, r.slot)]
	name := &r.names[i]
	switch name.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return data, length, netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), networkOrder(v4.Port))
	case unix.AF_INET6:
		return data, length, netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), networkOrder(name.Port))
	}
	return data, length, netip.AddrPort{}
}

// networkOrder reads a number that lies in memory as it was on the wire.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}
