package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// startSyslogNG runs the syslog-ng that senders.sh unpacked, in a folder of its own, by a command before it if there is
// one.
func startSyslogNG(dir string, by []string, config string) (*Peer, error) {
	root := unpacked(syslogNG)
	modules, err := filepath.Glob(filepath.Join(root, "usr/lib/syslog-ng/*/libafamqp.so"))
	if err != nil || len(modules) == 0 {
		return nil, errors.New("syslog-ng is not unpacked, or has no amqp() (see senders.sh)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := func(name string) string { return filepath.Join(dir, "syslog-ng."+name) }
	if err := os.WriteFile(file("conf"), []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("configure syslog-ng: %w", err)
	}
	return startPeer(syslogNG, dir, by, []string{
		filepath.Join(root, "usr/sbin/syslog-ng"), "--foreground", "--stderr", "--no-caps", "--cfgfile", file("conf"),
		"--module-path", filepath.Dir(modules[0]), "--persist-file", file("persist"),
		"--pidfile", file("pid"), "--control", file("ctl"),
	}, libraries(root))
}
