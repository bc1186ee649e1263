// Package ca keeps the certificate authority of an aggregator, and the journal of what it has signed and revoked.
//
// Its folder holds ca.pem and ca.key, lock, and issued.ndjson: a line a certificate or revocation, each on the disk before a
// certificate leaves or a revocation counts. Lines are only ever added; one that a power cut has left half is taken away
// before the next, for what it would have told has not happened. Any other line that cannot be read is an error: it may be a
// revocation.
//
// Several processes may have one folder open, as the aggregator and the operator's command line: who writes holds lock and
// reads what others have added before; who only asks looks for news every second. A CA is safe for concurrent use. A copy of
// ca.pem and issued.ndjson, without the key, is enough to refuse what is revoked.
package ca

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"belfry/shared/certs"
)

// The ways by which a certificate came.
const (
	ByHand       = "issue"
	ByEnrollment = "enroll"
	ByRenewal    = "renew"
)

// revoked is what a record does that is no certificate.
const revoked = "revoke"

// Errors by which a caller may tell what was wrong.
var (
	ErrRevoked = errors.New("the certificate was revoked")
	ErrExpired = errors.New("the certificate has expired")
	ErrForeign = errors.New("the certificate is not of this authority")
	ErrUnknown = errors.New("there is no such certificate")
)

// recheckAfter is how long the journal that was looked at is taken for unchanged.
const recheckAfter = time.Second

// CA is an authority with its journal.
type CA struct {
	dir  string
	auth *certs.Authority
	pool *x509.CertPool

	mu      sync.Mutex
	journal journal
	looked  time.Time
	entries []Entry
	serials map[string]int // into entries
}

// Entry is one certificate.
type Entry struct {
	Name   string    `json:"name"` // common name
	Serial string    `json:"serial"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	How    string    `json:"how"` // issue, enroll, renew
	Issued time.Time `json:"issued"`

	Revoked     time.Time `json:"revoked,omitzero"` // zero: it is not
	Reason      string    `json:"reason,omitempty"`
	Compromised bool      `json:"compromised,omitempty"` // nothing that its key has signed counts, of whatever time
}

// State says whether it is valid, expired or revoked.
func (e Entry) State(now time.Time) string {
	switch {
	case !e.Revoked.IsZero():
		return "revoked"
	case now.After(e.Until):
		return "expired"
	}
	return "valid"
}

// Valid reports whether it can be used.
func (e Entry) Valid(now time.Time) bool { return e.State(now) == "valid" }

// Init makes an authority in a folder, which is made for its owner alone. It never writes over one; its error then wraps
// fs.ErrExist.
func Init(dir, name string, lifetime time.Duration) (*CA, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	if _, err := certs.CreateAuthority(dir, name, lifetime); err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, fmt.Errorf("make certificate authority %s: %w", dir, err)
	}
	return Open(dir)
}

// Open opens the authority of a folder and reads its journal. The error of one that is not there wraps fs.ErrNotExist.
func Open(dir string) (*CA, error) {
	auth, err := certs.OpenAuthority(dir)
	if err != nil {
		return nil, err
	}
	c := &CA{dir: dir, auth: auth, pool: x509.NewCertPool(), journal: journal{path: filepath.Join(dir, "issued.ndjson")}}
	c.pool.AddCert(auth.Certificate())
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.refresh()
}

// Certificate returns the authority's own. Nobody may change it.
func (c *CA) Certificate() *x509.Certificate { return c.auth.Certificate() }

// PEM returns the authority's own certificate in PEM.
func (c *CA) PEM() []byte { return certs.EncodePEM(c.auth.Certificate()) }

// Fingerprint returns the SHA-256 of the authority's own certificate.
func (c *CA) Fingerprint() [sha256.Size]byte { return sha256.Sum256(c.auth.Certificate().Raw) }

// Origin says how a certificate comes to be.
type Origin struct {
	How  string
	By   string // user, token, or the serial that it follows
	Peer string // address that asked; "" on this machine

	Since time.Time // when it was allowed: who was revoked after that gets none; zero: whoever was
}

// Issue signs a key. The journal has it when it returns.
func (c *CA) Issue(key crypto.PublicKey, r certs.Request, from Origin) (made *x509.Certificate, err error) {
	err = c.change(func() ([]record, error) {
		if err := c.revokedSince(r.CommonName, from.Since); err != nil {
			return nil, err
		}
		made, err = c.issue(key, r)
		return []record{issuedRecord(made, from)}, err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (c *CA) issue(key crypto.PublicKey, r certs.Request) (*x509.Certificate, error) {
	if r.CommonName == "" {
		return nil, errors.New("sign: a common name must be given")
	}
	return c.auth.Sign(key, r)
}

// Renew signs a key for the name of a certificate that is to end, if that may be renewed: it is of this authority, valid and
// not revoked.
func (c *CA) Renew(old *x509.Certificate, key crypto.PublicKey, r certs.Request, peer string) (made *x509.Certificate, err error) {
	r.CommonName = old.Subject.CommonName
	err = c.change(func() ([]record, error) {
		if err := c.own(old); err != nil {
			return nil, err
		}
		if err := c.refuses(old); err != nil {
			return nil, err
		}
		made, err = c.issue(key, r)
		return []record{issuedRecord(made, Origin{How: ByRenewal, By: serialOf(old), Peer: peer})}, err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (c *CA) own(cert *x509.Certificate) error {
	_, err := cert.Verify(x509.VerifyOptions{Roots: c.pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return nil
}

// Refuses says why a certificate may not be used any more, or nil: a connection may last longer than it.
func (c *CA) Refuses(cert *x509.Certificate) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	if err := c.refuses(cert); err != nil {
		return err
	}
	if time.Now().After(cert.NotAfter) {
		return fmt.Errorf("%w: %s, on %s", ErrExpired, cert.Subject.CommonName, cert.NotAfter.Format(time.RFC3339))
	}
	return nil
}

func (c *CA) refuses(cert *x509.Certificate) error {
	i, known := c.serials[serialOf(cert)]
	if !known || c.entries[i].Revoked.IsZero() {
		return nil
	}
	e := c.entries[i]
	return fmt.Errorf("%w: %s, serial %s, on %s: %s", ErrRevoked, e.Name, e.Serial, e.Revoked.Format(time.RFC3339), e.Reason)
}

// RevokedSince says which certificate of a name, in either case, was revoked since a time, or nil; the zero time is never.
func (c *CA) RevokedSince(name string, since time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refresh(); err != nil {
		return err
	}
	return c.revokedSince(name, since)
}

func (c *CA) revokedSince(name string, since time.Time) error {
	for _, e := range c.entries {
		if strings.EqualFold(e.Name, name) && !since.IsZero() && e.Revoked.After(since) {
			return fmt.Errorf("%w: %s, serial %s, on %s: %s", ErrRevoked, e.Name, e.Serial, e.Revoked.Format(time.RFC3339), e.Reason)
		}
	}
	return nil
}

// Unsigned says why a certificate has not signed something at a time, or nil: what was signed before it was revoked may still
// wait in a queue, and counts, unless its key was compromised.
func (c *CA) Unsigned(cert *x509.Certificate, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	err := c.refuses(cert)
	if err == nil {
		return nil
	}
	if e := c.entries[c.serials[serialOf(cert)]]; !e.Compromised && at.Before(e.Revoked) {
		return nil
	}
	return err
}

// List returns all certificates, in the order of their making.
func (c *CA) List() ([]Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.refresh()
	return append([]Entry(nil), c.entries...), err
}

// Revoke ends certificates for good: the one of a serial, or all valid ones of a name. It returns those that it has revoked; of
// a serial that was revoked before, and of a name without a valid one, none.
func (c *CA) Revoke(which, reason, by string, compromised bool) (gone []Entry, err error) {
	now := time.Now().UTC()
	err = c.change(func() (all []record, err error) {
		known := false
		for _, e := range c.entries {
			serial := SameSerial(e.Serial, which)
			if e.Name != which && !serial {
				continue
			}
			known = true
			// One that has expired may have signed what is still on its way.
			if !e.Revoked.IsZero() && (!compromised || e.Compromised) || !serial && !compromised && !e.Valid(now) {
				continue
			}
			all = append(all, record{At: now, Do: revoked, Name: e.Name, Serial: e.Serial, Reason: reason, By: by, Compromised: compromised})
			e.Revoked, e.Reason, e.Compromised = now, reason, compromised
			gone = append(gone, e)
		}
		if !known {
			return nil, fmt.Errorf("%w: %q is neither a name nor a serial of %s", ErrUnknown, which, c.journal.path)
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// change lets fn see what is there now, and writes down what it returns, while nobody else does so.
func (c *CA) change(fn func() ([]record, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	lock, err := os.OpenFile(filepath.Join(c.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	defer lock.Close() // which gives it back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if err := c.refresh(); err != nil {
		return err
	}
	all, err := fn()
	if err != nil || len(all) == 0 {
		return err
	}
	if err := c.journal.append(all); err != nil {
		return err
	}
	return c.refresh()
}

// look reads what is new, unless it was looked at just now. What cannot be read leaves what is known in force; Follow tells.
func (c *CA) look() {
	if time.Since(c.looked) >= recheckAfter {
		_ = c.refresh()
	}
}

// refresh reads what is new. The caller holds mu.
func (c *CA) refresh() error {
	c.looked = time.Now()
	all, anew, err := c.journal.read()
	if anew {
		c.entries, c.serials = nil, make(map[string]int)
	}
	for _, r := range all {
		c.note(r)
	}
	return err
}

func (c *CA) note(r record) {
	if r.Do != revoked {
		c.serials[r.Serial] = len(c.entries)
		c.entries = append(c.entries, Entry{Name: r.Name, Serial: r.Serial, From: r.From, Until: r.Until, How: r.Do, Issued: r.At})
		return
	}
	i, known := c.serials[r.Serial]
	if !known { // of a certificate that another journal has
		i = len(c.entries)
		c.serials[r.Serial] = i
		c.entries = append(c.entries, Entry{Name: r.Name, Serial: r.Serial})
	}
	if e := &c.entries[i]; e.Revoked.IsZero() {
		e.Revoked, e.Reason, e.Compromised = r.At, r.Reason, r.Compromised
	} else {
		e.Compromised = e.Compromised || r.Compromised
	}
}
