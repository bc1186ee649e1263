package ops

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

func TestExplain(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := Explain(err); !strings.Contains(got.Error(), want) || !errors.Is(got, err) {
			t.Errorf("%v: %v, want %q", err, got, want)
		}
	}
	f(fmt.Errorf("dial: %w", syscall.EACCES), "you may not use this socket")
	f(fmt.Errorf("dial: %w", fs.ErrNotExist), "is it running?")
	f(fmt.Errorf("dial: %w", syscall.ECONNREFUSED), "is it running?")
	f(errors.New("other"), "other")
	u := &url.Error{Op: "Get", URL: "http://agent/x", Err: syscall.ECONNREFUSED}
	if got := Explain(u).Error(); strings.Contains(got, "http://agent") || !strings.Contains(got, "is it running?") {
		t.Error(got)
	}
}
