package certs

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// signed returns what the key of these files signs, and its chain.
func signed(t *testing.T, f Files, text []byte) (signature, chain []byte) {
	t.Helper()
	s, err := f.Signer()
	if err != nil {
		t.Fatal(err)
	}
	if signature, chain, err = s.Sign(text); err != nil {
		t.Fatal(err)
	}
	return signature, chain
}

func TestSign(t *testing.T) {
	ca, agent, _ := authority(t)
	v, err := agent.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("what was sent")
	sig, chain := signed(t, agent, text)
	now := time.Now()
	own, err := agent.CommonName()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second from memory
		if name, err := v.Verify(text, sig, chain, now); err != nil || name != own {
			t.Fatalf("%q, %v; want %q", name, err, own)
		}
	}
	other, err := NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := other.Issue("agent", Request{CommonName: own, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	strangeSig, strangeChain := signed(t, stranger, text)
	server, err := ca.Issue("server-only", Request{CommonName: own, Hosts: []string{"h"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	serverSig, serverChain := signed(t, server, text)
	f := func(what string, text, sig, chain []byte) {
		t.Helper()
		if name, err := v.Verify(text, sig, chain, now); !errors.Is(err, ErrUnproven) || name != "" {
			t.Errorf("%s: %q, %v", what, name, err)
		}
	}
	f("another text", []byte("what was not sent"), sig, chain)
	f("no signature", text, nil, chain)
	f("no certificate", text, sig, nil)
	f("no certificate at all", text, sig, []byte("x"))
	f("a foreign authority", text, strangeSig, strangeChain)
	f("a foreign signature with our certificate", text, strangeSig, chain)
	f("a server's certificate", text, serverSig, serverChain)
	f("too long a chain", text, sig, append(bytes.Clone(chain), make([]byte, maxChain)...))
	for i := range sig {
		bad := bytes.Clone(sig)
		bad[i] ^= 1
		f("a bit of the signature", text, bad, chain)
	}
}

// What was signed while the certificate was valid stays proven; what says so from too long ago, or from times to come,
// is judged by now.
func TestExpiredCertificate(t *testing.T) {
	ca, _, _ := authority(t)
	files, err := ca.Issue("old", Request{CommonName: "old", Client: true, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	v, err := files.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	sig, chain := signed(t, files, []byte("x"))
	l, err := v.leaf(chain)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	l.from, l.until = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	for _, c := range []struct {
		at time.Time
		ok bool
	}{{now.Add(-30 * time.Hour), true}, {now, false}, {now.Add(time.Hour), false}, {now.Add(-60 * time.Hour), true}} {
		if _, err := v.Verify([]byte("x"), sig, chain, c.at); (err == nil) != c.ok {
			t.Errorf("at %v: %v", c.at.Sub(now), err)
		}
	}
	l.from, l.until = now.Add(-100*24*time.Hour), now.Add(-99*24*time.Hour)
	if _, err := v.Verify([]byte("x"), sig, chain, now.Add(-99*24*time.Hour-time.Hour)); err == nil {
		t.Error("a certificate that expired long ago signs on")
	}
}

// A certificate that is newer than the signer's clock says is used all the same: the clock is behind, or the certificate
// was renewed a moment ago. One that nobody could use yet is not.
func TestClockBehindTheCertificate(t *testing.T) {
	_, agent, _ := authority(t)
	v, err := agent.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	sig, chain := signed(t, agent, []byte("x"))
	l, err := v.leaf(chain)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	f := func(from, until, at time.Duration, ok bool) {
		t.Helper()
		l.from, l.until = now.Add(from), now.Add(until)
		if _, err := v.Verify([]byte("x"), sig, chain, now.Add(at)); (err == nil) != ok {
			t.Errorf("valid from %v to %v, signed at %v: %v", from, until, at, err)
		}
	}
	f(-time.Minute, time.Hour, -2*time.Minute, true)
	f(-2*time.Hour, -time.Hour, -3*time.Hour, true) // it has expired since, in the queue
	f(time.Minute, time.Hour, -2*time.Minute, false)
	f(time.Minute, time.Hour, 2*time.Minute, false)
}

// A certificate without a common name proves nobody's name: all those would be one sender.
func TestCertificateOfNobody(t *testing.T) {
	ca, agent, _ := authority(t)
	v, err := agent.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	nameless, err := ca.Issue("nameless", Request{CommonName: "", Hosts: []string{"web01"}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	sig, chain := signed(t, nameless, []byte("x"))
	if name, err := v.Verify([]byte("x"), sig, chain, time.Now()); err == nil {
		t.Errorf("it was taken for the certificate of %q", name)
	}
}

// Keys of other kinds come from authorities that are not ours.
func TestOtherKeys(t *testing.T) {
	dir := t.TempDir()
	ca, err := NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"rsa": rsaKey, "ed25519": edKey} {
		der, err := x509.CreateCertificate(rand.Reader, template(Request{CommonName: name, Client: true}), ca.cert, key.Public(), ca.key)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Join(dir, name)
		if err := writePair(base, der, key); err != nil {
			t.Fatal(err)
		}
		files := Files{CA: filepath.Join(dir, "ca.pem"), Cert: base + ".pem", Key: base + ".key"}
		v, err := files.Verifier()
		if err != nil {
			t.Fatal(err)
		}
		sig, chain := signed(t, files, []byte("x"))
		if got, err := v.Verify([]byte("x"), sig, chain, time.Now()); err != nil || got != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := v.Verify([]byte("y"), sig, chain, time.Now()); err == nil {
			t.Errorf("%s proves anything", name)
		}
	}
}

func BenchmarkSignVerify(b *testing.B) {
	ca, err := NewAuthority(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	files, err := ca.Issue("a", Request{CommonName: "a", Client: true})
	if err != nil {
		b.Fatal(err)
	}
	s, err := files.Signer()
	if err != nil {
		b.Fatal(err)
	}
	v, err := files.Verifier()
	if err != nil {
		b.Fatal(err)
	}
	text := make([]byte, 1000)
	for b.Loop() {
		sig, chain, err := s.Sign(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.Verify(text, sig, chain, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
