package irc

import (
	"strings"

	"github.com/ergochat/irc-go/ircevent"
	"github.com/ergochat/irc-go/ircmsg"
)

// The answers to a JOIN that does not let us in, and to a line that does not reach the channel (RFC 2812, section 5).
var (
	notLetIn = []string{"403", "405", "471", "473", "474", "475", "476", "477", "489", "520"}
	notSaid  = []string{"401", "403", "404", "411", "412", "413", "414", "415", "442", "477", "531"}
	notTaken = []string{"432", "461", "462", "464", "465", "904", "905", "ERROR"}
)

// listen sets what is done with what the server says. All of it runs in the library's one reading goroutine.
func (s *session) listen() {
	on := func(commands []string, do func(ircmsg.Message)) {
		for _, c := range commands {
			s.conn.AddCallback(c, do)
		}
	}
	on([]string{"JOIN"}, s.onJoin)
	on([]string{"KICK"}, s.onKick)
	on([]string{"PONG"}, s.onPong)
	on([]string{ircevent.RPL_ISON}, s.onOnline)
	on(notTaken, func(m ircmsg.Message) { s.complain(told(m)) })
	on(notLetIn, s.onRefusedChannel)
	on(notSaid, s.onRefusedLine)
	s.conn.AddDisconnectCallback(func(ircmsg.Message) {
		s.conn.Quit() // so that the library does not connect again by itself
		close(s.lost)
	})
}

func (s *session) complain(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = err
}

// nickTaken puts an underscore behind the nick. The library asks for the right one again from time to time.
func (s *session) nickTaken(m ircmsg.Message) {
	if s.conn.CurrentNick() != "" {
		return
	}
	s.complain(told(m))
	s.mu.Lock()
	s.renames++
	n := s.renames
	s.mu.Unlock()
	if n > maxRenames {
		s.hangUp()
		return
	}
	_ = s.conn.Send("NICK", s.bot.cfg.Nick+strings.Repeat("_", n))
}

// ours reports whether a parameter names our channel; names of channels have no case.
func (s *session) ours(m ircmsg.Message, param int) bool {
	return param < len(m.Params) && strings.EqualFold(m.Params[param], s.bot.cfg.Channel)
}

func (s *session) onJoin(m ircmsg.Message) {
	if m.Nick() != s.conn.CurrentNick() || !s.ours(m, 0) {
		return
	}
	s.mu.Lock()
	s.wasIn, s.reason = true, nil
	s.mu.Unlock()
	s.bot.set(s, nil)
	s.bot.log.Info("irc channel joined", "nick", s.conn.CurrentNick())
}

func (s *session) onKick(m ircmsg.Message) {
	if len(m.Params) > 1 && m.Params[1] == s.conn.CurrentNick() && s.ours(m, 0) {
		s.complain(told(m))
		s.outside()
	}
}

// outside tells serve that we are not in the channel.
func (s *session) outside() {
	select {
	case s.out <- struct{}{}:
	default:
	}
}

// onRefusedChannel takes the refusals that answer a JOIN; the same codes may answer a line.
func (s *session) onRefusedChannel(m ircmsg.Message) {
	if current, _, _ := s.bot.current(); current != s && s.ours(m, 1) {
		s.complain(told(m))
		s.outside()
	}
}

// onRefusedLine fails the line that waits. Perhaps we are not in the channel any more: being there twice does no harm.
func (s *session) onRefusedLine(m ircmsg.Message) {
	s.mu.Lock()
	c := s.waiting
	refused := c != nil && (s.ours(m, 1) || m.Command != "401" && len(m.Params) == 2)
	if refused {
		c.refused = told(m)
	}
	s.mu.Unlock()
	if refused {
		s.join()
	}
}

func (s *session) onOnline(m ircmsg.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil || len(m.Params) == 0 {
		return
	}
	for nick := range strings.FieldsSeq(m.Params[len(m.Params)-1]) {
		if strings.EqualFold(nick, s.bot.cfg.Oncall) {
			s.waiting.online = true
		}
	}
}

func (s *session) onPong(m ircmsg.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.waiting; c != nil && len(m.Params) > 0 && m.Params[len(m.Params)-1] == c.token {
		close(c.answered)
		c.token = "" // once
	}
}
