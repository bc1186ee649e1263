package certs

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shake lets a client and a server meet, and returns what each says of it.
func shake(t *testing.T, client, server *tls.Config, name string) (clientErr, serverErr error, peer string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			serverErr = err
			return
		}
		s := tls.Server(c, server)
		defer s.Close()
		if serverErr = s.Handshake(); serverErr == nil {
			peer = s.ConnectionState().VerifiedChains[0][0].Subject.CommonName
			_, serverErr = s.Write([]byte("x"))
		}
	}()
	cfg := client.Clone()
	cfg.ServerName = name
	c, clientErr := tls.Dial("tcp", l.Addr().String(), cfg)
	if clientErr == nil {
		_, clientErr = io.ReadFull(c, make([]byte, 1)) // TLS 1.3 tells of a refused certificate at the first read
		c.Close()
	}
	<-done
	return clientErr, serverErr, peer
}

func authority(t *testing.T) (*Authority, Files, Files) {
	t.Helper()
	a, err := NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client, err := a.Issue("client", Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Issue("server", Request{CommonName: "belfry", Hosts: []string{"127.0.0.1", "broker"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	return a, client, server
}

func TestMutualTLS(t *testing.T) {
	_, client, server := authority(t)
	_, strange, strangeServer := authority(t)
	f := func(c, s Files, name, want string) {
		t.Helper()
		ct, err := c.Client()
		if err != nil {
			t.Fatal(err)
		}
		st, err := s.Server()
		if err != nil {
			t.Fatal(err)
		}
		cerr, _, peer := shake(t, ct, st, name)
		switch {
		case want == "" && (cerr != nil || peer != "agent-h"):
			t.Errorf("%s: %v, peer %q", name, cerr, peer)
		case want != "" && (cerr == nil || !strings.Contains(cerr.Error(), want)):
			t.Errorf("%s: %v, want %q", name, cerr, want)
		}
	}
	f(client, server, "127.0.0.1", "")
	f(client, server, "broker", "")
	f(client, server, "other", "valid for")
	f(client, server, "127.0.0.2", "valid for")
	f(client, strangeServer, "127.0.0.1", "unknown authority")
	f(Files{CA: client.CA, Cert: strange.Cert, Key: strange.Key}, server, "127.0.0.1", "tls:")
}

func TestServerTakesRenewedFiles(t *testing.T) {
	_, client, server := authority(t)
	other, otherClient, otherServer := authority(t)
	st, err := server.Server()
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		filepath.Join(other.dir, "ca.pem"): server.CA, otherServer.Cert: server.Cert, otherServer.Key: server.Key,
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(to, time.Time{}, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	ct, err := otherClient.Client()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		cerr, _, peer := shake(t, ct, st, "127.0.0.1")
		if cerr == nil && peer == "agent-h" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("renewed files are not used: %v", cerr)
		}
	}
	_ = client
}

func TestAuthorityIsKept(t *testing.T) {
	a, _, _ := authority(t)
	again, err := NewAuthority(a.dir)
	if err != nil || !again.cert.Equal(a.cert) {
		t.Errorf("the authority was made anew: %v", err)
	}
}

func TestValidate(t *testing.T) {
	_, client, server := authority(t)
	f := func(files Files, want ...string) {
		t.Helper()
		err := files.Validate()
		if len(want) == 0 && err != nil {
			t.Error(err)
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%+v: %v, want %q", files, err, w)
			}
		}
	}
	f(client)
	f(Files{}, "ca: a file", "cert: a file", "key: a file")
	f(Files{CA: client.CA, Cert: client.Cert, Key: server.Key}, "cert: tls: private key")
	f(Files{CA: client.Key, Cert: client.Cert, Key: client.Key}, "ca: load authorities")
}

func TestDoubts(t *testing.T) {
	dir := t.TempDir()
	a, err := NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(name string, r Request) Files {
		t.Helper()
		r.CommonName = name
		f, err := a.Issue(name, r)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := func(files Files, in time.Duration, server bool, want ...string) {
		t.Helper()
		got := files.Doubts(time.Now().Add(in), server)
		if len(got) != len(want) {
			t.Errorf("%+v, want %q", got, want)
			return
		}
		for i, d := range got {
			if !strings.Contains(d.Key+": "+d.Text, want[i]) {
				t.Errorf("%+v, want %q", d, want[i])
			}
		}
	}
	const day = 24 * time.Hour
	named := issue("named", Request{Server: true, Hosts: []string{"h"}, Days: 100})
	f(named, 0, false, `cert: `+named.Cert+`: the certificate of "named" is not for this use: its extended key usage has no clientAuth`)
	client := issue("client", Request{Client: true, Hosts: []string{"h"}, Days: 100})
	f(client, 0, false)
	f(client, 0, true, "no serverAuth")
	bare := issue("bare", Request{Client: true, Server: true, Days: 100})
	f(named, 0, true)
	f(bare, 0, false)
	f(bare, 0, true, `cert: `+bare.Cert+`: the certificate of "bare" has no subject alternative name`)
	f(named, 80*day, true, `the certificate of "named" expires on `)
	f(named, 101*day, true, `the certificate of "named" expired on `)
	f(named, -10*day, true, "ca: ", "not valid before ")
	f(Files{CA: named.CA, Cert: "/nowhere", Key: named.Key}, 0, true, "cert: open /nowhere")
}
