package certs

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"time"
)

// Doubt is what is valid now, but probably not what is wanted, or not for long.
type Doubt struct {
	Key  string // ca or cert
	Text string
}

// expirySoon is how long before its end a certificate is worth a word, at most: of one that is short-lived, as those that
// renew themselves, it is a quarter of its life.
const expirySoon = 30 * 24 * time.Hour

func soon(c *x509.Certificate) time.Duration { return min(expirySoon, c.NotAfter.Sub(c.NotBefore)/4) }

// Doubts looks at the dates of all certificates in the files; at those of a server, for the names that clients look for.
func (f Files) Doubts(now time.Time, server bool) []Doubt {
	var all []Doubt
	for _, file := range []struct{ key, path string }{{"ca", f.CA}, {"cert", f.Cert}} {
		doubt := func(format string, args ...any) {
			all = append(all, Doubt{file.key, file.path + ": " + fmt.Sprintf(format, args...)})
		}
		text, err := os.ReadFile(file.path)
		if err != nil {
			all = append(all, Doubt{file.key, err.Error()})
			continue
		}
		first := true
		for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(b.Bytes)
			if b.Type != "CERTIFICATE" || err != nil {
				continue // TLS says whether it can use what is in them
			}
			end := c.NotAfter.UTC().Format(time.DateOnly)
			switch {
			case now.After(c.NotAfter):
				doubt("the certificate of %q expired on %s", c.Subject.CommonName, end)
			case now.Add(soon(c)).After(c.NotAfter):
				doubt("the certificate of %q expires on %s", c.Subject.CommonName, end)
			case now.Before(c.NotBefore):
				doubt("the certificate of %q is not valid before %s", c.Subject.CommonName, c.NotBefore.UTC().Format(time.DateTime))
			}
			if server && first && file.key == "cert" && len(c.DNSNames)+len(c.IPAddresses) == 0 {
				doubt("the certificate of %q has no subject alternative name: no client can tell that it is the right one",
					c.Subject.CommonName)
			}
			if first && file.key == "cert" && !usable(c, server) {
				doubt("the certificate of %q is not for this use: its extended key usage has no %s", c.Subject.CommonName, usage(server))
			}
			first = false
		}
	}
	return all
}

// usable reports whether a certificate may be shown by a server, or by a client (RFC 5280, section 4.2.1.12).
func usable(c *x509.Certificate, server bool) bool {
	want := x509.ExtKeyUsageClientAuth
	if server {
		want = x509.ExtKeyUsageServerAuth
	}
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, want) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func usage(server bool) string {
	if server {
		return "serverAuth"
	}
	return "clientAuth"
}
