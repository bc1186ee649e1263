package stack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Heard is one PRIVMSG, as somebody in the channel reads it.
type Heard struct {
	At           time.Time
	From, Target string // nick; channel or nick
	Text         string
}

// IRCClient sits in a channel and keeps what is said there. It is safe for concurrent use.
type IRCClient struct {
	conn net.Conn
	mu   sync.Mutex
	said []Heard
	err  error         // why it stopped to listen
	news chan struct{} // closed, and made anew, at each change
}

// JoinIRC connects to an IRC server, joins a channel under a nick and returns when the server has listed who is there.
func JoinIRC(ctx context.Context, addr, nick, channel string) (*IRCClient, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("join irc: %w", err)
	}
	c := &IRCClient{conn: conn, news: make(chan struct{})}
	joined := make(chan struct{})
	go c.listen(channel, joined)
	c.send("NICK " + nick)
	c.send("USER " + nick + " 0 * :" + nick)
	select {
	case <-joined:
		return c, nil
	case <-ctx.Done():
		c.Close()
		return nil, fmt.Errorf("join %s on %s as %s: %w", channel, addr, nick, ctx.Err())
	}
}

func (c *IRCClient) send(line string) { _, _ = c.conn.Write([]byte(line + "\r\n")) }

// listen reads lines until the connection ends.
func (c *IRCClient) listen(channel string, joined chan struct{}) {
	in := bufio.NewReader(c.conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			c.change(func() { c.err = err })
			return
		}
		from, command, params := splitIRC(strings.TrimRight(line, "\r\n"))
		switch command {
		case "PING":
			c.send("PONG :" + params[len(params)-1])
		case "001": // welcome
			c.send("JOIN " + channel)
		case "366": // end of the list of names
			close(joined)
		case "PRIVMSG":
			c.change(func() {
				c.said = append(c.said, Heard{time.Now(), from, params[0], params[len(params)-1]})
			})
		}
	}
}

// splitIRC splits a line (RFC 2812, section 2.3.1): the sender's nick, the command, and at least one parameter.
func splitIRC(line string) (from, command string, params []string) {
	if strings.HasPrefix(line, ":") {
		from, line, _ = strings.Cut(line[1:], " ")
		from, _, _ = strings.Cut(from, "!")
	}
	head, trailing, found := strings.Cut(line, " :")
	words := strings.Fields(head)
	if found {
		words = append(words, trailing)
	}
	if len(words) < 2 {
		return from, strings.Join(words, ""), []string{""}
	}
	return from, words[0], words[1:]
}

func (c *IRCClient) change(what func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what()
	close(c.news)
	c.news = make(chan struct{})
}

// Heard returns what was said so far.
func (c *IRCClient) Heard() []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Heard(nil), c.said...)
}

// Wait returns the first thing said, now or later, that match likes.
func (c *IRCClient) Wait(ctx context.Context, match func(Heard) bool) (Heard, error) {
	for {
		c.mu.Lock()
		said, ended, news := c.said, c.err, c.news
		c.mu.Unlock()
		for _, h := range said {
			if match(h) {
				return h, nil
			}
		}
		if ended != nil {
			return Heard{}, fmt.Errorf("listen on irc: %w", ended)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Heard{}, fmt.Errorf("wait on irc, %d messages heard: %w", len(said), ctx.Err())
		}
	}
}

// Close leaves the server.
func (c *IRCClient) Close() { c.conn.Close() }
