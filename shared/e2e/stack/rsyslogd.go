package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// startRsyslogd runs the rsyslog that senders.sh unpacked, in a folder of its own, and returns when ready says nil. On an
// error nothing stays.
func startRsyslogd(ctx context.Context, dir, config string, ready func() error) (*Peer, error) {
	root := unpacked(rsyslog)
	modules, err := filepath.Glob(filepath.Join(root, "usr/lib/*/rsyslog"))
	if err != nil || len(modules) == 0 {
		return nil, errors.New("rsyslog is not unpacked (see senders.sh)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(conf, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("configure rsyslog: %w", err)
	}
	p, err := startPeer(rsyslog, dir, nil, []string{
		filepath.Join(root, "usr/sbin/rsyslogd"), "-n", "-f", conf, "-i", filepath.Join(dir, "rsyslog.pid"), "-M", modules[0],
	}, libraries(root))
	if err != nil {
		return nil, err
	}
	if err := p.d.ready(ctx, ready); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}
