package syslog

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstHanded is the first descriptor that systemd hands over (SD_LISTEN_FDS_START).
const firstHanded = 3

// Handed are the sockets that systemd opened for the process. A listener takes the one of its kind and address.
type Handed struct{ sockets []handedSocket }

type handedSocket struct {
	file    *os.File
	network string
	addr    string
}

// Activated returns the sockets that systemd handed over (sd_listen_fds(3)), and takes them out of the environment, so that
// no child believes that they are its own. It is to be called once.
func Activated() (*Handed, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	h := new(Handed)
	if pid != strconv.Itoa(os.Getpid()) {
		return h, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS: %q is no number", count)
	}
	for fd := firstHanded; fd < firstHanded+n; fd++ {
		unix.CloseOnExec(fd)
		s, err := describe(fd)
		if err != nil {
			return nil, fmt.Errorf("descriptor %d that systemd handed over: %w", fd, err)
		}
		h.sockets = append(h.sockets, s)
	}
	return h, nil
}

// describe says what a descriptor is.
func describe(fd int) (s handedSocket, err error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return s, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return s, err
	}
	streams := kind == unix.SOCK_STREAM
	ip := func(ip net.IP, port int) {
		s.network, s.addr = "udp", net.JoinHostPort(ip.String(), strconv.Itoa(port))
		if streams {
			s.network = "tcp"
		}
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		ip(a.Addr[:], a.Port)
	case *unix.SockaddrInet6:
		ip(a.Addr[:], a.Port)
	case *unix.SockaddrUnix:
		if s.network, s.addr = "unixgram", a.Name; streams {
			s.network = "unix"
		}
	default:
		return s, fmt.Errorf("a socket of another kind: %T", name)
	}
	s.file = os.NewFile(uintptr(fd), s.network+"://"+s.addr)
	return s, nil
}

// take returns the socket of a kind and address, nil if there is none. It is the caller's.
func (h *Handed) take(e endpoint) *os.File {
	if h == nil {
		return nil
	}
	for i := range h.sockets {
		s := &h.sockets[i]
		if s.file != nil && s.network == e.network && sameAddr(e, s.addr) {
			f := s.file
			s.file = nil
			return f
		}
	}
	return nil
}

// sameAddr reports whether a socket is where a listener wants to be. systemd binds "514" to [::]:514: every address is the same
// as every other.
func sameAddr(e endpoint, addr string) bool {
	if e.local() {
		return e.addr == addr
	}
	host, port, err := net.SplitHostPort(e.addr)
	theirHost, theirPort, err2 := net.SplitHostPort(addr)
	if err != nil || err2 != nil || port != theirPort {
		return false
	}
	theirs := net.ParseIP(theirHost)
	if ours := net.ParseIP(host); ours != nil && !ours.IsUnspecified() {
		return ours.Equal(theirs)
	}
	return (host == "" || net.ParseIP(host) != nil) && theirs.IsUnspecified()
}

// Left names the sockets that no listener took, and closes them.
func (h *Handed) Left() (names []string) {
	if h == nil {
		return nil
	}
	for i := range h.sockets {
		if f := h.sockets[i].file; f != nil {
			names = append(names, f.Name())
			_ = f.Close() // nothing was read from it
		}
	}
	h.sockets = nil
	return names
}
