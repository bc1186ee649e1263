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

// Authority signs certificates. Its own is ca.pem in its folder, its key ca.key. It is safe for concurrent use.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer // nil where there is only a copy of the certificate
}

// Request says what a certificate is for.
type Request struct {
	CommonName string        // who it names: an agent, an aggregator
	Hosts      []string      // names and addresses of a server
	Client     bool          // to prove who one is to a server
	Server     bool          // to prove who one is to a client
	Days       int           // how long it is valid; default 365
	Lifetime   time.Duration // likewise; goes before Days
}

func (r Request) lifetime() time.Duration {
	return cmp.Or(r.Lifetime, time.Duration(cmp.Or(r.Days, 365))*24*time.Hour)
}

// authorityLifetime is how long an authority's own certificate is valid unless told otherwise.
const authorityLifetime = 3650 * 24 * time.Hour

// ErrNoKey says that an authority cannot sign: its key is elsewhere.
var ErrNoKey = errors.New("the authority's key is not here")

// NewAuthority opens the authority in dir, or makes one there.
func NewAuthority(dir string) (*Authority, error) {
	a, err := OpenAuthority(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return CreateAuthority(dir, "Belfry CA", authorityLifetime)
	}
	return a, err
}

// OpenAuthority opens the authority in dir; the error of one that is not there wraps fs.ErrNotExist. Without a key it signs
// nothing.
func OpenAuthority(dir string) (*Authority, error) {
	a := &Authority{dir: dir}
	if err := a.load(); err != nil {
		return nil, fmt.Errorf("certificate authority %s: %w", dir, err)
	}
	return a, nil
}

func (a *Authority) load() error {
	cert, err := ReadCertificate(filepath.Join(a.dir, "ca.pem"))
	if err != nil {
		return err
	}
	a.cert = cert
	keyDER, err := readPEM(filepath.Join(a.dir, "ca.key"), "PRIVATE KEY")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return fmt.Errorf("read ca.key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return errors.New("read ca.key: not a key that signs")
	}
	if public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(a.cert.PublicKey) {
		return errors.New("ca.key is not the key of ca.pem")
	}
	a.key = signer
	return nil
}

// CreateAuthority makes an authority in dir, which is made as well. It never writes over one; its error then wraps
// fs.ErrExist.
func CreateAuthority(dir, name string, lifetime time.Duration) (*Authority, error) {
	a := &Authority{dir: dir}
	if err := a.create(name, lifetime); err != nil {
		return nil, fmt.Errorf("make certificate authority %s: %w", dir, err)
	}
	return OpenAuthority(dir)
}

func (a *Authority) create(name string, lifetime time.Duration) error {
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(a.dir, "ca.pem")); err == nil { // perhaps a copy without the key
		return fmt.Errorf("ca.pem: %w", fs.ErrExist)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	t := template(Request{CommonName: name, Lifetime: lifetime})
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	keyText, err := keyPEM(key)
	if err != nil {
		return err
	}
	// The certificate last: without it there is no authority.
	if err := createSynced(filepath.Join(a.dir, "ca.key"), keyText, 0o600); err != nil {
		return err
	}
	return createSynced(filepath.Join(a.dir, "ca.pem"), certPEM(der), 0o644)
}

// createSynced writes a file that must not be there, to the disk.
func createSynced(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// Certificate returns the authority's own certificate. Nobody may change it.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// Sign makes a certificate for a public key, which ends with the authority's own at the latest. It writes nothing. Without
// a key its error wraps ErrNoKey.
func (a *Authority) Sign(key crypto.PublicKey, r Request) (*x509.Certificate, error) {
	if a.key == nil {
		return nil, fmt.Errorf("sign %s: %w: %s", r.CommonName, ErrNoKey, filepath.Join(a.dir, "ca.key"))
	}
	t := template(r)
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", r.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// Issue makes a key and a certificate for it, and writes NAME.pem and NAME.key beside the authority's files.
func (a *Authority) Issue(name string, r Request) (Files, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Files{}, fmt.Errorf("issue %s: make key: %w", name, err)
	}
	cert, err := a.Sign(key.Public(), r)
	if err != nil {
		return Files{}, fmt.Errorf("issue %s: %w", name, err)
	}
	base := filepath.Join(a.dir, name)
	if err := writePair(base, cert.Raw, key); err != nil {
		return Files{}, fmt.Errorf("issue %s: %w", name, err)
	}
	return Files{CA: filepath.Join(a.dir, "ca.pem"), Cert: base + ".pem", Key: base + ".key"}, nil
}

// backdated is how far before now a certificate begins at most, for clocks differ.
const backdated = time.Hour

func template(r Request) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails (crypto/rand)
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.CommonName},
		NotBefore:    now.Add(-min(backdated, r.lifetime()/10)),
		NotAfter:     now.Add(r.lifetime()),
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
	text, err := keyPEM(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".key", text, 0o600); err != nil {
		return err
	}
	return os.WriteFile(base+".pem", certPEM(cert), 0o644)
}

func keyPEM(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// ReadCertificate reads the first certificate of a file. Its errors name the file.
func ReadCertificate(path string) (*x509.Certificate, error) {
	der, err := readPEM(path, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
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
