package conf

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// CheckListen accepts where a daemon can listen: host:port, :port, or unix:/PATH. Nothing at all is no fault: then it
// does not listen.
func CheckListen(addr string) error {
	if addr == "" {
		return nil
	}
	path, isUnix := strings.CutPrefix(addr, "unix:")
	if isUnix && strings.HasPrefix(path, "/") {
		return nil
	}
	if isUnix || CheckHostPort(addr) != nil {
		return fmt.Errorf("%q is neither host:port nor unix:/PATH", addr)
	}
	return nil
}

// CheckHostPort accepts host:port with a port between 0 and 65535; the host may be left out.
func CheckHostPort(addr string) error {
	if _, port, err := net.SplitHostPort(addr); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is not host:port", addr)
}
