package syslog

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// firstHanded is the first descriptor that systemd hands over (SD_LISTEN_FDS_START).
const firstHanded = 3

// Handed are sockets that are there before a listener: those that systemd opened for the process, and those of listeners
// that are closed to be opened again with another configuration. A listener takes what is of its kind and address; the
// sockets themselves stay open beyond it, and what arrives there meanwhile waits in the kernel.
type Handed struct {
	sockets []*handedSocket
	yields  atomic.Bool // others follow the listeners that are open
}

type handedSocket struct {
	file    *os.File
	network string
	addr    string
	own     bool    // a listener of this process opened it, with that address in its configuration
	taken   bool    // since the last Retain
	dropped *uint32 // by the kernel, as far as it was counted; nil if nobody has counted yet
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
func describe(fd int) (*handedSocket, error) {
	s := new(handedSocket)
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

// take returns the sockets of a listener: one that systemd opened, or all that it has shared its address among (SO_REUSEPORT)
// when it was opened first, however many it may want now: each of them may hold datagrams. The files stay those of h.
func (h *Handed) take(e endpoint) (all []*handedSocket) {
	if h == nil {
		return nil
	}
	for _, s := range h.sockets {
		if s.taken || s.network != e.network {
			continue
		}
		if s.own && s.addr == e.addr || !s.own && len(all) == 0 && sameAddr(e, s.addr) {
			s.taken = true
			all = append(all, s)
		}
	}
	return all
}

// Yield says that the listeners are about to be closed, and others to be opened: what waits in a socket that stays open is left
// to those.
func (h *Handed) Yield() {
	if h != nil {
		h.yields.Store(true)
	}
}

// leaves reports whether a listener that stops leaves what waits in its sockets to another.
func (h *Handed) leaves() bool { return h != nil && h.yields.Load() }

// filer is what all sockets of package net can: it returns a duplicate of the descriptor.
type filer interface{ File() (*os.File, error) }

// keeps reports whether sockets of a listener stay open beyond it. With port 0 they are others each time.
func (h *Handed) keeps(e endpoint) bool {
	return h != nil && (e.local() || !strings.HasSuffix(e.addr, ":0"))
}

// keep holds a socket that a listener has opened, if such are kept.
func (h *Handed) keep(e endpoint, c any, dropped *uint32) error {
	if !h.keeps(e) {
		return nil
	}
	if u, ok := c.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // its path is the next one's
	}
	f, err := c.(filer).File() // a listener's socket is of package net
	if err != nil {
		return fmt.Errorf("keep the socket: %w", err)
	}
	h.sockets = append(h.sockets, &handedSocket{file: f, network: e.network, addr: e.addr, own: true, taken: true, dropped: dropped})
	return nil
}

// Retain begins to open listeners anew, while none is open. Sockets of former ones that are not wanted any more are closed:
// they may be in the way of others.
func (h *Handed) Retain(wanted []Config) {
	if h == nil {
		return
	}
	h.yields.Store(false)
	h.sockets = slices.DeleteFunc(h.sockets, func(s *handedSocket) bool {
		s.taken = false
		if !s.own || slices.ContainsFunc(wanted, s.isOf) {
			return false
		}
		s.close()
		return true
	})
}

func (s *handedSocket) isOf(c Config) bool {
	e, err := parseEndpoint(c.Listen)
	return err == nil && e.network == s.network && e.addr == s.addr
}

func (s *handedSocket) close() {
	_ = s.file.Close() // nothing was read from it
	if s.own && s.network == "unix" {
		_ = os.Remove(s.addr) // as a listener does that ends; if it is gone, so much the better
	}
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

// Left names the sockets of systemd that no listener has taken. They stay, as they do with systemd, which holds them too: a
// later configuration may want them, and nobody else can open their ports meanwhile.
func (h *Handed) Left() (names []string) {
	if h == nil {
		return nil
	}
	for _, s := range h.sockets {
		if !s.own && !s.taken {
			names = append(names, s.file.Name())
		}
	}
	return names
}

// Close closes all of them. No listener is open.
func (h *Handed) Close() {
	for _, s := range h.sockets {
		s.close()
	}
	h.sockets = nil
}
