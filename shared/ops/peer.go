package ops

import (
	"context"
	"crypto/tls"
	"net"
	"syscall"
)

// peerKey is under what a request's context has the user at the other end of a unix socket. Only the listener knows the
// connection, so this is the one value that travels in a context.
type peerKey struct{}

// withPeer notes who is at the other end of a connection, as the kernel says.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *syscall.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); e != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, cred.Uid)
}

// Peer returns the user who sent a request over a unix socket.
func Peer(ctx context.Context) (uid uint32, ok bool) {
	uid, ok = ctx.Value(peerKey{}).(uint32)
	return uid, ok
}
