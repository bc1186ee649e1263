package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Files names the files of one party of a mutual TLS connection.
type Files struct {
	CA   string `yaml:"ca"`   // the authorities that the other party's certificate may come from
	Cert string `yaml:"cert"` // one's own certificate, with those between it and the authority
	Key  string `yaml:"key"`  // its key
}

// Validate reports every file that is not named or cannot be read.
func (f Files) Validate() error {
	var errs []error
	for _, e := range []struct{ key, path string }{{"ca", f.CA}, {"cert", f.Cert}, {"key", f.Key}} {
		if e.path == "" {
			errs = append(errs, fmt.Errorf("%s: a file must be named", e.key))
		} else if _, err := os.ReadFile(e.path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", e.key, err))
		}
	}
	if len(errs) == 0 {
		if _, err := tls.LoadX509KeyPair(f.Cert, f.Key); err != nil {
			errs = append(errs, fmt.Errorf("cert: %w", err))
		}
		if _, err := f.pool(); err != nil {
			errs = append(errs, fmt.Errorf("ca: %w", err))
		}
	}
	return errors.Join(errs...)
}

// CommonName returns whom one's own certificate names.
func (f Files) CommonName() (string, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return "", fmt.Errorf("load certificate: %w", err)
	}
	return pair.Leaf.Subject.CommonName, nil
}

// Expires returns until when one's own certificate is valid.
func (f Files) Expires() (time.Time, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return time.Time{}, fmt.Errorf("load certificate: %w", err)
	}
	return pair.Leaf.NotAfter, nil
}

// Client returns the settings of one who connects, from what the files hold now. They are for one connection: call it
// for each, and a renewed certificate or authority is used from then on.
func (f Files) Client() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	pool, err := f.pool()
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}

// Server returns the settings of one who listens and lets in only who shows a certificate of the authorities.
func (f Files) Server() (*tls.Config, error) {
	return f.server(tls.RequireAndVerifyClientCert, "h2", "http/1.1")
}

// AskingServer returns the settings of one who listens and also lets in who shows no certificate. One that is shown
// must be of the authorities.
func (f Files) AskingServer() (*tls.Config, error) {
	return f.server(tls.VerifyClientCertIfGiven, "h2", "http/1.1")
}

// Listener returns the settings of one who listens for something else than HTTP, and says itself what clients must show.
func (f Files) Listener(clients tls.ClientAuthType) (*tls.Config, error) { return f.server(clients) }

func (f Files) server(clients tls.ClientAuthType, protocols ...string) (*tls.Config, error) {
	r, err := newReloader(f)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			pair, pool, err := r.get()
			if err != nil {
				return nil, err
			}
			return &tls.Config{
				MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*pair}, NextProtos: protocols,
				ClientCAs: pool, ClientAuth: clients,
			}, nil
		},
	}, nil
}

func (f Files) pool() (*x509.CertPool, error) {
	pool, err := Pool(f.CA)
	if err != nil {
		return nil, fmt.Errorf("load authorities: %w", err)
	}
	return pool, nil
}

// Pool returns the authorities that a file holds. Its errors name the file.
func Pool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", path)
	}
	return pool, nil
}

// recheckAfter is how long files that were looked at are taken for unchanged.
const recheckAfter = time.Second

// reloader keeps what the files hold. A file that cannot be read leaves the last good state in force.
type reloader struct {
	files Files

	mu     sync.Mutex
	looked time.Time
	stamps [3]time.Time
	pair   *tls.Certificate
	chain  []byte // of pair, in DER
	pool   *x509.CertPool
}

func newReloader(f Files) (*reloader, error) {
	r := &reloader{files: f}
	_, _, err := r.get()
	return r, err
}

func (r *reloader) get() (*tls.Certificate, *x509.CertPool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pair != nil && time.Since(r.looked) < recheckAfter {
		return r.pair, r.pool, nil
	}
	r.looked = time.Now()
	stamps := r.files.stamps()
	if r.pair != nil && stamps == r.stamps {
		return r.pair, r.pool, nil
	}
	pair, err := tls.LoadX509KeyPair(r.files.Cert, r.files.Key)
	if err == nil {
		var pool *x509.CertPool
		if pool, err = r.files.pool(); err == nil {
			r.pair, r.pool, r.stamps = &pair, pool, stamps
			r.chain = bytes.Join(pair.Certificate, nil)
		}
	}
	if r.pair == nil {
		return nil, nil, fmt.Errorf("load certificate: %w", err)
	}
	return r.pair, r.pool, nil
}

// signing returns the pair and its chain.
func (r *reloader) signing() (*tls.Certificate, []byte, error) {
	if _, _, err := r.get(); err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pair, r.chain, nil
}

func (f Files) stamps() (all [3]time.Time) {
	for i, path := range []string{f.CA, f.Cert, f.Key} {
		if st, err := os.Stat(path); err == nil {
			all[i] = st.ModTime()
		}
	}
	return all
}
