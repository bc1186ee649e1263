package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// rsyslogModules is the folder of the modules of the rsyslog that senders.sh unpacked.
func rsyslogModules() (string, error) {
	found, err := filepath.Glob(filepath.Join(unpacked(rsyslog), "usr/lib/*/rsyslog"))
	if err != nil || len(found) == 0 {
		return "", errors.New("rsyslog is not unpacked (see senders.sh)")
	}
	return found[0], nil
}

// startRsyslogd runs the rsyslog that senders.sh unpacked, in a folder of its own, by a command before it if there is one.
func startRsyslogd(dir string, by []string, config string) (*Peer, error) {
	modules, err := rsyslogModules()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(conf, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("configure rsyslog: %w", err)
	}
	root := unpacked(rsyslog)
	return startPeer(rsyslog, dir, by, []string{
		filepath.Join(root, "usr/sbin/rsyslogd"), "-n", "-f", conf, "-i", filepath.Join(dir, "rsyslog.pid"), "-M", modules,
	}, libraries(root))
}

// readyRsyslogd runs it, and returns when ready says nil. On an error nothing stays.
func readyRsyslogd(ctx context.Context, dir, config string, ready func() error) (*Peer, error) {
	p, err := startRsyslogd(dir, nil, config)
	if err != nil {
		return nil, err
	}
	if err := p.d.ready(ctx, ready); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}
