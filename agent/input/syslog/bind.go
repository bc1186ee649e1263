package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// bind opens the sockets of a listener for datagrams.
func (in *Input) bind(handed *Handed) error {
	if f := handed.take(in.at); f != nil {
		return in.adopt(f)
	}
	if in.at.local() {
		if err := in.at.clear(); err != nil {
			return err
		}
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: in.at.addr, Net: "unixgram"})
		if err != nil {
			return err
		}
		in.add(c)
		return in.at.open()
	}
	return in.share(in.at.addr, in.cfg.Sockets)
}

// share opens n sockets that share an address (SO_REUSEPORT): the kernel deals out the senders among them. With port 0, the
// first one's port is for all.
func (in *Input) share(addr string, n int) error {
	reuse := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if n == 1 {
			return nil // nobody else may have it
		}
		var failed error
		err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, failed)
	}}
	if n > 1 { // SO_REUSEPORT would let a second agent of the same user in, unnoticed
		probe, err := net.ListenPacket("udp", addr)
		if err != nil {
			return err
		}
		if err := probe.Close(); err != nil {
			return err
		}
	}
	for range n {
		c, err := reuse.ListenPacket(context.Background(), "udp", addr) // it opens at once
		if err != nil {
			return err
		}
		in.add(c.(*net.UDPConn)) // what "udp" gives
		addr = c.LocalAddr().String()
	}
	return nil
}

// adopt takes a socket that systemd has opened.
func (in *Input) adopt(f *os.File) error {
	c, err := net.FilePacketConn(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	d, ok := c.(datagramConn)
	if !ok {
		return errors.Join(fmt.Errorf("a socket of another kind: %T", c), c.Close())
	}
	in.add(d)
	return nil
}

func (in *Input) add(c datagramConn) {
	s := &socket{conn: c, recvSize: growBuffer(c, kernelBuffer), queue: newQueue()}
	s.dropped, _ = kernelDrops(c) // one that systemd has opened has its number from before
	in.sockets = append(in.sockets, s)
}
