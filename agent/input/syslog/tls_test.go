package syslog

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"belfry/shared/certs"
	"belfry/shared/conf"
)

// issued makes certificates of one authority: the listener's and those of clients.
func issued(t *testing.T, clients ...string) (server certs.Files, of map[string]certs.Files) {
	t.Helper()
	a, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = a.Issue("relay", certs.Request{CommonName: "relay", Hosts: []string{"127.0.0.1", "localhost"}, Server: true}); err != nil {
		t.Fatal(err)
	}
	of = make(map[string]certs.Files)
	for _, name := range clients {
		if of[name], err = a.Issue(name, certs.Request{CommonName: name, Client: true}); err != nil {
			t.Fatal(err)
		}
	}
	return server, of
}

// dialTLS connects as a client, or as nobody. The handshake is over when it returns.
func (r *rig) dialTLS(f certs.Files, named bool) (*tls.Conn, error) {
	r.t.Helper()
	cfg, err := f.Client()
	if err != nil {
		r.t.Fatal(err)
	}
	if !named {
		cfg.Certificates = nil
	}
	cfg.ServerName = "127.0.0.1"
	c, err := tls.Dial("tcp", r.Addr().String(), cfg)
	if err == nil {
		r.t.Cleanup(func() { _ = c.Close() }) // often closed before
	}
	return c, err
}

func TestTLS(t *testing.T) {
	server, of := issued(t, "web01", "db01")
	_, strangers := issued(t, "web01")
	// In TLS 1.3 a client learns that it is refused when it reads.
	f := func(auth string, clients []string, who string, named, want bool) {
		t.Helper()
		r := start(t, Config{Listen: "tls://127.0.0.1:0", Files: server, ClientAuth: auth, Clients: clients}, &sink{})
		files := of[who]
		if who == "stranger" {
			files = strangers["web01"]
			files.CA = server.CA
		}
		c, err := r.dialTLS(files, named)
		if err == nil {
			r.write(c, "<13>a\n9 <13>b\nyes")
		}
		if !want {
			r.counts(`refused_connections_total{transport="tls",reason="handshake"} 1`)
			if len(r.sink.messages()) > 0 {
				t.Errorf("%s %v %s: a message was taken", auth, clients, who)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		r.takes("<13>a", "<13>b\nyes")
		name := who
		if !named || auth == none {
			name = ""
		}
		if m := r.sink.messages()[0]; m.Client != name || m.Transport != "tcp" || !m.Peer.IsValid() {
			t.Errorf("%s %v %s: client %q by %s from %v", auth, clients, who, m.Client, m.Transport, m.Peer)
		}
	}
	f("", nil, "web01", true, true)
	f("", nil, "web01", false, false)
	f("", nil, "stranger", true, false)
	f("", []string{"web*"}, "web01", true, true)
	f("", []string{"web*"}, "db01", true, false)
	f(optional, nil, "web01", true, true)
	f(optional, nil, "web01", false, true)
	f(optional, nil, "stranger", true, false)
	f(optional, []string{"web*"}, "web01", false, false)
	f(none, nil, "web01", false, true)
}

// A listener to which nobody shows a certificate needs no authority.
func TestTLSWithoutAuthority(t *testing.T) {
	server, of := issued(t, "web01")
	server.CA = ""
	r := start(t, Config{Listen: "tls://127.0.0.1:0", Files: server, ClientAuth: none}, &sink{})
	c, err := r.dialTLS(of["web01"], false)
	if err != nil {
		t.Fatal(err)
	}
	r.write(c, "<13>a\n")
	r.takes("<13>a")
}

// Many honest clients that come at once, as after a restart of the relay, all get in: none is sent away for being slow.
func TestHerdOfHandshakes(t *testing.T) {
	server, of := issued(t, "web01")
	r := start(t, Config{Listen: "tls://127.0.0.1:0", Files: server, MaxPerAddress: 10}, &sink{})
	cfg, err := of["web01"].Client()
	if err != nil {
		t.Fatal(err)
	}
	cfg.ServerName = "127.0.0.1"
	const clients = 2*maxHandshakes + 50
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			d := tls.Dialer{Config: cfg, NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i>>8), byte(i))}}}
			c, err := d.Dial("tcp", r.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(c, "<13>%d\n", i)
			_ = c.Close() // what was written counts
		})
	}
	all.Wait()
	r.until("all of them", func() bool { return len(r.sink.messages()) == clients })
	r.counts(`refused_connections_total{transport="tls",reason="handshake"} 0`)
}

// A stop says goodbye in TLS (RFC 5425, section 4.4): who does not hear it cannot tell an end from an attack.
func TestTLSGoodbye(t *testing.T) {
	server, of := issued(t, "web01")
	r := start(t, Config{Listen: "tls://127.0.0.1:0", Files: server}, &sink{})
	c, err := r.dialTLS(of["web01"], true)
	if err != nil {
		t.Fatal(err)
	}
	r.write(c, "<13>a\n")
	r.takes("<13>a")
	r.stop()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // without it, that is an unexpected EOF
		t.Errorf("read %v", err)
	}
}

// Who connects and says nothing keeps nobody else out, also from the same address, and is gone after the deadline.
func TestSilentHandshakes(t *testing.T) {
	server, of := issued(t, "web01")
	r := start(t, Config{
		Listen: "tls://127.0.0.1:0", Files: server, MaxPerAddress: 10, Handshake: conf.Duration(2 * time.Second),
	}, &sink{})
	const silent = 1000
	var last net.Conn
	for range silent {
		last = r.dial()
	}
	for i := range 5 {
		c, err := r.dialTLS(of["web01"], true)
		if err != nil {
			t.Fatal(err)
		}
		r.write(c, fmt.Sprintf("<13>%d\n", i))
	}
	r.until("five messages", func() bool { return len(r.sink.messages()) == 5 })
	r.counts(fmt.Sprintf(`refused_connections_total{transport="tls",reason="handshake"} %d`, silent), "open_connections 5")
	if !refused(last) {
		t.Error("a silent connection is still open")
	}
}
