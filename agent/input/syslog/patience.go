package syslog

import (
	"log/slog"
	"os"
	"sync"
	"time"
)

// Bounds of a stop. What has arrived is read as long as more of it is there: a sender that never pauses must not keep
// the agent alive.
const (
	linger = 100 * time.Millisecond // of silence end the reading
	hurry  = drain / 2              // ends it in any case
)

// patience sets the deadline of each read of a socket.
type patience struct {
	conn interface{ SetReadDeadline(time.Time) error }
	idle time.Duration   // longest silence; 0 is for ever
	over <-chan struct{} // closed when nothing is taken any more: what is left is read all the same, and counted

	mu    sync.Mutex // orders the reader and the one who stops it
	until time.Time  // end of all reading; zero before a stop
	last  bool       // over was seen
	left  bool       // what has arrived is somebody else's
}

// extend must be called before each read. It returns an error if there shall be no more.
func (p *patience) extend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left {
		return os.ErrDeadlineExceeded
	}
	now := time.Now()
	if p.isOver() && !p.last {
		p.last, p.until = true, now.Add(hurry)
	}
	switch {
	case now.After(p.until) && !p.until.IsZero():
		return os.ErrDeadlineExceeded
	case !p.until.IsZero():
		return p.conn.SetReadDeadline(now.Add(linger))
	case p.idle > 0:
		return p.conn.SetReadDeadline(now.Add(p.idle))
	}
	return nil
}

func (p *patience) isOver() bool {
	select {
	case <-p.over:
		return true
	default: // also where there is none
		return false
	}
}

// end begins a stop: at once, if what has arrived is left to somebody else.
func (p *patience) end(left bool) {
	if !left {
		p.hurry()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = true
	_ = p.conn.SetReadDeadline(time.Now()) // fails only if it is closed
}

// hurry begins a stop: reads take what has arrived, and little more.
func (p *patience) hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(hurry)
	_ = p.conn.SetReadDeadline(time.Now().Add(linger)) // fails only if it is closed
}

// complaint is a warning that a sender can bring about at will: it is logged once a minute, with how many there were besides.
type complaint struct {
	mu     sync.Mutex
	since  time.Time
	others int
}

func (c *complaint) warn(log *slog.Logger, message string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.since) < time.Minute {
		c.others++
		return
	}
	if c.others > 0 {
		args = append(args, "others", c.others)
	}
	c.since, c.others = now, 0
	log.Warn(message, args...)
}
