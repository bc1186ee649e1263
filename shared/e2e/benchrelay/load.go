package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"belfry/shared/certs"
)

// orders is what the load is told, as one line of JSON on its standard input. It makes its messages and its
// connections, and says "ready"; at the next line it sends, and prints a sent; when its input ends, it hangs up.
type orders struct {
	Transport   string // udp, tcp or tls
	Addr        string // host:port
	Files       certs.Files
	Messages    int // over all connections together
	Connections int // as many source ports
	Rate        int // messages a second, all together; 0 is as fast as they are taken
}

// sent is what the load did.
type sent struct {
	Messages int // that the kernel took
	Took     time.Duration
	Cipher   string // of TLS
}

func load(ctx context.Context, in io.Reader, out io.Writer) error {
	var o orders
	input := bufio.NewReader(in)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	all, err := messages(min(variety, max(1, o.Messages)))
	if err != nil {
		return err
	}
	send, hangUp, err := o.prepare(ctx, all)
	if err != nil {
		return err
	}
	defer hangUp()
	fmt.Fprintln(out, "ready")
	if _, err := input.ReadBytes('\n'); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	done, err := send()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(done); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, input)
	return err
}

// prepare connects, and returns what sends all.
func (o orders) prepare(ctx context.Context, all [][]byte) (send func() (sent, error), hangUp func(), err error) {
	if o.Transport == "udp" {
		b, err := newBurst(o, all)
		if err != nil {
			b.close()
		}
		return b.send, b.close, err
	}
	var conns []net.Conn
	hangUp = func() {
		for _, c := range conns {
			c.Close()
		}
	}
	cipher := ""
	for range o.Connections {
		c, err := o.dial(ctx)
		if err != nil {
			hangUp()
			return nil, nil, err
		}
		conns = append(conns, c)
		if t, ok := c.(*tls.Conn); ok {
			state := t.ConnectionState()
			cipher = tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
		}
		// A server of TLS 1.3 sends tickets. Bytes that nobody read would make of our hanging up a reset, and the receiver
		// would lose what it has not read yet.
		go io.Copy(io.Discard, c) //nolint:errcheck // it ends with the connection
	}
	s := frame(all, o.Transport == "tls")
	return func() (sent, error) {
		begin := time.Now()
		err := s.over(conns, o.Messages)
		return sent{o.Messages, time.Since(begin), cipher}, err
	}, hangUp, nil
}

func (o orders) dial(ctx context.Context) (net.Conn, error) {
	if o.Transport == "tcp" {
		return new(net.Dialer).DialContext(ctx, "tcp", o.Addr)
	}
	settings, err := o.Files.Client()
	if err != nil {
		return nil, err
	}
	settings.DynamicRecordSizingDisabled = true
	return (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", o.Addr)
}

// atOnce is how many messages one write holds.
const atOnce = 256

// over sends n messages, a like share over each connection.
func (s stream) over(conns []net.Conn, n int) error {
	errs := make([]error, len(conns))
	var senders sync.WaitGroup
	for i, c := range conns {
		share := n / len(conns)
		if i < n%len(conns) {
			share++
		}
		senders.Go(func() { errs[i] = s.write(c, share) })
	}
	senders.Wait()
	return errors.Join(errs...)
}

func (s stream) write(c net.Conn, n int) error {
	for at := 0; n > 0; {
		part, got := s.part(at, min(atOnce, n))
		if _, err := c.Write(part); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		n -= got
		at = (at + got) % len(s.ends)
	}
	return nil
}
