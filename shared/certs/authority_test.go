package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is there is never written over: all that was signed with it would be worth nothing.
func TestCreateAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := OpenAuthority(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened nothing: %v", err)
	}
	a, err := CreateAuthority(dir, "Our logs", 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Certificate()
	if c.Subject.CommonName != "Our logs" || !c.IsCA || time.Until(c.NotAfter) > 48*time.Hour {
		t.Errorf("%v until %v", c.Subject, c.NotAfter)
	}
	if st, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("ca.key: %v, %v", st.Mode(), err)
	}
	if _, err := CreateAuthority(dir, "other", time.Hour); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made again: %v", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := a.Sign(key.Public(), Request{CommonName: "x", Days: 365})
	if err != nil || long.NotAfter.After(c.NotAfter) {
		t.Errorf("%v: a certificate that outlives its authority, until %v", err, long.NotAfter)
	}
	short, err := a.Sign(key.Public(), Request{CommonName: "x", Lifetime: 30 * time.Second})
	if err != nil || short.NotAfter.Sub(short.NotBefore) > 34*time.Second {
		t.Errorf("%v: valid from %v to %v", err, short.NotBefore, short.NotAfter)
	}

	// A copy without the key knows whom to trust, and is made into no other authority.
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	copied, err := OpenAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := copied.Sign(key.Public(), Request{CommonName: "x"}); !errors.Is(err, ErrNoKey) {
		t.Errorf("signed without a key: %v", err)
	}
	if _, err := CreateAuthority(dir, "other", time.Hour); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over a copy: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.key"), must(keyPEM(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuthority(dir); err == nil || !strings.Contains(err.Error(), "ca.key is not the key of ca.pem") {
		t.Errorf("with a foreign key: %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestCSR(t *testing.T) {
	_, text, err := MakeCSR("agent-web01", "web01")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReadCSR(text)
	if err != nil || r.CommonName != "agent-web01" || !slices.Equal(r.Hosts, []string{"web01"}) {
		t.Errorf("%+v, %v", r, err)
	}
	f := func(text []byte, want string) {
		t.Helper()
		if _, err := ReadCSR(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	block, _ := pem.Decode(text)
	forged := slices.Clone(block.Bytes)
	forged[len(forged)-1] ^= 1 // of the signature
	f(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: forged}), "not signed by its own key")
	f([]byte("x"), "no PEM block")
	f(make([]byte, maxCSR+1), "at most")
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, weak)
	if err != nil {
		t.Fatal(err)
	}
	f(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), "1024 bits")

	// A huge key costs nothing: its signature, which is none, is not looked at.
	huge := make([]byte, 5500)
	huge[0], huge[len(huge)-1] = 1, 1
	spki, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(huge), E: 1<<31 - 1})
	if err != nil {
		t.Fatal(err)
	}
	f(requestOf(t, spki), "43993 bits")
}

// requestOf is a certificate request (RFC 2986, section 4) of a key, with a signature that is none.
func requestOf(t *testing.T, spki []byte) []byte {
	t.Helper()
	type algorithm struct {
		ID         asn1.ObjectIdentifier
		Parameters asn1.RawValue
	}
	type info struct {
		Version    int
		Subject    asn1.RawValue
		Key        asn1.RawValue
		Attributes asn1.RawValue
	}
	der, err := asn1.Marshal(struct {
		Info      info
		Algorithm algorithm
		Signature asn1.BitString
	}{
		info{0, asn1.RawValue{FullBytes: []byte{0x30, 0}}, asn1.RawValue{FullBytes: spki}, asn1.RawValue{FullBytes: []byte{0xa0, 0}}},
		algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.NullRawValue}, // sha256WithRSAEncryption
		asn1.BitString{Bytes: make([]byte, 5500), BitLength: 44000},
	})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// What is revoked has signed nothing after that, however valid its certificate is.
func TestRevoked(t *testing.T) {
	_, agent, _ := authority(t)
	v, err := agent.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	sig, chain := signed(t, agent, []byte("x"))
	revoked := time.Now().Add(-time.Minute)
	v.Revoked = func(_ *x509.Certificate, at time.Time) error {
		if at.After(revoked) {
			return errors.New("revoked")
		}
		return nil
	}
	f := func(at time.Time, ok bool) {
		t.Helper()
		if _, err := v.Verify([]byte("x"), sig, chain, at); (err == nil) != ok || !ok && !errors.Is(err, ErrUnproven) {
			t.Errorf("signed at %v: %v", at, err)
		}
	}
	f(revoked.Add(-time.Second), true)
	f(revoked.Add(time.Second), false)
	f(time.Now().Add(time.Hour), false)
}
