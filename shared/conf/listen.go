package conf

import (
	"fmt"
	"net"
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
	if _, port, err := net.SplitHostPort(addr); isUnix || err != nil || port == "" {
		return fmt.Errorf("%q is neither host:port nor unix:/PATH", addr)
	}
	return nil
}
