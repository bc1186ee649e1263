// Package irc pings the on-call engineer in an IRC channel.
//
// A Bot keeps one connection, in one channel; it comes back by itself, with full jitter, after the server went away,
// kicked it or gave its nick to another. Send says one line and returns nil only when the server has answered a PING
// that was sent behind it: by then it has taken the line. A line that was sent and not answered for is reported as
// failed, and sending it again may show it twice.
//
// Text of logs is shown and never obeyed: one line, no control characters, bounded in length. The pace is that of RFC
// 2813, so that no server takes an alert storm for a flood.
//
// A Bot is safe for concurrent use; lines go one at a time.
package irc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/backoff"
)

const (
	firstWait = time.Second // before the second try to connect, at most, then twice that, up to lastWait
	lastWait  = time.Minute
)

// Bot is the connection to one channel. Run must be running for Send to do anything but wait.
type Bot struct {
	cfg  Config
	log  *slog.Logger
	pace pace
	turn chan struct{} // holds one while a line is being sent

	sent, failed, connects, absent *metrics.Counter

	mu      sync.Mutex
	joined  *session      // nil while there is none in the channel
	changed chan struct{} // closed when joined changes
	cause   error         // why there is none
	missing bool          // the on-call nick was, at the last line
}

// New makes a bot. It connects to nothing; see Run. Set may be nil.
func New(cfg Config, log *slog.Logger, set *metrics.Set) (*Bot, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("irc: %w", err)
	}
	cfg.Nick = cmp.Or(cfg.Nick, defaultNick)
	if _, err := cfg.tlsConfig(); err != nil {
		return nil, fmt.Errorf("irc: %w", err)
	}
	if set == nil {
		set = metrics.NewSet()
	}
	b := &Bot{
		cfg: cfg, log: log.With("server", cfg.Server, "channel", cfg.Channel),
		turn:     make(chan struct{}, 1),
		changed:  make(chan struct{}),
		cause:    errors.New("the bot was not started"),
		sent:     set.NewCounter("belfry_notify_irc_sent_total"),
		failed:   set.NewCounter("belfry_notify_irc_failures_total"),
		connects: set.NewCounter("belfry_notify_irc_connects_total"),
		absent:   set.NewCounter("belfry_notify_irc_oncall_absent_total"),
	}
	set.NewGauge("belfry_notify_irc_joined", func() float64 {
		if s, _, _ := b.current(); s != nil {
			return 1
		}
		return 0
	})
	return b, nil
}

// Run keeps the connection until ctx is done, and then takes leave of the server.
func (b *Bot) Run(ctx context.Context) error {
	pause := backoff.Backoff{Min: firstWait, Max: lastWait}
	for told := false; ; {
		joined, err := b.connect(ctx)
		b.set(nil, err)
		if ctx.Err() != nil {
			return nil
		}
		if joined || !told {
			told = true
			pause.Reset()
			b.log.Warn("irc is not connected, will try again", "err", err)
		}
		pause.Wait(ctx)
	}
}

// set tells who waits in Send that there is a session in the channel, or why there is none.
func (b *Bot) set(s *session, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.joined, b.cause = s, cause
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *Bot) current() (*session, <-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.joined, b.changed, b.cause
}

// Send says text to the on-call nick in the channel. It waits for the connection, for the flood limit and for the
// server's answer, as long as ctx allows.
func (b *Bot) Send(ctx context.Context, text string) error {
	err := b.send(ctx, ping(b.cfg.Oncall, text))
	if err != nil {
		b.failed.Inc()
		return fmt.Errorf("irc %s: %w", b.cfg.Server, err)
	}
	b.sent.Inc()
	return nil
}

func (b *Bot) send(ctx context.Context, line string) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the line before: %w", ctx.Err())
	}
	s, err := b.wait(ctx)
	if err != nil {
		return err
	}
	if err := b.pace.wait(ctx); err != nil {
		return fmt.Errorf("wait for the flood limit: %w", err)
	}
	online, err := s.say(ctx, line)
	if err != nil {
		return err
	}
	b.noteOncall(online)
	return nil
}

// wait returns the session when there is one in the channel.
func (b *Bot) wait(ctx context.Context) (*session, error) {
	for {
		s, changed, cause := b.current()
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("not in %s: %w", b.cfg.Channel, errors.Join(cause, ctx.Err()))
		}
	}
}

// noteOncall tells once that nobody with the on-call nick hears the pings, and once that somebody does again.
func (b *Bot) noteOncall(online bool) {
	if !online {
		b.absent.Inc()
	}
	b.mu.Lock()
	before := b.missing
	b.missing = !online
	b.mu.Unlock()
	switch {
	case before == !online:
	case online:
		b.log.Info("on-call nick is online again", "oncall", b.cfg.Oncall)
	default:
		b.log.Warn("on-call nick is not online", "oncall", b.cfg.Oncall)
	}
}
