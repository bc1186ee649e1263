package irc

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ircd is a real server, on a port of loopback, without and with TLS.
type ircd struct {
	t         *testing.T
	conf      string
	addr, tls string
	ca        string
	process   *exec.Cmd
	exited    chan struct{}
}

// needIRCd makes a server and starts it. Without ngircd the test is skipped; with CI=true it fails.
func needIRCd(t *testing.T) *ircd {
	t.Helper()
	t.Parallel() // such tests wait most of their time
	path, err := exec.LookPath("ngircd")
	if err != nil {
		path = "/usr/sbin/ngircd"
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("ngircd is missing: apt-get install ngircd")
		}
		t.Skip("ngircd is missing: apt-get install ngircd")
	}
	dir := t.TempDir()
	d := &ircd{t: t, conf: filepath.Join(dir, "ngircd.conf"), ca: filepath.Join(dir, "cert.pem"),
		addr: freePort(t), tls: freePort(t)}
	d.writeCert(filepath.Join(dir, "key.pem"))
	text := fmt.Sprintf(`
[Global]
Name = irc.test.invalid
Info = test
Listen = 127.0.0.1
Ports = %s
MotdPhrase = hello
%s
[Limits]
MaxConnectionsIP = 0
MaxNickLength = 20
[Options]
PAM = no
DNS = no
Ident = no
[SSL]
CertFile = %s
KeyFile = %s
Ports = %s
`, port(d.addr), runAs(t), d.ca, filepath.Join(dir, "key.pem"), port(d.tls))
	if err := os.WriteFile(d.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start(path)
	t.Cleanup(d.stop)
	return d
}

// runAs names a user: ngircd does not run as root.
func runAs(t *testing.T) string {
	if os.Getuid() != 0 {
		return ""
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("ngircd needs a user to run as, and there is no nobody")
	}
	return "ServerUID = " + u.Uid + "\nServerGID = " + u.Gid
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

func (d *ircd) writeCert(keyFile string) {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		d.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		d.ca:    {Type: "CERTIFICATE", Bytes: der},
		keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
}

// start starts the server and waits until it listens.
func (d *ircd) start(path string) {
	d.t.Helper()
	var out strings.Builder
	d.process = exec.Command(path, "-n", "-f", d.conf)
	d.process.Stdout, d.process.Stderr = &out, &out
	if err := d.process.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.exited = make(chan struct{})
	go func() {
		defer close(d.exited)
		_ = d.process.Wait()
	}()
	for range 1200 {
		select {
		case <-d.exited:
			d.t.Fatalf("ngircd ended:\n%s", out.String())
		default:
		}
		if c, err := net.Dial("tcp", d.addr); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	d.t.Fatal("ngircd does not listen")
}

func (d *ircd) stop() {
	_ = d.process.Process.Kill()
	<-d.exited
}

func (d *ircd) restart() { d.start(d.process.Path) }

// person is a client who sits in the channel and reads.
type person struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func (d *ircd) person(nick string) *person {
	d.t.Helper()
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	p := &person{t: d.t, c: c, r: bufio.NewReader(c)}
	p.say("NICK " + nick)
	p.say("USER " + nick + " 0 * :" + nick)
	p.say("JOIN " + channel)
	p.until(" 366 ")
	return p
}

func (p *person) say(line string) {
	p.t.Helper()
	if _, err := p.c.Write([]byte(line + "\r\n")); err != nil {
		p.t.Fatal(err)
	}
}

// until reads up to a line that holds text, and returns that and all before it.
func (p *person) until(text string) []string {
	p.t.Helper()
	_ = p.c.SetReadDeadline(time.Now().Add(20 * time.Second))
	var lines []string
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("waiting for %q: %v; read %s", text, err, strings.Join(lines, "\n"))
		}
		line = strings.TrimRight(line, "\r\n")
		if after, ok := strings.CutPrefix(line, "PING "); ok {
			p.say("PONG " + after)
			continue
		}
		lines = append(lines, line)
		if strings.Contains(line, text) {
			return lines
		}
	}
}

// last is until for who wants but the last line.
func (p *person) last(text string) string {
	p.t.Helper()
	lines := p.until(text)
	return lines[len(lines)-1]
}
