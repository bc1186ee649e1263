package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Signer signs with the key of a certificate: ECDSA or RSA-PSS with SHA-256, or Ed25519. It reads its files again when
// these change, and is safe for concurrent use.
type Signer struct{ files *reloader }

// Signer returns one that signs with the key of these files.
func (f Files) Signer() (*Signer, error) {
	r, err := newReloader(f)
	if err != nil {
		return nil, err
	}
	return &Signer{r}, nil
}

// Sign returns a signature of message, and who made it: the certificate with those between it and the authority, in DER,
// one behind the other. The chain is the same slice until the certificate is renewed; nobody may change it.
func (s *Signer) Sign(message []byte) (signature, chain []byte, err error) {
	pair, chain, err := s.files.signing()
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, nil, errors.New("sign: the key cannot sign")
	}
	digest := sha256.Sum256(message)
	switch key.Public().(type) {
	case ed25519.PublicKey:
		signature, err = key.Sign(rand.Reader, message, crypto.Hash(0))
	case *rsa.PublicKey:
		signature, err = key.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	default:
		signature, err = key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("sign: %w", err)
	}
	return signature, chain, nil
}

// ErrUnproven says that a signature does not prove what it should.
var ErrUnproven = errors.New("not proven")

// Bounds of a verifier.
const (
	maxChain  = 16 << 10            // bytes of a chain in DER
	maxLeaves = 8192                // certificates that are remembered
	maxAge    = 30 * 24 * time.Hour // of what an expired certificate may have signed
)

// Verifier tells who has signed something, by the authorities of one file. It reads the file again when that changes, and
// is safe for concurrent use.
type Verifier struct {
	// Revoked, if set, says why a certificate that is of the authorities has not signed something at a time; nil: it may
	// have. Set it before the first Verify.
	Revoked func(c *x509.Certificate, at time.Time) error

	path string

	mu     sync.Mutex
	looked time.Time
	stamp  time.Time
	pool   *x509.CertPool
	leaves map[[sha256.Size]byte]*leaf // by the hash of the chain, under the present pool
}

// leaf is a certificate of which its chain was verified.
type leaf struct {
	cert        *x509.Certificate
	from, until time.Time // of all certificates of the chain
}

// Verifier returns one that trusts the authorities of these files.
func (f Files) Verifier() (*Verifier, error) {
	v := &Verifier{path: f.CA}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v, v.reload()
}

// Verify returns the common name of the certificate whose key has signed message at a time that the signer names: an old
// message stays proven when its certificate has expired since. A time that is long ago or to come counts as now, one before
// the certificate's as its beginning. A certificate without a name proves nothing.
// Its errors wrap ErrUnproven, but for that of an authority's file that was never readable.
func (v *Verifier) Verify(message, signature, chain []byte, at time.Time) (string, error) {
	l, err := v.leaf(chain)
	if err != nil {
		return "", err
	}
	now := time.Now()
	if at.After(now) || now.Sub(at) > maxAge {
		at = now
	}
	if at.Before(l.from) && !now.Before(l.from) {
		at = l.from // the signer's clock is behind; nobody gains by it, who can name any time
	}
	if at.Before(l.from) || at.After(l.until) {
		return "", fmt.Errorf("%w: the certificate of %s is valid from %s to %s", ErrUnproven, l.cert.Subject.CommonName,
			l.from.UTC().Format(time.RFC3339), l.until.UTC().Format(time.RFC3339))
	}
	if v.Revoked != nil {
		if err := v.Revoked(l.cert, at); err != nil {
			return "", fmt.Errorf("%w: %w", ErrUnproven, err)
		}
	}
	if err := l.cert.CheckSignature(algorithm(l.cert), message, signature); err != nil {
		return "", fmt.Errorf("%w: the signature is not one of %s over this", ErrUnproven, l.cert.Subject.CommonName)
	}
	return l.cert.Subject.CommonName, nil
}

func algorithm(c *x509.Certificate) x509.SignatureAlgorithm {
	switch c.PublicKey.(type) {
	case ed25519.PublicKey:
		return x509.PureEd25519
	case *rsa.PublicKey:
		return x509.SHA256WithRSAPSS
	case *ecdsa.PublicKey:
		return x509.ECDSAWithSHA256
	}
	return x509.UnknownSignatureAlgorithm
}

// leaf returns the first certificate of a chain, once the chain leads to an authority.
func (v *Verifier) leaf(chain []byte) (*leaf, error) {
	if len(chain) == 0 {
		return nil, fmt.Errorf("%w: no certificate came with it", ErrUnproven)
	}
	if len(chain) > maxChain {
		return nil, fmt.Errorf("%w: %d bytes of certificates, at most %d", ErrUnproven, len(chain), maxChain)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.reload(); err != nil {
		return nil, err
	}
	key := sha256.Sum256(chain)
	if l := v.leaves[key]; l != nil {
		return l, nil
	}
	l, err := verifyChain(chain, v.pool)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	if len(v.leaves) >= maxLeaves {
		clear(v.leaves)
	}
	v.leaves[key] = l
	return l, nil
}

func verifyChain(chain []byte, roots *x509.CertPool) (*leaf, error) {
	all, err := x509.ParseCertificates(chain)
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	if all[0].Subject.CommonName == "" {
		return nil, errors.New("the certificate has no common name")
	}
	l := &leaf{cert: all[0], from: all[0].NotBefore, until: all[0].NotAfter}
	between := x509.NewCertPool()
	for _, c := range all[1:] {
		between.AddCert(c)
		if c.NotBefore.After(l.from) {
			l.from = c.NotBefore
		}
		if c.NotAfter.Before(l.until) {
			l.until = c.NotAfter
		}
	}
	_, err = all[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: l.from.Add(l.until.Sub(l.from) / 2),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", all[0].Subject.CommonName, err)
	}
	return l, nil
}

// reload reads the authorities if their file has changed. The caller holds mu. A file that cannot be read leaves the last
// good state in force.
func (v *Verifier) reload() error {
	if v.pool != nil && time.Since(v.looked) < recheckAfter {
		return nil
	}
	v.looked = time.Now()
	var stamp time.Time
	if st, err := os.Stat(v.path); err == nil {
		stamp = st.ModTime()
	}
	if v.pool != nil && stamp.Equal(v.stamp) {
		return nil
	}
	pool, err := Files{CA: v.path}.pool()
	if err != nil && v.pool == nil {
		return err
	}
	if err == nil {
		v.pool, v.stamp, v.leaves = pool, stamp, make(map[[sha256.Size]byte]*leaf)
	}
	return nil
}
