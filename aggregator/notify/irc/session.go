package irc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ergochat/irc-go/ircevent"
	"github.com/ergochat/irc-go/ircmsg"

	"belfry/shared/backoff"
)

const (
	answerTime = 15 * time.Second // for the server to let us in, and to answer a PING
	checkEvery = 30 * time.Second // a silent connection is tried that often
	leaveTime  = 2 * time.Second  // for the server to take our QUIT
	rejoinWait = 3 * time.Second  // at most, before the channel is tried again
	maxRenames = 5                // underscores behind a nick that is taken
)

// session is one connection, from the dial to its loss. The library's own reconnection is not used: it knows one
// fixed pause and no context.
type session struct {
	bot  *Bot
	conn *ircevent.Connection
	raw  net.Conn
	lost chan struct{} // closed when the connection is gone
	out  chan struct{} // out of the channel, or not let in; holds one

	mu      sync.Mutex
	reason  error // the last thing that the server complained about
	wasIn   bool
	renames int
	calls   uint64
	waiting *call // the line that was sent and not yet answered
}

// call is a line on its way.
type call struct {
	token    string
	answered chan struct{}
	refused  error
	online   bool
}

// connect runs one session until it is lost or ctx is done. It reports whether it ever was in the channel, and why it
// ended.
func (b *Bot) connect(ctx context.Context) (joined bool, err error) {
	tlsConfig, err := b.cfg.tlsConfig()
	if err != nil {
		return false, err
	}
	s := &session{bot: b, lost: make(chan struct{}), out: make(chan struct{}, 1)}
	s.conn = &ircevent.Connection{
		Server: b.cfg.Server, UseTLS: b.cfg.TLS, TLSConfig: tlsConfig,
		Nick: b.cfg.Nick, User: strings.ToLower(defaultNick), RealName: "Belfry",
		QuitMessage: "Belfry stops", Version: "Belfry",
		Timeout: answerTime, KeepAlive: checkEvery,
		Log: slog.NewLogLogger(b.log.Handler(), slog.LevelDebug),
	}
	if l := b.cfg.SASL; l != nil {
		s.conn.SASLLogin, s.conn.SASLPassword = l.User, l.Password.Reveal()
	}
	s.conn.DialContext = func(within context.Context, network, addr string) (net.Conn, error) {
		return s.dial(ctx, within, network, addr)
	}
	s.listen()
	stop := context.AfterFunc(ctx, s.hangUp)
	err = s.conn.Connect()
	stop()
	if err != nil {
		return false, fmt.Errorf("connect: %w", errors.Join(s.complaint(), err))
	}
	b.connects.Inc()
	s.serve(ctx)
	if err = s.complaint(); err == nil {
		err = errors.New("connection lost")
	}
	return s.wasIn, err
}

// dial ends with either context. It is called when the library has set up its callbacks, and takes the one for a
// taken nick away.
func (s *session) dial(ctx, within context.Context, network, addr string) (net.Conn, error) {
	within, cancel := context.WithCancel(within)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	for _, code := range []string{ircevent.ERR_NICKNAMEINUSE, ircevent.ERR_UNAVAILRESOURCE} {
		s.conn.ClearCallback(code)
		s.conn.AddCallback(code, s.nickTaken)
	}
	c, err := new(net.Dialer).DialContext(within, network, addr)
	s.mu.Lock()
	s.raw = c
	s.mu.Unlock()
	return c, err
}

func (s *session) hangUp() {
	s.mu.Lock()
	c := s.raw
	s.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// serve stays in the channel until the connection is lost, or until ctx is done and the server let us go.
func (s *session) serve(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.conn.Loop() // ends with the connection, see the callback for its loss
	}()
	s.join()
	done := ctx.Done()
	for {
		select {
		case <-ended:
			return
		case <-done:
			done = nil
			defer time.AfterFunc(leaveTime, s.hangUp).Stop()
			s.conn.Quit()
		case <-s.out:
			s.bot.set(nil, s.complaint())
			again := backoff.Backoff{Min: rejoinWait}
			again.Wait(ctx)
			s.join()
		}
	}
}

// join asks to be let in. What comes of it, callbacks see.
func (s *session) join() { _ = s.conn.Join(s.bot.cfg.Channel) }

// say sends a line and waits until the server has answered the PING behind it. It reports whether the on-call nick is
// known to the server.
func (s *session) say(ctx context.Context, line string) (online bool, err error) {
	c := s.begin()
	defer s.end()
	err = errors.Join(
		s.conn.Privmsg(s.bot.cfg.Channel, line),
		s.conn.Send("ISON", s.bot.cfg.Oncall),
		s.conn.Send("PING", c.token))
	if err != nil {
		return false, fmt.Errorf("send line: %w", err)
	}
	select {
	case <-c.answered:
		s.mu.Lock()
		defer s.mu.Unlock()
		return c.online, c.refused
	case <-s.lost:
		return false, errors.New("the connection was lost before the server answered for the line")
	case <-ctx.Done():
		return false, fmt.Errorf("wait for the server to answer for the line: %w", ctx.Err())
	}
}

func (s *session) begin() *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.waiting = &call{token: "belfry-" + strconv.FormatUint(s.calls, 10), answered: make(chan struct{})}
	return s.waiting
}

func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = nil
}

// complaint returns the last thing that the server complained about.
func (s *session) complaint() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// told makes an error of what a server said, which is no more to be trusted than a log.
func told(m ircmsg.Message) error {
	said := m.Params
	if len(said) > 1 && m.Command != "ERROR" {
		said = said[1:] // without our nick
	}
	return fmt.Errorf("the server says %s: %s", clean(m.Command), cut(clean(strings.Join(said, " ")), maxText))
}
