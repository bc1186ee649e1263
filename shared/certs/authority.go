// Package certs makes and loads the certificates of mutual TLS: an authority of one's own for those who have none, and
// TLS settings that read their files again when these change, so that a renewed certificate needs no restart.
//
// Keys are ECDSA P-256, in PKCS #8; files are PEM (RFC 7468). Both sides speak TLS 1.2 or later.
package certs

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates. Its own is ca.pem in its folder, its key ca.key.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
}

// Request says what a certificate is for.
type Request struct {
	CommonName string   // who it names: an agent, an aggregator
	Hosts      []string // names and addresses of a server
	Client     bool     // to prove who one is to a server
	Server     bool     // to prove who one is to a client
	Days       int      // how long it is valid; default 365
}

// authorityDays is how long an authority's own certificate is valid.
const authorityDays = 3650

// NewAuthority opens the authority in dir, or makes one there.
func NewAuthority(dir string) (*Authority, error) {
	a := &Authority{dir: dir}
	err := a.load()
	if errors.Is(err, fs.ErrNotExist) {
		err = a.create()
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority %s: %w", dir, err)
	}
	return a, nil
}

func (a *Authority) load() error {
	certDER, err := readPEM(filepath.Join(a.dir, "ca.pem"), "CERTIFICATE")
	if err != nil {
		return err
	}
	keyDER, err := readPEM(filepath.Join(a.dir, "ca.key"), "PRIVATE KEY")
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(certDER); err != nil {
		return fmt.Errorf("read ca.pem: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return fmt.Errorf("read ca.key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return errors.New("read ca.key: not a key that signs")
	}
	a.key = signer
	return nil
}

func (a *Authority) create() error {
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	t := template(Request{CommonName: "Belfry CA", Days: authorityDays})
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if err := writePair(filepath.Join(a.dir, "ca"), der, key); err != nil {
		return err
	}
	return a.load()
}

// Issue makes a key and a certificate for it, and writes NAME.pem and NAME.key beside the authority's files.
func (a *Authority) Issue(name string, r Request) (Files, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Files{}, fmt.Errorf("issue %s: make key: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template(r), a.cert, key.Public(), a.key)
	if err != nil {
		return Files{}, fmt.Errorf("issue %s: sign: %w", name, err)
	}
	base := filepath.Join(a.dir, name)
	if err := writePair(base, der, key); err != nil {
		return Files{}, fmt.Errorf("issue %s: %w", name, err)
	}
	return Files{CA: filepath.Join(a.dir, "ca.pem"), Cert: base + ".pem", Key: base + ".key"}, nil
}

func template(r Request) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails (crypto/rand)
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.CommonName},
		NotBefore:    now.Add(-time.Hour), // clocks differ
		NotAfter:     now.AddDate(0, 0, cmp.Or(r.Days, 365)),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if r.Client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if r.Server {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return t
}

func writePair(base string, cert []byte, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	if err := writePEM(base+".key", "PRIVATE KEY", der, 0o600); err != nil {
		return err
	}
	return writePEM(base+".pem", "CERTIFICATE", cert, 0o644)
}

func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

func readPEM(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(text)
	if b == nil || b.Type != kind {
		return nil, fmt.Errorf("%s: no PEM block %q", path, kind)
	}
	return b.Bytes, nil
}
