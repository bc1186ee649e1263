package ops

import (
	"bytes"
	"log/slog"
	"sync"
	"time"
)

// complaints takes what net/http has to say of connections. Who could not show that it may speak is told, for then a
// host is silent; but not each time, for anybody can bring it about. The rest is for debugging.
type complaints struct {
	log   *slog.Logger
	every time.Duration

	mu    sync.Mutex
	next  time.Time
	since int // not told since the last one that was
}

// complainEvery is how often a refused handshake is told.
const complainEvery = 10 * time.Second

var handshake = []byte("http: TLS handshake error from ")

// Write takes one line.
func (c *complaints) Write(line []byte) (int, error) {
	text, ok := bytes.CutPrefix(bytes.TrimSpace(line), handshake)
	if !ok || bytes.HasSuffix(text, []byte("EOF")) { // a port scan, or a probe of health
		c.log.Debug("http", "text", string(bytes.TrimSpace(line)))
		return len(line), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Before(c.next) {
		c.since++
	} else {
		peer, err, _ := bytes.Cut(text, []byte(": "))
		c.log.Warn("peer is not let in", "peer", string(peer), "others", c.since, "err", string(err))
		c.next, c.since = now.Add(c.every), 0
	}
	return len(line), nil
}
