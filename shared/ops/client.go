package ops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// Client returns a client that speaks to the daemon at a unix socket, whatever host its requests name.
func Client(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		IdleConnTimeout: time.Second, // nobody closes a client, and a daemon has few connections
	}}
}

// Explain says what can be done about an error of asking a daemon over its unix socket.
func Explain(err error) error {
	var u *url.Error
	if errors.As(err, &u) { // its text is an address that nobody typed
		err = u.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: you may not use this socket: be root, or of its group", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (is it running?)", err)
	}
	return err
}
