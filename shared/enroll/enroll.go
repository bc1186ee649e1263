// Package enroll is what agent and aggregator say to each other so that the agent gets a certificate: the paths, the
// messages in JSON, the names that agents may have, and the text of a token.
//
//	GET  /v1/ca      the authority's certificate in PEM, to anybody: who has a token knows it by its hash
//	POST /v1/enroll  Request, with the token as Bearer (RFC 6750)    200 Answer
//	POST /v1/renew   Request, with the certificate that is to end    200 Answer
//
// What is refused is answered with {"error"}: 400 for a request that cannot be used, 401 for a token or certificate that is
// none, 403 for a name that it does not allow, 409 for a name that has a certificate already, 429 and 503 for later. A
// request that is sent again, with the same key, costs a token no further use.
package enroll

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// The paths of the aggregator's TLS port.
const (
	AuthorityPath = "/v1/ca"
	EnrollPath    = "/v1/enroll"
	RenewPath     = "/v1/renew"
)

// MaxMessage bounds a message, in bytes.
const MaxMessage = 1 << 20

// Request asks for a certificate.
type Request struct {
	CSR string `json:"csr"` // PEM; of its content the common name, the DNS names and the key count
}

// Answer is what an agent gets.
type Answer struct {
	Certificate string   `json:"certificate"`    // PEM, with those between it and the authority
	Authorities string   `json:"authorities"`    // PEM: of the aggregators' certificates, and of the brokers'
	URL         string   `json:"url,omitempty"`  // https://host:port of the aggregator; default the one that was asked
	AMQP        []string `json:"amqp,omitempty"` // brokers to ship to, as amqps://host:5671/; none: ship to the aggregator
}

// Token is a token as its bearer has it.
type Token struct {
	Secret    string            // what the aggregator knows
	Authority [sha256.Size]byte // SHA-256 of the authority's certificate (DER)
}

// String returns the text of a token: the secret, a dot, and the hash in base64 (RFC 4648, section 5).
func (t Token) String() string {
	return t.Secret + "." + base64.RawURLEncoding.EncodeToString(t.Authority[:])
}

// ParseToken reads the text of a token. Its errors do not repeat it.
func ParseToken(text string) (Token, error) {
	secret, hash, ok := strings.Cut(strings.TrimSpace(text), ".")
	sum, err := base64.RawURLEncoding.DecodeString(hash)
	if !ok || secret == "" || err != nil || len(sum) != sha256.Size {
		return Token{}, errors.New("token: it is not whole: belfry ca token prints SECRET.HASH")
	}
	return Token{secret, [sha256.Size]byte(sum)}, nil
}

// prefix begins the names of all agents: no agent gets the name of anything else that has a certificate.
const prefix = "agent-"

// maxName bounds a common name (RFC 5280, appendix A.1: ub-common-name).
const maxName = 64

// AgentName returns the common name of a host's agent: agent-HOST. A name that is one already stays.
func AgentName(host string) (string, error) {
	name := prefix + strings.TrimPrefix(host, prefix)
	return name, CheckName(name)
}

// CheckName says why a common name is none of an agent, or nil.
func CheckName(name string) error {
	host, ok := strings.CutPrefix(name, prefix)
	if !ok || host == "" || len(name) > maxName || strings.Trim(host, ".-") != host || strings.ContainsFunc(host, unusual) {
		return fmt.Errorf("%q is no name of an agent: %sHOST, of letters, digits and . _ -, at most %d in all", name, prefix, maxName)
	}
	return nil
}

// CheckHost says why a DNS name is none of the host of an agent, or nil: it is HOST, or HOST in some domain.
func CheckHost(name, dns string) error {
	host, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), ".")
	first, _, _ := strings.Cut(dns, ".")
	if !strings.EqualFold(first, host) || len(dns) > 253 || strings.ContainsFunc(dns, unusual) {
		return fmt.Errorf("DNS name %q: %s is not that host", dns, name)
	}
	return nil
}

func unusual(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
}
