package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// bind opens the sockets of a listener for datagrams.
func (in *Input) bind(handed *Handed) error {
	if all := handed.take(in.at); len(all) > 0 {
		return in.adopt(all)
	}
	if err := in.open(); err != nil {
		return err
	}
	for _, s := range in.sockets {
		if err := handed.keep(in.at, s.conn, s.dropped); err != nil {
			return err
		}
	}
	return nil
}

// open opens sockets of the listener's own.
func (in *Input) open() error {
	if in.at.local() {
		if err := in.at.clear(); err != nil {
			return err
		}
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: in.at.addr, Net: "unixgram"})
		if err != nil {
			return err
		}
		in.add(c, nil)
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
		in.add(c.(*net.UDPConn), nil) // what "udp" gives
		addr = c.LocalAddr().String()
	}
	return nil
}

// adopt takes sockets that were there before.
func (in *Input) adopt(all []*handedSocket) error {
	for _, s := range all {
		c, err := net.FilePacketConn(s.file) // of a duplicate
		if err != nil {
			return err
		}
		d, ok := c.(datagramConn)
		if !ok {
			return errors.Join(fmt.Errorf("a socket of another kind: %T", c), c.Close())
		}
		s.dropped = in.add(d, s.dropped)
	}
	return nil
}

// add takes a socket in. What the kernel has dropped there is counted on from what was counted before; if nobody did, from
// now on. It returns where that is counted.
func (in *Input) add(c datagramConn, dropped *uint32) *uint32 {
	if dropped == nil {
		now, _ := kernelDrops(c) // one that systemd has opened has its number from before
		dropped = &now
	}
	in.sockets = append(in.sockets, &socket{conn: c, recvSize: growBuffer(c, kernelBuffer), dropped: dropped, queue: newQueue()})
	return dropped
}
