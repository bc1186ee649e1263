package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// burst sends datagrams at a fixed rate from several source ports, many with one system call.
type burst struct {
	orders
	ports []port
}

// port is a socket, and the vector of sendmmsg(2) that it uses again and again.
type port struct {
	conn   net.Conn
	raw    syscall.RawConn
	vector []mmsghdr
}

// mmsghdr is struct mmsghdr of sendmmsg(2). Go pads it as C does.
type mmsghdr struct {
	unix.Msghdr
	sent uint32
}

const (
	mostAtOnce = 64                     // datagrams of one system call
	pause      = 200 * time.Microsecond // between two looks at the clock
)

// newBurst shares the messages out among the source ports. close it in any case.
func newBurst(o orders, all [][]byte) (*burst, error) {
	b := &burst{orders: o}
	addr, err := net.ResolveUDPAddr("udp", o.Addr)
	if err != nil {
		return b, err
	}
	share := max(1, len(all)/o.Connections)
	for i := range o.Connections {
		conn, err := net.DialUDP("udp", nil, addr)
		if err != nil {
			return b, err
		}
		p := port{conn: conn}
		for _, m := range all[i*share%len(all):][:share] {
			p.vector = append(p.vector, header(m))
		}
		b.ports = append(b.ports, p)
		if b.ports[i].raw, err = conn.SyscallConn(); err != nil {
			return b, err
		}
	}
	return b, nil
}

func header(message []byte) mmsghdr {
	h := mmsghdr{Msghdr: unix.Msghdr{Iov: &unix.Iovec{Base: &message[0]}}}
	h.Iov.SetLen(len(message))
	h.SetIovlen(1)
	return h
}

func (b *burst) close() {
	for _, p := range b.ports {
		p.conn.Close()
	}
}

// send sends all, and counts what the kernel took.
func (b *burst) send() (sent, error) {
	begin := time.Now()
	n, at := 0, make([]int, len(b.ports))
	for turn := 0; n < b.Messages; {
		due := min(b.Messages, 1+int(time.Since(begin).Seconds()*float64(b.Rate)))
		for n < due {
			i := turn % len(b.ports)
			turn++
			vector := b.ports[i].vector[at[i]:]
			took, err := b.ports[i].send(vector[:min(len(vector), mostAtOnce, due-n)])
			if err != nil {
				return sent{}, err
			}
			n += took
			at[i] = (at[i] + took) % len(b.ports[i].vector)
		}
		time.Sleep(pause)
	}
	return sent{Messages: n, Took: time.Since(begin)}, nil
}

// send hands datagrams to the kernel and returns how many it took: those are on their way, or counted where they end.
func (p port) send(vector []mmsghdr) (took int, err error) {
	var errno syscall.Errno
	err = p.raw.Write(func(fd uintptr) bool {
		n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&vector[0])), uintptr(len(vector)), 0, 0, 0)
		took, errno = int(n), e
		return e != unix.EAGAIN
	})
	if errno == unix.EINTR {
		return 0, nil
	}
	if err := errors.Join(err, asError(errno)); err != nil {
		return 0, fmt.Errorf("send datagrams: %w", err)
	}
	return took, nil
}

func asError(e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}
