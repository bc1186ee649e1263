package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
)

// CSR is what counts of a certificate request (PKCS #10, RFC 2986). What else it may ask for is the authority's to decide.
type CSR struct {
	CommonName string
	Hosts      []string // DNS names
	Key        crypto.PublicKey
}

// Bounds of a certificate request.
const (
	maxCSR     = 16 << 10 // bytes of PEM
	minRSABits = 2048
	maxRSABits = 8192 // TLS takes no larger ones, and to check what one has signed costs much
)

// MakeCSR makes a key and a certificate request for it, both in PEM.
func MakeCSR(name string, hosts ...string) (key, csr []byte, err error) {
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	if key, err = keyPEM(made); err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: name}, DNSNames: hosts,
	}, made)
	if err != nil {
		return nil, nil, fmt.Errorf("make certificate request: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// ReadCSR reads a request in PEM. Its signature proves that whoever made it has the key.
func ReadCSR(text []byte) (CSR, error) {
	if len(text) > maxCSR {
		return CSR{}, fmt.Errorf("certificate request: %d bytes, at most %d", len(text), maxCSR)
	}
	b, _ := pem.Decode(text)
	if b == nil || b.Type != "CERTIFICATE REQUEST" && b.Type != "NEW CERTIFICATE REQUEST" {
		return CSR{}, errors.New("certificate request: no PEM block CERTIFICATE REQUEST")
	}
	r, err := x509.ParseCertificateRequest(b.Bytes)
	if err != nil {
		return CSR{}, fmt.Errorf("certificate request: %w", err)
	}
	switch k := r.PublicKey.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return CSR{}, fmt.Errorf("certificate request: an RSA key of %d bits, taken are %d to %d", n, minRSABits, maxRSABits)
		}
	default:
		return CSR{}, fmt.Errorf("certificate request: keys of kind %s are not taken", r.PublicKeyAlgorithm)
	}
	if err := r.CheckSignature(); err != nil {
		return CSR{}, fmt.Errorf("certificate request: it is not signed by its own key: %w", err)
	}
	return CSR{r.Subject.CommonName, r.DNSNames, r.PublicKey}, nil
}

// EncodePEM returns a certificate in PEM.
func EncodePEM(c *x509.Certificate) []byte { return certPEM(c.Raw) }
