package ops

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"syscall"
)

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
